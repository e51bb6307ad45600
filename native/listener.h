// Binds listening sockets: libuv would unlink Unix paths when it closes them.
#pragma once

#include <stddef.h>
#include <sys/types.h>

namespace handoff {

struct InternetOptions {
  bool ipv6_only = false;
  bool reuse_address = false;
  bool reuse_port = false;
};

// All of them return a descriptor, close-on-exec and non-blocking, that the caller owns; or -errno,
// and then nothing is left behind. `address` is a literal IP address; IPv6 may end in %scope.

// Binds and listens. Sets dual stack explicitly, whatever the system's default is.
// EADDRINUSE, EADDRNOTAVAIL, EACCES, EAFNOSUPPORT, EINVAL (no literal address, or port), EMFILE.
int ListenTcp(const char* address, int port, const InternetOptions& options, int backlog);

// Binds at the address of a listener that other processes may serve at, and does not listen. Makes
// the listener share its address; the kernel spreads clients over both once both listen. Only Linux
// does: elsewhere this returns another descriptor of the listener itself. EADDRINUSE, EINVAL (not a
// TCP listener), EMFILE.
int ReserveTcp(int listener);

// Makes a TCP listener refuse clients, in every process that has a descriptor of it, and resets
// those in its queue. Others may bind and listen there from then on. Linux only: elsewhere
// -ENOTCONN, without an effect. EINVAL (not a TCP listener).
int StopListening(int listener);

// Binds; the same errnos.
int BindUdp(const char* address, int port, const InternetOptions& options);

constexpr int kModeFromUmask = -1;

// Binds and listens on a Unix path, or an abstract name on Linux. No client can connect before the
// path has `mode`. Removes no path but the one that it has just made. EADDRINUSE (something is at
// the path, live or not), EACCES, ENOENT, ENAMETOOLONG, EINVAL.
int ListenUnix(const char* path, size_t length, int mode, int backlog);

// Binds a datagram socket in the same way. It gets the credentials of every sender (Linux).
int BindUnixDatagram(const char* path, size_t length, int mode);

}  // namespace handoff
