#include "../process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "../descriptor.h"
#include "harness.h"

using namespace handoff;

namespace {

// Starts a child that ends in this way. Waits for its end without reaping it.
pid_t Ended(int code, int signal = 0) {
  pid_t child = fork();
  if (child == 0) {
    if (signal) raise(signal);
    _exit(code);
  }
  siginfo_t ignored;
  CHECK_EQ(waitid(P_PID, child, &ignored, WEXITED | WNOWAIT), 0);
  return child;
}

}  // namespace

TEST(a_lock_has_one_holder) {
  Scratch scratch;
  Owned one(open(scratch.path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  Owned two(open(scratch.path().c_str(), O_RDWR | O_CLOEXEC));
  CHECK_EQ(LockExclusively(one.get()), 0);
  CHECK_EQ(LockExclusively(two.get()), -EWOULDBLOCK);
  Close(one.Release());
  CHECK_EQ(LockExclusively(two.get()), 0);
  CHECK_EQ(LockExclusively(-1), -EBADF);
}

TEST(another_program_gets_the_kept_descriptors_only) {
  int kept[2];
  int other[2];
  CHECK_EQ(pipe2(kept, O_CLOEXEC), 0);
  CHECK_EQ(pipe2(other, O_CLOEXEC), 0);
  pid_t child = fork();
  if (child == 0) {
    std::string script = "echo $WORD >&" + std::to_string(kept[1]) + "; echo x >&" +
                         std::to_string(other[1]) + " && exit 1; exit 7";
    std::string word = "WORD=kept";
    char* argv[] = {const_cast<char*>("sh"), const_cast<char*>("-c"), script.data(), nullptr};
    char* envp[] = {word.data(), nullptr};
    close(2);  // The shell prints an error for the closed one.
    int32_t fds[] = {kept[1]};
    BecomeProgram("/bin/sh", argv, envp, fds, 1);
    _exit(99);
  }
  int status = 0;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) != 1 && WEXITSTATUS(status) != 99);
  char text[16] = {};
  CHECK_EQ(read(kept[0], text, sizeof(text)), 5);
  CHECK(std::string(text) == "kept\n");
  for (int fd : {kept[0], kept[1], other[0], other[1]}) Close(fd);
}

TEST(a_program_that_is_not_there_changes_nothing) {
  Scratch scratch;
  Owned fd(open(scratch.path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  int32_t fds[] = {fd.get()};
  char* none[] = {nullptr};
  CHECK_EQ(BecomeProgram("/nonexistent", none, none, fds, 1), -ENOENT);
  CHECK_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  fds[0] = -1;
  CHECK_EQ(BecomeProgram("/bin/sh", none, none, fds, 1), -EBADF);
}

TEST(the_ended_are_reaped_with_their_status) {
  Orphan orphans[4];
  CHECK_EQ(ReapOrphans(nullptr, 0, orphans, 4), 0);  // no child at all
  pid_t exited = Ended(7);
  CHECK_EQ(ReapOrphans(nullptr, 0, orphans, 4), 1);
  CHECK_EQ(orphans[0].pid, exited);
  CHECK_EQ(orphans[0].status, 7);
  pid_t killed = Ended(0, SIGKILL);
  CHECK_EQ(ReapOrphans(nullptr, 0, orphans, 4), 1);
  CHECK_EQ(orphans[0].pid, killed);
  CHECK_EQ(orphans[0].status, 128 + SIGKILL);
}

TEST(the_known_and_the_living_are_left_alone) {
  int32_t known = Ended(3);
  Orphan orphans[4];
  CHECK_EQ(ReapOrphans(&known, 1, orphans, 4), 0);
  int status;
  CHECK_EQ(waitpid(known, &status, 0), known);
  CHECK_EQ(WEXITSTATUS(status), 3);

  pid_t living = fork();
  if (living == 0) {
    pause();
    _exit(0);
  }
  CHECK_EQ(ReapOrphans(nullptr, 0, orphans, 4), 0);
  kill(living, SIGKILL);
  CHECK_EQ(waitpid(living, &status, 0), living);
}

TEST(a_call_takes_no_more_than_it_has_room_for) {
  for (int i = 0; i < 3; i++) Ended(i);
  Orphan orphans[2];
  CHECK_EQ(ReapOrphans(nullptr, 0, orphans, 2), 2);
  CHECK_EQ(ReapOrphans(nullptr, 0, orphans, 2), 1);
  CHECK_EQ(ReapOrphans(nullptr, 0, orphans, 2), 0);
}

#if defined(__linux__)
// As in a container: a process that loses its parent becomes a child of PID 1, here of the test.
TEST(grandchildren_come_to_us_when_their_parent_ends) {
  CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  int32_t parent = fork();
  if (parent == 0) {
    pid_t grandchild = fork();
    if (grandchild == 0) {
      close(ends[1]);
      char byte;
      _exit(read(ends[0], &byte, 1) == 0 ? 9 : 1);  // once its parent was waited for
    }
    _exit(grandchild > 0 ? 0 : 1);
  }
  int status;
  CHECK_EQ(waitpid(parent, &status, 0), parent);
  CHECK_EQ(status, 0);
  close(ends[1]);  // the last one: the grandchild ends, and is ours
  siginfo_t ended;
  CHECK_EQ(waitid(P_ALL, 0, &ended, WEXITED | WNOWAIT), 0);
  close(ends[0]);
  Orphan orphans[2];
  CHECK_EQ(ReapOrphans(&parent, 1, orphans, 2), 1);
  CHECK_EQ(orphans[0].pid, ended.si_pid);
  CHECK_EQ(orphans[0].status, 9);
  CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}
#endif

#if defined(__linux__)
TEST(a_process_is_signalled_and_awaited_by_its_descriptor) {
  pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  Owned process(OpenProcess(child));
  if (process.get() == -ENOSYS) {  // an old kernel
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return;
  }
  CHECK_EQ(fcntl(process.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  CHECK_EQ(SignalProcess(process.get(), 0), 0);
  pollfd wait = {process.get(), POLLIN, 0};
  CHECK_EQ(poll(&wait, 1, 0), 0);
  CHECK_EQ(SignalProcess(process.get(), SIGKILL), 0);
  CHECK_EQ(poll(&wait, 1, 5000), 1);  // a zombie
  CHECK_EQ(waitpid(child, nullptr, 0), child);
  CHECK_EQ(SignalProcess(process.get(), 0), -ESRCH);
  CHECK_EQ(OpenProcess(child), -ESRCH);
  CHECK_EQ(SignalProcess(-1, 0), -EBADF);
}
#endif
