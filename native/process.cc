#include "process.h"

#include <sys/file.h>
#include <sys/wait.h>

#include <algorithm>

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

}  // namespace handoff
