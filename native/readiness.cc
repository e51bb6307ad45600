#include "readiness.h"

#include <algorithm>
#include <array>

#if defined(__linux__)
#include <sys/epoll.h>
#else
#include <sys/event.h>
#include <time.h>
#endif

#include "descriptor.h"

namespace handoff {

namespace {
constexpr size_t kBatch = 256;
}

#if defined(__linux__)

int OpenReadiness() {
  return Retry([] { return epoll_create1(EPOLL_CLOEXEC); });
}

static int Add(int set, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
  event.data.fd = fd;
  return Retry([&] { return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event); });
}

int RemoveFromReadiness(int set, int fd) {
  epoll_event event = {};  // not NULL: kernels before 2.6.9 (epoll_ctl(2), BUGS)
  return Retry([&] { return epoll_ctl(set, EPOLL_CTL_DEL, fd, &event); });
}

int TakeReady(int set, int* fds, size_t capacity) {
  std::array<epoll_event, kBatch> events;
  int most = static_cast<int>(std::min(capacity, kBatch));
  int count = Retry([&] { return epoll_wait(set, events.data(), most, 0); });
  for (int i = 0; i < count; i++) {
    fds[i] = events[i].data.fd;
    RemoveFromReadiness(set, fds[i]);
  }
  return count;
}

#else

int OpenReadiness() {
  int set = Retry([] { return kqueue(); });
  if (set < 0) return set;
  Owned owned(set);
  int err = SetCloseOnExec(set);
  return err < 0 ? err : owned.Release();
}

static int Change(int set, int fd, unsigned short flags) {
  struct kevent change;
  EV_SET(&change, fd, EVFILT_READ, flags, 0, 0, nullptr);
  return Retry([&] { return kevent(set, &change, 1, nullptr, 0, nullptr); });
}

static int Add(int set, int fd) { return Change(set, fd, EV_ADD | EV_ONESHOT); }

int RemoveFromReadiness(int set, int fd) { return Change(set, fd, EV_DELETE); }

int TakeReady(int set, int* fds, size_t capacity) {
  std::array<struct kevent, kBatch> events;
  timespec now = {};
  int most = static_cast<int>(std::min(capacity, kBatch));
  int count = Retry([&] { return kevent(set, nullptr, 0, events.data(), most, &now); });
  for (int i = 0; i < count; i++) fds[i] = static_cast<int>(events[i].ident);
  return count;
}

#endif

int AddEachToReadiness(int set, const int* fds, size_t count) {
  for (size_t i = 0; i < count; i++) {
    int err = Add(set, fds[i]);
    if (err < 0) return i == 0 ? err : static_cast<int>(i);
  }
  return static_cast<int>(count);
}

}  // namespace handoff
