// Listening sockets, bound by us rather than by libuv, which would unlink Unix paths on close.
#pragma once

#include <stddef.h>
#include <sys/types.h>

namespace handoff {

struct InternetOptions {
  bool ipv6_only = false;
  bool reuse_address = false;
  bool reuse_port = false;
};

// All of them return a descriptor, close-on-exec and non-blocking, that the caller owns, or -errno
// with nothing left behind. `address` is a literal IP address; IPv6 may end in %scope.

// Binds and listens. Dual stack is asked for, never left to the system's default.
// EADDRINUSE, EADDRNOTAVAIL, EACCES, EAFNOSUPPORT, EINVAL (no literal address, or port), EMFILE.
int ListenTcp(const char* address, int port, const InternetOptions& options, int backlog);

// Binds, and does not listen, at the very place of a listener that others may serve on: what
// connects is spread over both as soon as both listen. The listener is told to share its place.
// Where the kernel does not spread (all but Linux), another descriptor of the listener itself.
// EADDRINUSE, EINVAL (no TCP listener), EMFILE.
int ReserveTcp(int listener);

// Makes a TCP listener refuse who connects, in every process that has a descriptor of it; what waits
// in its queue is reset. From here on others may bind and listen there. Linux only: elsewhere -ENOTCONN,
// and nothing happens. EINVAL (no TCP listener).
int StopListening(int listener);

// Binds; the same errnos.
int BindUdp(const char* address, int port, const InternetOptions& options);

constexpr int kModeFromUmask = -1;

// Binds and listens on a Unix path, or an abstract name on Linux. Nobody can connect before the
// path has `mode`. Never removes a path but the one it has just made.
// EADDRINUSE (something is at the path, live or not), EACCES, ENOENT, ENAMETOOLONG, EINVAL.
int ListenUnix(const char* path, size_t length, int mode, int backlog);

// Binds a datagram socket there; it gets the credentials of every sender (Linux).
int BindUnixDatagram(const char* path, size_t length, int mode);

}  // namespace handoff
