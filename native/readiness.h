// Watches many descriptors behind one: an epoll or kqueue that is itself readable when one of them
// is. To watch one costs a system call, and no memory of this process.
#pragma once

#include <stddef.h>

namespace handoff {

// Returns a close-on-exec descriptor that the caller owns, or -errno: EMFILE, ENFILE, ENOMEM.
int OpenReadiness();

// Watches each of `count` descriptors, which stay the caller's, until it has something to read or
// its peer has closed; that is reported once. Returns how many, up to the first that fails; or
// -errno if the first of all fails: EBADF, EEXIST, EPERM, ENOSPC (fs.epoll.max_user_watches),
// ENOMEM.
int AddEachToReadiness(int set, const int* fds, size_t count);

// Watches `fd` no longer. Call this before the close: while another process has the same open file,
// epoll would go on to report it. Returns 0 or -errno: ENOENT, EBADF.
int RemoveFromReadiness(int set, int fd);

// Never blocks. Fills `fds`, up to `capacity`, with descriptors that have something to read; they
// are not watched any more. Returns how many, or -errno.
int TakeReady(int set, int* fds, size_t capacity);

}  // namespace handoff
