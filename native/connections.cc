#include "connections.h"

#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#if defined(__linux__)
#include <linux/sockios.h>
#endif

#include "descriptor.h"

namespace handoff {
namespace {

#if defined(__linux__)
// One system call instead of three, and one that takes no lock: only a TCP socket that does not listen
// has an answer.
bool IsTcpConnection(int fd) {
  int unsent = 0;
  return ioctl(fd, SIOCOUTQNSD, &unsent) == 0;
}
#else
bool IsTcpConnection(int) { return false; }
#endif

bool IsConnection(int fd, bool unix_domain) {
  if (!unix_domain && IsTcpConnection(fd)) return true;
  int type = 0;
  int listening = 0;
  if (GetOption(fd, SOL_SOCKET, SO_TYPE, &type) < 0 || type != SOCK_STREAM) return false;
  if (GetOption(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening) < 0 || listening) return false;
  sockaddr_storage address = {};
  socklen_t length = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) < 0) return false;
  if (unix_domain) return address.ss_family == AF_UNIX;
  return address.ss_family == AF_INET || address.ss_family == AF_INET6;
}

}  // namespace

int DupEach(const int* fds, size_t count, int* out) {
  for (size_t i = 0; i < count; i++) {
    int fd = Dup(fds[i]);
    if (fd < 0) return i == 0 ? fd : static_cast<int>(i);
    out[i] = fd;
  }
  return static_cast<int>(count);
}

int ShutdownEach(const int* fds, size_t count) {
  for (size_t i = 0; i < count; i++) shutdown(fds[i], SHUT_RDWR);
  return 0;
}

int FindOther(const int* fds, size_t count, bool unix_domain) {
  size_t i = 0;
  while (i < count && IsConnection(fds[i], unix_domain)) i++;
  return static_cast<int>(i);
}

}  // namespace handoff
