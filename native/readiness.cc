#include "readiness.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#if defined(__linux__)
#include <sys/epoll.h>
#else
#include <sys/event.h>
#include <time.h>
#endif

namespace handoff {

namespace {
constexpr size_t kBatch = 256;
}

#if defined(__linux__)

int OpenReadiness() {
  int set = epoll_create1(EPOLL_CLOEXEC);
  return set < 0 ? -errno : set;
}

int AddToReadiness(int set, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
  event.data.fd = fd;
  return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int RemoveFromReadiness(int set, int fd) {
  epoll_event event = {};  // not NULL: kernels before 2.6.9 (epoll_ctl(2), BUGS)
  return epoll_ctl(set, EPOLL_CTL_DEL, fd, &event) < 0 ? -errno : 0;
}

int TakeReady(int set, int* fds, size_t capacity) {
  std::array<epoll_event, kBatch> events;
  int count;
  do {
    count = epoll_wait(set, events.data(), static_cast<int>(std::min(capacity, kBatch)), 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  for (int i = 0; i < count; i++) {
    fds[i] = events[i].data.fd;
    RemoveFromReadiness(set, fds[i]);
  }
  return count;
}

#else

int OpenReadiness() {
  int set = kqueue();
  if (set < 0) return -errno;
  if (fcntl(set, F_SETFD, FD_CLOEXEC) < 0) {
    int err = -errno;
    close(set);
    return err;
  }
  return set;
}

static int Change(int set, int fd, unsigned short flags) {
  struct kevent change;
  EV_SET(&change, fd, EVFILT_READ, flags, 0, 0, nullptr);
  int result;
  do {
    result = kevent(set, &change, 1, nullptr, 0, nullptr);
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : 0;
}

int AddToReadiness(int set, int fd) { return Change(set, fd, EV_ADD | EV_ONESHOT); }

int RemoveFromReadiness(int set, int fd) { return Change(set, fd, EV_DELETE); }

int TakeReady(int set, int* fds, size_t capacity) {
  std::array<struct kevent, kBatch> events;
  timespec now = {};
  int count;
  do {
    count =
        kevent(set, nullptr, 0, events.data(), static_cast<int>(std::min(capacity, kBatch)), &now);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  for (int i = 0; i < count; i++) fds[i] = static_cast<int>(events[i].ident);
  return count;
}

#endif

int AddEachToReadiness(int set, const int* fds, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int err = AddToReadiness(set, fds[i]);
    if (err < 0) return i == 0 ? err : static_cast<int>(i);
  }
  return static_cast<int>(count);
}

}  // namespace handoff
