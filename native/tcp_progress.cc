#include "tcp_progress.h"

#if defined(__linux__)
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>

#include "descriptor.h"
#endif

namespace handoff {

#if defined(__linux__)

namespace {

constexpr size_t kBatch = 256;

// How often both system calls are repeated because bytes arrived between them.
constexpr int kAttempts = 8;

// tcpi_state, as in the kernel's include/net/tcp_states.h. <linux/tcp.h> has no names for them, and
// <netinet/tcp.h> has an older tcp_info.
enum State : uint8_t {
  kTimeWait = 6,
  kClose = 7,
  kCloseWait = 8,
  kLastAck = 9,
  kClosing = 11,
};

struct Progress {
  double read = kUnknownProgress;
  double written = kUnknownProgress;
};

int ReadInfo(int fd, tcp_info* info) {
  socklen_t length = sizeof(*info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &length) < 0) return -errno;
  // tcpi_bytes_retrans came with Linux 4.19. An older kernel fills less.
  size_t needed = offsetof(tcp_info, tcpi_bytes_retrans) + sizeof(info->tcpi_bytes_retrans);
  if (length < needed) return -ENOTSUP;
  return info->tcpi_state == kClose ? -ENOTCONN : 0;
}

// A socket that was never connected has the state kClose: the kernel has filled in all of it before.
int ReportsProgressOf(int domain) {
  int fd = socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  tcp_info info;
  int result = ReadInfo(fd, &info);
  close(fd);
  return result == 0 || result == -ENOTCONN;
}

// The kernel counts the end of the stream as one of the bytes that it has received.
bool HasEnded(const tcp_info& info) {
  switch (info.tcpi_state) {
    case kCloseWait:
    case kLastAck:
    case kClosing:
    case kTimeWait:
      return true;
    default:
      return false;
  }
}

Progress ProgressOf(const tcp_info& info, int unread) {
  // Bytes that were sent, each counted once, and bytes that wait to be sent.
  uint64_t written = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
  uint64_t received = info.tcpi_bytes_received - (HasEnded(info) ? 1 : 0);
  uint64_t read = received - static_cast<uint64_t>(unread);
  return {static_cast<double>(read), static_cast<double>(written)};
}

Progress ReadProgress(int fd) {
  tcp_info info;
  int unread = 0;
  if (ioctl(fd, SIOCINQ, &unread) < 0) return {};
  // A byte that arrives between the two calls would count in one of them only.
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    int before = unread;
    if (ReadInfo(fd, &info) < 0 || ioctl(fd, SIOCINQ, &unread) < 0) return {};
    if (before == unread) return ProgressOf(info, unread);
  }
  return {};
}

// A system call costs more than its work here, so one poll(2) finds the connections of a batch with
// unread bytes. A connection without unread bytes after ReadInfo() had none before.
// (SO_RCVLOWAT would hide a few bytes from poll(2), as from the event loop: Node.js never sets it.)
void ReadProgressOfBatch(const int* fds, size_t count, Progress* progress) {
  std::array<tcp_info, kBatch> infos;
  std::array<pollfd, kBatch> unread;
  for (size_t i = 0; i < count; i++) {
    // poll(2) skips negative descriptors.
    unread[i] = {ReadInfo(fds[i], &infos[i]) == 0 ? fds[i] : -1, POLLIN | POLLPRI, 0};
  }
  bool polled = Retry([&] { return poll(unread.data(), count, 0); }) >= 0;
  for (size_t i = 0; i < count; i++) {
    bool silent = polled && unread[i].revents == 0;
    if (unread[i].fd >= 0) progress[i] = silent ? ProgressOf(infos[i], 0) : ReadProgress(fds[i]);
  }
}

}  // namespace

void ReadProgressOfEach(const int* fds, size_t count, double* read_and_written) {
  std::array<Progress, kBatch> progress;
  for (size_t begun = 0; begun < count; begun += kBatch) {
    size_t size = std::min(kBatch, count - begun);
    progress.fill({});
    ReadProgressOfBatch(fds + begun, size, progress.data());
    for (size_t i = 0; i < size; i++) {
      read_and_written[2 * (begun + i)] = progress[i].read;
      read_and_written[2 * (begun + i) + 1] = progress[i].written;
    }
  }
}

int ReportsProgress() {
  int result = ReportsProgressOf(AF_INET);
  return result == -EAFNOSUPPORT ? ReportsProgressOf(AF_INET6) : result;
}

void ReadSilenceOfEach(const int* fds, size_t count, int* silence_ms) {
  constexpr uint32_t kLongest = std::numeric_limits<int>::max();
  for (size_t i = 0; i < count; i++) {
    tcp_info info;
    silence_ms[i] = kUnknownSilence;
    if (ReadInfo(fds[i], &info) < 0) continue;
    silence_ms[i] = static_cast<int>(
        std::min({info.tcpi_last_data_recv, info.tcpi_last_data_sent, kLongest}));
  }
}

#else

void ReadProgressOfEach(const int*, size_t count, double* read_and_written) {
  for (size_t i = 0; i < 2 * count; i++) read_and_written[i] = kUnknownProgress;
}

int ReportsProgress() { return 0; }

void ReadSilenceOfEach(const int*, size_t count, int* silence_ms) {
  for (size_t i = 0; i < count; i++) silence_ms[i] = kUnknownSilence;
}

#endif

}  // namespace handoff
