#include "tcp_progress.h"

#include <errno.h>

#if defined(__linux__)
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#endif

namespace handoff {

#if defined(__linux__)

namespace {

// How often the two questions are asked anew because something arrived between them.
constexpr int kAttempts = 8;

}  // namespace

int ReadProgress(int fd, Progress* progress) {
  tcp_info info = {};
  int unread = 0;
  if (ioctl(fd, SIOCINQ, &unread) < 0) return -errno;
  // What arrives between the two would count in one of them alone.
  for (int before = -1, attempt = 0; before != unread; attempt++) {
    if (attempt == kAttempts) return -EAGAIN;
    before = unread;
    socklen_t length = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return -errno;
    // tcpi_bytes_retrans is of Linux 4.19; an older kernel fills less.
    if (length < offsetof(tcp_info, tcpi_bytes_retrans) + sizeof(info.tcpi_bytes_retrans)) {
      return -ENOTSUP;
    }
    if (ioctl(fd, SIOCINQ, &unread) < 0) return -errno;
  }
  progress->read = info.tcpi_bytes_received - static_cast<uint64_t>(unread);
  // What was sent, each byte once, and what still waits to be sent.
  progress->written = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
  return 0;
}

#else

int ReadProgress(int, Progress*) { return -ENOTSUP; }

#endif

}  // namespace handoff
