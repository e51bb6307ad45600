// Many descriptors behind one: an epoll or kqueue that is itself readable when one of them is.
// Watching one costs a system call, and no memory of ours.
#pragma once

#include <stddef.h>

namespace handoff {

// Returns a close-on-exec descriptor that the caller owns, or -errno: EMFILE, ENFILE, ENOMEM.
int OpenReadiness();

// Watches each of `count` descriptors, which stay the caller's, for something to read or the end of
// its peer; it is told of once. Returns how many, up to the first that fails, or -errno when that
// is the first of all: EBADF, EEXIST, EPERM, ENOSPC (fs.epoll.max_user_watches), ENOMEM.
int AddEachToReadiness(int set, const int* fds, size_t count);

// Watches `fd` no more. It must happen before the close: while another process has the same open
// file, epoll would go on to tell of it. Returns 0 or -errno: ENOENT, EBADF.
int RemoveFromReadiness(int set, int fd);

// Never blocks. Returns how many of `fds` it filled, `capacity` at most, with descriptors that have
// something to read and are watched no more; or -errno.
int TakeReady(int set, int* fds, size_t capacity);

}  // namespace handoff
