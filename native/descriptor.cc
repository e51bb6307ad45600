#include "descriptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#if defined(__linux__)
#include <linux/memfd.h>
#include <sys/syscall.h>
#endif

namespace handoff {

// Descriptors 0 to 2 may be free in a daemon. Those of the core must never become its stdio.
constexpr int kFirstAboveStdio = 3;

Owned::~Owned() {
  if (fd_ >= 0) Close(fd_);
}

int Dup(int fd) {
  return Retry([=] { return fcntl(fd, F_DUPFD_CLOEXEC, kFirstAboveStdio); });
}

int Close(int fd) {
  if (close(fd) == 0 || errno == EINTR) return 0;
  return -errno;
}

int ReserveDescriptors(int count) {
#if defined(__linux__)
  Owned lowest(OpenSocket(AF_UNIX, SOCK_STREAM));
  if (lowest.get() < 0) return lowest.get();
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return -errno;
  rlim_t last = std::min<rlim_t>(static_cast<rlim_t>(lowest.get()) + count, limit.rlim_cur - 1);
  if (last <= static_cast<rlim_t>(lowest.get())) return 0;
  Owned highest(Retry([&] { return fcntl(lowest.get(), F_DUPFD_CLOEXEC, static_cast<int>(last)); }));
  return std::min(highest.get(), 0);
#else
  (void)count;
  return 0;
#endif
}

int OpenMemoryFile() {
#if defined(__linux__)
  // The C libraries that the core is built for do not all have memfd_create().
  return static_cast<int>(
      Retry([] { return syscall(SYS_memfd_create, "socket-handoff", MFD_CLOEXEC); }));
#else
  return -ENOSYS;
#endif
}

int SetCloseOnExec(int fd) {
  return Retry([=] { return fcntl(fd, F_SETFD, FD_CLOEXEC); });
}

int SetNonBlocking(int fd) {
  int flags = Retry([=] { return fcntl(fd, F_GETFL); });
  if (flags < 0 || (flags & O_NONBLOCK)) return flags < 0 ? flags : 0;
  return Retry([=] { return fcntl(fd, F_SETFL, flags | O_NONBLOCK); });
}

void SuppressSigpipe(int fd) {
#if defined(SO_NOSIGPIPE)
  SetOption(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#else
  (void)fd;
#endif
}

int OpenSocket(int domain, int type) {
#if defined(SOCK_CLOEXEC)
  return Retry([=] { return socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); });
#else
  int fd = Retry([=] { return socket(domain, type, 0); });
  if (fd < 0) return fd;
  Owned owned(fd);
  int err = SetCloseOnExec(fd);
  if (err == 0) err = SetNonBlocking(fd);
  SuppressSigpipe(fd);
  return err < 0 ? err : owned.Release();
#endif
}

int SetOption(int fd, int level, int option, int value) {
  return Retry([&] { return setsockopt(fd, level, option, &value, sizeof(value)); });
}

int GetOption(int fd, int level, int option, int* value) {
  socklen_t length = sizeof(*value);
  return Retry([&] { return getsockopt(fd, level, option, value, &length); });
}

}  // namespace handoff
