#include "../scm_rights.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../descriptor.h"
#include "arrival.h"
#include "harness.h"
#include "spare_descriptors.h"

using namespace handoff;

TEST(one_descriptor_arrives_for_the_same_file) {
  Pair pair;
  Owned file(TemporaryFile());
  int fd = file.get();
  CHECK_EQ(Send(pair.fds[0], "x", 1, &fd, 1), 1);
  Arrival arrival(pair.fds[1]);
  CHECK(arrival.Says("x"));
  CHECK_EQ(arrival.ancillary.count, 1);
  CHECK(!arrival.ancillary.truncated);
  CHECK(arrival.fds[0] != fd);
  CHECK(SameFile(arrival.fds[0], fd));
}

TEST(received_descriptors_are_close_on_exec) {
  Pair pair;
  int files[] = {0, 1, 2};  // which are not
  CHECK_EQ(Send(pair.fds[0], "x", 1, files, 3), 1);
  Arrival arrival(pair.fds[1]);
  CHECK_EQ(arrival.ancillary.count, 3);
  for (size_t i = 0; i < arrival.ancillary.count; i++) {
    CHECK_EQ(fcntl(arrival.fds[i], F_GETFD), FD_CLOEXEC);
  }
}

TEST(bytes_need_no_descriptors) {
  Pair pair;
  CHECK_EQ(Send(pair.fds[0], "plain", 5, nullptr, 0), 5);
  Arrival arrival(pair.fds[1]);
  CHECK(arrival.Says("plain"));
  CHECK_EQ(arrival.ancillary.count, 0);
}

TEST(as_many_descriptors_as_the_kernel_takes) {
  Pair pair;
  Owned file(TemporaryFile());
  auto fds = Repeat(file.get(), kMaxDescriptors);
  CHECK_EQ(Send(pair.fds[0], "x", 1, fds.data(), fds.size()), 1);
  Arrival arrival(pair.fds[1]);
  CHECK_EQ(arrival.ancillary.count, kMaxDescriptors);
  CHECK(!arrival.ancillary.truncated);
  CHECK(SameFile(arrival.fds[kMaxDescriptors - 1], file.get()));
}

TEST(one_more_is_refused_and_nothing_sent) {
  Pair pair;
  auto fds = Repeat(0, kMaxDescriptors + 1);
  CHECK_EQ(Send(pair.fds[0], "x", 1, fds.data(), fds.size()), -EINVAL);
  CHECK_EQ(Arrival(pair.fds[1]).length, -EAGAIN);
}

TEST(descriptors_without_a_byte_do_not_travel_on_a_stream) {
  Pair pair;
  int file = 0;
  // The kernel accepts it and sends nothing. So the JavaScript side refuses an empty message.
  CHECK_EQ(Send(pair.fds[0], "", 0, &file, 1), 0);
  CHECK_EQ(Arrival(pair.fds[1]).length, -EAGAIN);
}

TEST(a_descriptor_that_is_not_open_is_refused_and_nothing_sent) {
  Pair pair;
  int fds[] = {0, -1};
  CHECK_EQ(Send(pair.fds[0], "x", 1, fds, 2), -EBADF);
  CHECK_EQ(Arrival(pair.fds[1]).length, -EAGAIN);
}

TEST(descriptors_that_find_no_room_are_reported_and_the_others_closed) {
  Pair pair;
  auto fds = Repeat(0, 10);
  CHECK_EQ(Send(pair.fds[0], "x", 1, fds.data(), fds.size()), 1);
  int before = OpenDescriptors();
  {
    SpareDescriptors few(4);
    Arrival arrival(pair.fds[1]);
    CHECK(arrival.Says("x"));  // recvmsg succeeds
    CHECK(arrival.ancillary.truncated);
    CHECK_EQ(arrival.ancillary.count, 0);
  }
  CHECK_EQ(OpenDescriptors(), before);
}

TEST(not_even_one_finds_room) {
  Pair pair;
  int file = 0;
  CHECK_EQ(Send(pair.fds[0], "x", 1, &file, 1), 1);
  SpareDescriptors none(0);
  Arrival arrival(pair.fds[1]);
  CHECK(arrival.ancillary.truncated);
  CHECK_EQ(arrival.ancillary.count, 0);
}

TEST(exactly_enough_room_is_enough) {
  Pair pair;
  auto fds = Repeat(0, 10);
  CHECK_EQ(Send(pair.fds[0], "x", 1, fds.data(), fds.size()), 1);
  SpareDescriptors enough(10);
  Arrival arrival(pair.fds[1]);
  CHECK_EQ(arrival.ancillary.count, 10);
  CHECK(!arrival.ancillary.truncated);
}

