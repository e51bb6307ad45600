#include <sys/wait.h>
#include <unistd.h>

#include "../scm_rights.h"
#include "arrival.h"
#include "harness.h"

using namespace handoff;

// macOS does not report the sender.
#if defined(__linux__)
TEST(each_read_names_its_sender_and_mixes_no_two) {
  Pair pair;
  CHECK_EQ(PassCredentials(pair.fds[1], true), 0);
  pid_t child = fork();
  if (child == 0) {
    int file = 0;
    _exit(Send(pair.fds[0], "child", 5, &file, 1) == 5 ? 0 : 1);
  }
  int status;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  CHECK_EQ(Send(pair.fds[0], "parent", 6, nullptr, 0), 6);

  Arrival first(pair.fds[1]);
  CHECK(first.Says("child"));
  CHECK_EQ(first.ancillary.count, 1);
  CHECK(first.ancillary.has_credentials);
  CHECK_EQ(first.ancillary.credentials.pid, child);
  CHECK_EQ(first.ancillary.credentials.uid, getuid());
  CHECK_EQ(first.ancillary.credentials.gid, getgid());
  Arrival second(pair.fds[1]);
  CHECK(second.Says("parent"));
  CHECK_EQ(second.ancillary.credentials.pid, getpid());
}

TEST(credentials_leave_room_for_all_descriptors) {
  Pair pair;
  CHECK_EQ(PassCredentials(pair.fds[1], true), 0);
  auto fds = Repeat(0, kMaxDescriptors);
  CHECK_EQ(Send(pair.fds[0], "x", 1, fds.data(), fds.size()), 1);
  Arrival arrival(pair.fds[1]);
  CHECK_EQ(arrival.ancillary.count, kMaxDescriptors);
  CHECK(arrival.ancillary.has_credentials);
  CHECK(!arrival.ancillary.truncated);
}

TEST(what_was_sent_before_anyone_asked_has_no_sender) {
  Pair pair;
  CHECK_EQ(Send(pair.fds[0], "x", 1, nullptr, 0), 1);
  CHECK_EQ(PassCredentials(pair.fds[1], true), 0);
  Arrival arrival(pair.fds[1]);
  CHECK(arrival.Says("x"));
  CHECK(!arrival.ancillary.has_credentials);
}
#endif
