#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "descriptor.h"

namespace handoff {

int LockExclusively(int fd) {
  return Retry([=] { return flock(fd, LOCK_EX | LOCK_NB); });
}

int ReapOrphans(const int32_t* known, size_t known_count, Orphan* orphans, size_t capacity) {
  size_t count = 0;
  while (count < capacity) {
    siginfo_t child = {};
    int err = Retry([&] { return waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT); });
    if (err < 0 && err != -ECHILD) return err;
    if (err < 0 || child.si_pid == 0) break;  // no child at all, or none that has ended
    if (std::find(known, known + known_count, child.si_pid) != known + known_count) break;

    err = Retry([&] { return waitid(P_PID, child.si_pid, &child, WEXITED | WNOHANG); });
    if (err < 0) return err;
    bool exited = child.si_code == CLD_EXITED;
    orphans[count++] = {child.si_pid, exited ? child.si_status : 128 + child.si_status};
  }
  return static_cast<int>(count);
}

// The numbers of every architecture but alpha. Older headers do not have them.
#if defined(__linux__) && !defined(SYS_pidfd_open)
#define SYS_pidfd_open 434
#endif
#if defined(__linux__) && !defined(SYS_pidfd_send_signal)
#define SYS_pidfd_send_signal 424
#endif

int OpenProcess(pid_t pid) {
#if defined(__linux__)
  // Close-on-exec by itself: pidfd_open(2).
  return static_cast<int>(Retry([=] { return syscall(SYS_pidfd_open, pid, 0); }));
#else
  (void)pid;
  return -ENOSYS;
#endif
}

int SignalProcess(int process, int signal) {
#if defined(__linux__)
  return static_cast<int>(
      Retry([=] { return syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0); }));
#else
  (void)process;
  (void)signal;
  return -ENOSYS;
#endif
}

int BecomeProgram(const char* path, char* const* argv, char* const* envp, const int32_t* fds,
                  size_t fd_count) {
  // Node makes stdio close-on-exec as well: uv_disable_stdio_inheritance.
  std::vector<int> kept = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  kept.insert(kept.end(), fds, fds + fd_count);
  std::vector<int> flags;
  for (int fd : kept) flags.push_back(fcntl(fd, F_GETFD));
  // One of stdio may be closed, and then the program has none.
  if (std::find(flags.begin() + 3, flags.end(), -1) != flags.end()) return -EBADF;
  for (int fd : kept) fcntl(fd, F_SETFD, 0);
  execve(path, argv, envp);
  int err = -errno;
  for (size_t i = 0; i < kept.size(); ++i) fcntl(kept[i], F_SETFD, flags[i]);
  return err;
}

int CloseOnExecAboveStdio() {
#if defined(SYS_close_range)
  constexpr unsigned kCloseOnExec = 1u << 2;  // CLOSE_RANGE_CLOEXEC, Linux 5.11
  if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, kCloseOnExec) == 0) return 0;
#endif
#if defined(__linux__)
  DIR* directory = opendir("/proc/self/fd");
#else
  DIR* directory = opendir("/dev/fd");
#endif
  if (directory == nullptr) return -errno;
  while (const dirent* entry = readdir(directory)) {
    int fd = atoi(entry->d_name);  // 0 for the entries that are no number
    if (fd <= STDERR_FILENO) continue;
    SetCloseOnExec(fd);
  }
  closedir(directory);
  return 0;
}

}  // namespace handoff
