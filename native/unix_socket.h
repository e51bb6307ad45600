// Unix sockets: addresses, pairs, connecting, accepting, and the process at the other end.
#pragma once

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "scm_rights.h"

namespace handoff {

// Fills `address` from a path; one that starts with '@' or NUL is an abstract name on Linux.
// Returns the address's length, or -errno: EINVAL (empty, or NUL inside), ENAMETOOLONG.
int UnixAddress(const char* path, size_t length, sockaddr_un* address);

// Makes a connected pair, close-on-exec and blocking: programs in other languages, which often get
// one end, expect that. `type` is SOCK_STREAM or SOCK_DGRAM. Returns 0, and the caller owns both of
// `fds`; or -errno: EMFILE, ENFILE.
int SocketPair(int type, int fds[2]);

// Returns a stream connected to `path`, close-on-exec and non-blocking. The caller owns it.
// Or -errno: those of UnixAddress, ENOENT, ECONNREFUSED, EACCES, EAGAIN (the backlog is full).
//
// Blocks for up to `wait_ms` while the backlog is full.
int ConnectUnix(const char* path, size_t length, int wait_ms = 0);

// Returns 1 if the peer of a connected socket has closed it, whether all was read or not; else 0,
// or -errno.
int IsHungUp(int fd);

// Returns a datagram socket connected to `path`, in the same way. To send, it does not need the
// right to the path any more.
int ConnectUnixDatagram(const char* path, size_t length);

// Returns the next connection of a listener, close-on-exec and non-blocking. The caller owns it.
// Or -errno: EAGAIN (none waits), EMFILE, ENFILE, ECONNABORTED, EINVAL (not listening).
int Accept(int listener);

// Sends one datagram to `path`, with descriptors; see Send. Returns the number of bytes or -errno,
// those of Send and ConnectUnix.
ssize_t SendDatagram(const char* path, size_t path_length, const void* bytes, size_t length,
                     const int* fds, size_t count);

// Blocks until there is something to read, for up to `timeout_ms`. A signal ends it early. Returns
// 1 if there is something (the end of the stream and errors included), else 0, or -errno: EINVAL,
// ENOMEM.
int WaitReadable(int fd, int timeout_ms);

// Returns the process that was at the other end at connect(2) or socketpair(2): both ends of an
// inherited pair name the process that made it. Returns 0 or -errno: ENOTCONN, ENOTSOCK.
int PeerCredentials(int fd, Credentials* credentials);

}  // namespace handoff
