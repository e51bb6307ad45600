// Work of a handoff on many connections in one call: from JavaScript, a call for each costs more
// than the work.
#pragma once

#include <stddef.h>

namespace handoff {

// Dups `count` descriptors into `out`, close-on-exec. The caller owns them. Returns how many, up to
// the first that fails; or -errno if the first of all fails: EBADF, EMFILE.
int DupEach(const int* fds, size_t count, int* out);

// Ends connections in both directions, for every process that holds them. Returns 0. Ignores errors: a
// connection may have ended before.
int ShutdownEach(const int* fds, size_t count);

// Returns the index of the first descriptor that is not a connected stream socket, of the Unix
// domain or of the internet as `unix_domain` says; `count` if all are.
int FindOther(const int* fds, size_t count, bool unix_domain);

}  // namespace handoff
