#include "connections.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "descriptor.h"

namespace handoff {
namespace {

#if defined(__linux__)
// One system call instead of three: only a TCP socket has these facts, and they say whether it
// listens.
bool IsTcpConnection(int fd) {
  unsigned char state = 0;  // tcpi_state, the first byte of tcp_info
  socklen_t length = sizeof(state);
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state != TCP_LISTEN;
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

int FindOther(const int* fds, size_t count, bool unix_domain) {
  size_t i = 0;
  while (i < count && IsConnection(fds[i], unix_domain)) i++;
  return static_cast<int>(i);
}

}  // namespace handoff
