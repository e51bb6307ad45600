// Unix sockets: addresses, pairs, connecting, accepting, and who is at the other end.
#pragma once

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "scm_rights.h"

namespace handoff {

// Fills `address` from a path; one that starts with '@' or NUL is an abstract name on Linux.
// Returns the address's length, or -errno: EINVAL (empty, or NUL inside), ENAMETOOLONG.
int UnixAddress(const char* path, size_t length, sockaddr_un* address);

// Makes a connected pair, close-on-exec and blocking: one end is often for another program, which
// expects that. `type` is SOCK_STREAM or SOCK_DGRAM. Returns 0, and the caller owns both of `fds`;
// or -errno: EMFILE, ENFILE.
int SocketPair(int type, int fds[2]);

// Returns a stream connected to `path`, close-on-exec and non-blocking; the caller owns it.
// Or -errno: those of UnixAddress, ENOENT, ECONNREFUSED, EACCES, EAGAIN (its backlog is full).
//
// `wait_ms` is how long it blocks while the backlog is full; 0: not at all.
int ConnectUnix(const char* path, size_t length, int wait_ms = 0);

// Whether the peer of a connected socket has closed it, read or not: 1 or 0, or -errno.
int IsHungUp(int fd);

// Returns a datagram socket connected to `path`, in the same way; what it sends needs no right to the
// path any more.
int ConnectUnixDatagram(const char* path, size_t length);

// Returns the next connection of a listener, close-on-exec and non-blocking; the caller owns it.
// Or -errno: EAGAIN (none waits), EMFILE, ENFILE, ECONNABORTED, EINVAL (not listening).
int Accept(int listener);

// Sends one datagram to `path`, with descriptors on it; see Send. Returns the bytes sent or -errno,
// those of Send and ConnectUnix.
ssize_t SendDatagram(const char* path, size_t path_length, const void* bytes, size_t length,
                     const int* fds, size_t count);

// Blocks until there is something to read, or `timeout_ms` is over; a signal ends it early. Returns 1
// if there is (the end of the stream and errors included), else 0, or -errno: EINVAL, ENOMEM.
int WaitReadable(int fd, int timeout_ms);

// Tells who was at the other end when the connection was made: connect(2) or socketpair(2), so both
// ends of an inherited pair name its maker. Returns 0 or -errno: ENOTCONN, ENOTSOCK.
int PeerCredentials(int fd, Credentials* credentials);

}  // namespace handoff