TEST(a_full_stream_takes_a_part_and_the_descriptors_go_with_it) {
  Pair pair;
  int file = 0;
  std::vector<char> big(4 << 20, 'a');
  ssize_t taken = Send(pair.fds[0], big.data(), big.size(), &file, 1);
  CHECK(taken > 0 && taken < static_cast<ssize_t>(big.size()));
  CHECK_EQ(Send(pair.fds[0], "b", 1, &file, 1), -EAGAIN);

  size_t descriptors = 0;
  for (ssize_t left = taken; left > 0;) {
    Arrival arrival(pair.fds[1]);
    CHECK(arrival.length > 0);
    descriptors += arrival.ancillary.count;
    left -= arrival.length;
  }
  CHECK_EQ(descriptors, 1);  // with the part that was taken, not with the refused message
  CHECK_EQ(Arrival(pair.fds[1]).length, -EAGAIN);
}

TEST(a_closed_peer_is_an_error_and_no_signal) {
  Pair pair;
  pair.Drop(1);
  int file = 0;
  CHECK_EQ(Send(pair.fds[0], "x", 1, &file, 1), -EPIPE);
  CHECK_EQ(Arrival(pair.fds[0]).length, 0);  // the end of the stream
}

TEST(a_peer_that_closed_with_bytes_unread_resets) {
  Pair pair;
  CHECK_EQ(Send(pair.fds[0], "x", 1, nullptr, 0), 1);
  pair.Drop(1);
  CHECK_EQ(Arrival(pair.fds[0]).length, -ECONNRESET);
}

TEST(descriptors_that_were_not_received_are_closed_with_the_socket) {
  Pair pair;
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  CHECK_EQ(Send(pair.fds[0], "x", 1, &ends[1], 1), 1);
  Close(ends[1]);
  pair.Drop(0);
  pair.Drop(1);
  char byte;
  CHECK_EQ(read(ends[0], &byte, 1), 0);  // no process can write any more
  Close(ends[0]);
}

TEST(sends_merge_up_to_the_next_descriptors) {
  Pair pair;
  int file = 0;
  CHECK_EQ(Send(pair.fds[0], "ab", 2, nullptr, 0), 2);
  CHECK_EQ(Send(pair.fds[0], "cd", 2, &file, 1), 2);
  CHECK_EQ(Send(pair.fds[0], "ef", 2, nullptr, 0), 2);
  CHECK_EQ(Send(pair.fds[0], "gh", 2, &file, 1), 2);
  std::string bytes;
  size_t descriptors = 0;
  while (bytes.size() < 8) {
    Arrival arrival(pair.fds[1]);
    CHECK(arrival.length > 0);
    CHECK(arrival.ancillary.count <= 1);  // one control message a read
    bytes.append(arrival.bytes, arrival.length);
    descriptors += arrival.ancillary.count;
    // Never later than the byte they were sent with.
    CHECK_EQ(descriptors, bytes.size() > 6 ? 2 : bytes.size() > 2 ? 1 : 0);
  }
  CHECK(bytes == "abcdefgh");
}

TEST(a_message_splits_and_the_descriptors_come_with_its_first_byte) {
  Pair pair;
  int file = 0;
  CHECK_EQ(Send(pair.fds[0], "abc", 3, &file, 1), 3);
  Arrival first(pair.fds[1], 1);
  CHECK(first.Says("a"));
  CHECK_EQ(first.ancillary.count, 1);
  Arrival rest(pair.fds[1]);
  CHECK(rest.Says("bc"));
  CHECK_EQ(rest.ancillary.count, 0);
}

TEST(a_datagram_longer_than_the_buffer_is_reported) {
  Pair pair(SOCK_DGRAM);
  int file = 0;
  CHECK_EQ(Send(pair.fds[0], "abc", 3, &file, 1), 3);
  Arrival arrival(pair.fds[1], 2);
  CHECK(arrival.Says("ab"));
  CHECK(arrival.ancillary.cut);
  CHECK_EQ(arrival.ancillary.count, 1);
}

TEST(a_descriptor_that_is_not_a_socket_is_refused) {
  Owned file(TemporaryFile());
  CHECK_EQ(Send(file.get(), "x", 1, nullptr, 0), -ENOTSOCK);
  CHECK_EQ(Arrival(file.get()).length, -ENOTSOCK);
  CHECK_EQ(Arrival(-1).length, -EBADF);
  CHECK_EQ(PassCredentials(file.get(), true), -ENOTSOCK);
}

#if defined(__linux__)
// The kernel counts descriptors in flight for each user, and lets root have any number of them.
TEST(too_many_descriptors_in_flight_are_refused) {
  Pair pair;
  pid_t child = fork();
  if (child == 0) {
    if (getuid() == 0 && (setgid(65534) == -1 || setuid(65534) == -1)) _exit(2);
    rlimit limit = {64, 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    auto fds = Repeat(0, 40);
    for (int i = 0; i < 4; i++) {
      ssize_t sent = Send(pair.fds[0], "x", 1, fds.data(), fds.size());
      if (sent != 1) _exit(sent == -ETOOMANYREFS ? 0 : 3);
    }
    _exit(4);
  }
  int status;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK_EQ(WEXITSTATUS(status), 0);
}
#endif
