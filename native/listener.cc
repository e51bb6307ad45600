#include "listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "descriptor.h"
#include "facts.h"
#include "unix_socket.h"

namespace handoff {
namespace {

// Returns the number of an interface given by name or number, or 0.
unsigned ScopeId(const char* scope) {
  if (unsigned index = if_nametoindex(scope)) return index;
  char* end;
  unsigned long number = strtoul(scope, &end, 10);
  return *scope >= '0' && *scope <= '9' && *end == '\0' ? static_cast<unsigned>(number) : 0;
}

// Fills `out` and returns the length of the address, or -EINVAL.
int InternetAddress(const char* address, int port, sockaddr_storage* out) {
  if (port < 0 || port > 65535) return -EINVAL;
  *out = {};
  auto* v4 = reinterpret_cast<sockaddr_in*>(out);
  if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    return sizeof(*v4);
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(out);
  std::string host(address);
  size_t percent = host.find('%');
  if (percent != std::string::npos) {
    v6->sin6_scope_id = ScopeId(address + percent + 1);
    if (v6->sin6_scope_id == 0) return -EINVAL;
    host.resize(percent);
  }
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1) return -EINVAL;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(static_cast<uint16_t>(port));
  return sizeof(*v6);
}

int BindInternet(const char* address, int port, int type, const InternetOptions& options) {
  sockaddr_storage name;
  int size = InternetAddress(address, port, &name);
  if (size < 0) return size;
  Owned fd(OpenSocket(name.ss_family, type));
  if (fd.get() < 0) return fd.get();

  int err = 0;
  if (name.ss_family == AF_INET6) {
    err = SetOption(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, options.ipv6_only);
  }
  if (err == 0 && options.reuse_address) err = SetOption(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (err == 0 && options.reuse_port) err = SetOption(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (err == 0) {
    err = Retry([&] { return bind(fd.get(), reinterpret_cast<sockaddr*>(&name), size); });
  }
  return err < 0 ? err : fd.Release();
}

// Gives the path `mode`. The socket had at most those rights before: this only adds those that the
// umask had removed.
int EnsureMode(const char* path, mode_t mode) {
#if defined(__GLIBC__)
  // Not lstat(2): built with glibc 2.33 or newer, it needs that release or a newer one. Node.js
  // itself needs 2.28, which has statx(2). A sandbox may forbid it; chmod(2) then sets the mode in
  // any case.
  struct statx found;
  bool is_set = statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MODE, &found) == 0 &&
                (found.stx_mode & 07777) == mode;
#else
  struct stat found;
  bool is_set = lstat(path, &found) == 0 && (found.st_mode & 07777) == mode;
#endif
  if (is_set) return 0;
  return Retry([=] { return chmod(path, mode); });
}

// Binds `fd`. If that makes a path and a later step fails, removes the path again.
int BindPath(int fd, const char* path, size_t length, int mode, int backlog) {
  sockaddr_un address;
  int size = UnixAddress(path, length, &address);
  if (size < 0) return size;
  bool has_path = address.sun_path[0] != '\0';
#if defined(__linux__)
  // The kernel makes the path with the mode of the socket's own inode, less the umask: unix_bind.
  if (has_path && mode != kModeFromUmask && fchmod(fd, mode) == -1) return -errno;
#endif
  int err = Retry([&] { return bind(fd, reinterpret_cast<sockaddr*>(&address), size); });
  if (err < 0) return err;
  if (has_path && mode != kModeFromUmask) err = EnsureMode(address.sun_path, mode);
  // No client can connect before listen(2): by then the mode is in force on every system.
  if (err == 0 && backlog > 0) err = Retry([&] { return listen(fd, backlog); });
  if (err < 0 && has_path) unlink(address.sun_path);
  return err;
}

}  // namespace

int ListenTcp(const char* address, int port, const InternetOptions& options, int backlog) {
  int bound = BindInternet(address, port, SOCK_STREAM, options);
  if (bound < 0) return bound;
  Owned fd(bound);
  int err = Retry([&] { return listen(fd.get(), backlog); });
  return err < 0 ? err : fd.Release();
}

int ReserveTcp(int listener) {
  Facts facts;
  int err = Describe(listener, &facts);
  if (err < 0) return err;
  bool is_tcp = facts.family == AF_INET || facts.family == AF_INET6;
  if (!is_tcp || !facts.listening) return -EINVAL;
#if defined(__linux__)
  // Not too late after its bind: inet_csk_bind_conflict() checks it at the bind of the other
  // socket.
  err = SetOption(listener, SOL_SOCKET, SO_REUSEPORT, 1);
  if (err < 0) return err;
  InternetOptions options;
  options.ipv6_only = facts.ipv6_only;
  options.reuse_address = true;
  options.reuse_port = true;
  std::string address(facts.name, facts.name_length);
  return BindInternet(address.c_str(), facts.port, SOCK_STREAM, options);
#else
  return Dup(listener);
#endif
}

int StopListening(int listener) {
  Facts facts;
  int err = Describe(listener, &facts);
  if (err < 0) return err;
  bool is_tcp = facts.family == AF_INET || facts.family == AF_INET6;
  if (!is_tcp || !facts.listening) return -EINVAL;
  // inet_shutdown(), TCP_LISTEN: the socket is closed for all processes that hold it.
  return shutdown(listener, SHUT_RD) < 0 ? -errno : 0;
}

int BindUdp(const char* address, int port, const InternetOptions& options) {
  return BindInternet(address, port, SOCK_DGRAM, options);
}

int ListenUnix(const char* path, size_t length, int mode, int backlog) {
  Owned fd(OpenSocket(AF_UNIX, SOCK_STREAM));
  if (fd.get() < 0) return fd.get();
  int err = BindPath(fd.get(), path, length, mode, backlog > 0 ? backlog : 1);
  return err < 0 ? err : fd.Release();
}

int BindUnixDatagram(const char* path, size_t length, int mode) {
  Owned fd(OpenSocket(AF_UNIX, SOCK_DGRAM));
  if (fd.get() < 0) return fd.get();
  int err = PassCredentials(fd.get(), true);
  if (err == 0) err = BindPath(fd.get(), path, length, mode, 0);
  return err < 0 ? err : fd.Release();
}

}  // namespace handoff
