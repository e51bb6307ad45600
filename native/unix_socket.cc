#include "unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "descriptor.h"

namespace handoff {

int UnixAddress(const char* path, size_t length, sockaddr_un* address) {
  if (length == 0) return -EINVAL;
#if defined(__linux__)
  bool is_abstract = path[0] == '@' || path[0] == '\0';
#else
  bool is_abstract = false;
#endif
  // Path names end with NUL.
  if (length > sizeof(address->sun_path) - (is_abstract ? 0 : 1)) return -ENAMETOOLONG;

  *address = {};
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, length);
  size_t header = offsetof(sockaddr_un, sun_path);
  if (is_abstract) {
    address->sun_path[0] = '\0';
    return static_cast<int>(header + length);  // exact: trailing NULs would be part of the name
  }
  if (memchr(path, '\0', length)) return -EINVAL;
  return static_cast<int>(header + length + 1);
}

int SocketPair(int type, int fds[2]) {
#if defined(SOCK_CLOEXEC)
  return Retry([=] { return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds); });
#else
  int pair[2];
  int err = Retry([&] { return socketpair(AF_UNIX, type, 0, pair); });
  if (err < 0) return err;
  Owned first(pair[0]), second(pair[1]);
  for (int fd : pair) {
    if (err == 0) err = SetCloseOnExec(fd);
    SuppressSigpipe(fd);
  }
  if (err < 0) return err;
  fds[0] = first.Release();
  fds[1] = second.Release();
  return 0;
#endif
}

// Blocks until the backlog has room, for up to `wait_ms`.
static int ConnectPatiently(int fd, const sockaddr_un& address, int size, int wait_ms) {
  timeval wait = {wait_ms / 1000, static_cast<suseconds_t>(wait_ms % 1000) * 1000};
  int flags = fcntl(fd, F_GETFL);
  if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == -1) return -errno;
  fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  int err = Retry([&] { return connect(fd, reinterpret_cast<const sockaddr*>(&address), size); });
  fcntl(fd, F_SETFL, flags);
  return err;
}

static int Connect(const char* path, size_t length, int type, int wait_ms = 0) {
  sockaddr_un address;
  int size = UnixAddress(path, length, &address);
  if (size < 0) return size;
  Owned fd(OpenSocket(AF_UNIX, type));
  if (fd.get() < 0) return fd.get();
  int err = Retry([&] { return connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size); });
  if (err == -EAGAIN && wait_ms > 0) err = ConnectPatiently(fd.get(), address, size, wait_ms);
  return err < 0 ? err : fd.Release();
}

int IsHungUp(int fd) {
  pollfd poll_fd = {fd, POLLIN, 0};
  int err = Retry([&] { return poll(&poll_fd, 1, 0); });
  if (err < 0) return err;
  if (poll_fd.revents & POLLNVAL) return -EBADF;
  return (poll_fd.revents & POLLHUP) ? 1 : 0;
}

int ConnectUnix(const char* path, size_t length, int wait_ms) {
  return Connect(path, length, SOCK_STREAM, wait_ms);
}

int ConnectUnixDatagram(const char* path, size_t length) {
  return Connect(path, length, SOCK_DGRAM);
}

int Accept(int listener) {
#if defined(SOCK_CLOEXEC)
  return Retry([=] { return accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
#else
  Owned fd(Retry([=] { return accept(listener, nullptr, nullptr); }));
  if (fd.get() < 0) return fd.get();
  int err = SetCloseOnExec(fd.get());
  if (err == 0) err = SetNonBlocking(fd.get());
  SuppressSigpipe(fd.get());
  return err < 0 ? err : fd.Release();
#endif
}

int WaitReadable(int fd, int timeout_ms) {
  pollfd watched = {fd, POLLIN, 0};
  int ready = poll(&watched, 1, timeout_ms);
  if (ready == -1) return errno == EINTR ? 0 : -errno;
  return ready;
}

ssize_t SendDatagram(const char* path, size_t path_length, const void* bytes, size_t length,
                     const int* fds, size_t count) {
  sockaddr_un address;
  int size = UnixAddress(path, path_length, &address);
  if (size < 0) return size;
  Owned fd(OpenSocket(AF_UNIX, SOCK_DGRAM));
  if (fd.get() < 0) return fd.get();
  return Send(fd.get(), bytes, length, fds, count, reinterpret_cast<sockaddr*>(&address), size);
}

int PeerCredentials(int fd, Credentials* credentials) {
#if defined(SO_PEERCRED)
  ucred peer;
  socklen_t length = sizeof(peer);
  int err = Retry([&] { return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length); });
  if (err < 0) return err;
  if (peer.uid == static_cast<uid_t>(-1)) return -ENOTCONN;  // the kernel has no peer on record
  // Pid 0: a process of a pid namespace that this process does not see.
  *credentials = {peer.pid == 0 ? -1 : peer.pid, peer.uid, peer.gid};
  return 0;
#else
  *credentials = {-1, 0, 0};
  int err = Retry([&] { return getpeereid(fd, &credentials->uid, &credentials->gid); });
#if defined(LOCAL_PEERPID)
  socklen_t length = sizeof(credentials->pid);
  if (err == 0) getsockopt(fd, SOL_LOCAL, LOCAL_PEERPID, &credentials->pid, &length);
#endif
  return err;
#endif
}

}  // namespace handoff
