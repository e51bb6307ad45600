#include "../connections.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>

#include "../descriptor.h"
#include "../facts.h"
#include "../listener.h"
#include "../readiness.h"
#include "../scm_rights.h"
#include "../tcp_progress.h"
#include "../unix_socket.h"
#include "arrival.h"
#include "harness.h"
#include "spare_descriptors.h"

using namespace handoff;

namespace {

// Both ends of a connection over the loopback address, and the listener that it came from.
struct Tcp {
  Owned listener{ListenTcp("127.0.0.1", 0, {}, 16)};
  Owned client{Connect(listener.get())};
  Owned server{accept(listener.get(), nullptr, nullptr)};

  static int Connect(int listener) {
    Facts facts;
    CHECK_EQ(Describe(listener, &facts), 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(facts.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
};

#if defined(__linux__)
// How many descriptors have room in the table of this process: proc_pid_status(5).
int TableSize() {
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  int size = 0;
  while (fgets(line, sizeof(line), status) && sscanf(line, "FDSize: %d", &size) != 1) {
  }
  fclose(status);
  return size;
}
#endif

}  // namespace

TEST(each_is_dupped_close_on_exec) {
  Owned one(TemporaryFile()), other(TemporaryFile());
  int fds[] = {one.get(), other.get()};
  int dups[2];
  CHECK_EQ(DupEach(fds, 2, dups), 2);
  for (int i = 0; i < 2; i++) {
    CHECK(dups[i] != fds[i] && SameFile(dups[i], fds[i]));
    CHECK_EQ(fcntl(dups[i], F_GETFD), FD_CLOEXEC);
    Close(dups[i]);
  }
  CHECK_EQ(DupEach(fds, 0, dups), 0);
}

TEST(room_is_reserved_without_a_descriptor) {
  Owned before(dup(0));
  CHECK_EQ(ReserveDescriptors(3000), 0);
  Owned after(dup(0));
  CHECK_EQ(after.get(), before.get() + 1);
#if defined(__linux__)
  CHECK(TableSize() > 3000);
#endif
}

TEST(no_more_room_is_reserved_than_the_limit_allows) {
  SpareDescriptors spare(5);
  CHECK_EQ(ReserveDescriptors(1 << 30), 0);
  CHECK_EQ(ReserveDescriptors(0), 0);
}

TEST(no_room_is_reserved_without_a_descriptor_for_it) {
  SpareDescriptors spare(0);
  CHECK_EQ(ReserveDescriptors(10), -EMFILE);
}

TEST(as_many_are_dupped_as_there_is_room_for) {
  Owned file(TemporaryFile());
  int fds[] = {file.get(), file.get(), file.get()};
  int dups[] = {-1, -1, -1};
  {
    SpareDescriptors spare(2);
    CHECK_EQ(DupEach(fds, 3, dups), 2);
    CHECK_EQ(dups[2], -1);
    int none;
    CHECK_EQ(DupEach(fds, 1, &none), -EMFILE);
  }
  Close(dups[0]);
  Close(dups[1]);
}

TEST(dups_end_before_the_first_that_is_not_open) {
  Owned file(TemporaryFile());
  int dup;
  int after[] = {file.get(), -1};
  CHECK_EQ(DupEach(after, 2, &dup), 1);
  Close(dup);
  int before[] = {-1, file.get()};
  CHECK_EQ(DupEach(before, 2, &dup), -EBADF);
}

TEST(a_shutdown_ends_a_connection_for_every_holder) {
  Tcp tcp;
  Owned copy(Dup(tcp.server.get()));
  int fds[] = {tcp.server.get(), -1};
  CHECK_EQ(ShutdownEach(fds, 2), 0);
  char byte;
  CHECK_EQ(recv(copy.get(), &byte, 1, 0), 0);
  CHECK_EQ(recv(tcp.client.get(), &byte, 1, 0), 0);
  // Once more: there is nothing left to end.
  CHECK_EQ(ShutdownEach(fds, 2), 0);
}

TEST(a_descriptor_that_is_not_a_connection_is_found) {
  Tcp tcp;
  Pair pair;
  int connections[] = {tcp.client.get(), tcp.server.get()};
  CHECK_EQ(FindOther(connections, 2, false), 2);
  CHECK_EQ(FindOther(connections, 2, true), 0);
  CHECK_EQ(FindOther(pair.fds, 2, true), 2);
  CHECK_EQ(FindOther(pair.fds, 2, false), 0);
  CHECK_EQ(FindOther(connections, 0, false), 0);
}

TEST(neither_listeners_nor_datagrams_nor_files_are_connections) {
  Tcp tcp;
  Scratch scratch;
  std::string path = scratch.path();
  Pair pair;
  Owned listener(ListenUnix(path.data(), path.size(), 0600, 16));
  Owned udp(BindUdp("127.0.0.1", 0, {}));
  Owned file(TemporaryFile());
  for (int other : {tcp.listener.get(), udp.get(), file.get(), -1}) {
    int fds[] = {tcp.server.get(), other, tcp.client.get()};
    CHECK_EQ(FindOther(fds, 3, false), 1);
  }
  int datagrams[2];
  CHECK_EQ(SocketPair(SOCK_DGRAM, datagrams), 0);
  for (int other : {listener.get(), datagrams[0], file.get(), -1}) {
    int fds[] = {pair.fds[0], other};
    CHECK_EQ(FindOther(fds, 2, true), 1);
  }
  for (int fd : datagrams) Close(fd);
}

TEST(progress_counts_what_a_process_has_read_and_written) {
  Tcp tcp;
  Pair pair;
  Owned file(TemporaryFile());
  int fds[] = {tcp.server.get(), pair.fds[0], file.get(), -1};
  double progress[8];
  char bytes[4];
  CHECK_EQ(write(tcp.client.get(), "hello", 5), 5);
  CHECK_EQ(read(tcp.server.get(), bytes, 4), 4);  // one byte stays unread
  CHECK_EQ(write(tcp.server.get(), "abc", 3), 3);
  ReadProgressOfEach(fds, 4, progress);
#if defined(__linux__)
  CHECK_EQ(progress[0], 4);
  CHECK_EQ(progress[1], 3);
#else
  CHECK_EQ(progress[0], kUnknownProgress);
  CHECK_EQ(progress[1], kUnknownProgress);
#endif
  for (int i = 2; i < 8; i++) CHECK_EQ(progress[i], kUnknownProgress);
}

TEST(the_system_reports_progress_or_not) {
#if defined(__linux__)
  CHECK_EQ(ReportsProgress(), 1);
#else
  CHECK_EQ(ReportsProgress(), 0);
#endif
}

#if defined(__linux__)
TEST(the_end_of_a_stream_is_no_byte) {
  Tcp tcp;
  int fd = tcp.server.get();
  auto bytes_read = [fd] {
    double progress[2];
    ReadProgressOfEach(&fd, 1, progress);
    return progress[0];
  };
  char bytes[4];
  CHECK_EQ(write(tcp.client.get(), "hello", 5), 5);
  CHECK_EQ(shutdown(tcp.client.get(), SHUT_WR), 0);
  CHECK_EQ(bytes_read(), 0);
  CHECK_EQ(read(fd, bytes, 4), 4);
  CHECK_EQ(bytes_read(), 4);
  CHECK_EQ(read(fd, bytes, 4), 1);
  CHECK_EQ(bytes_read(), 5);
  CHECK_EQ(read(fd, bytes, 4), 0);
  CHECK_EQ(bytes_read(), 5);
  // Both sides have closed: there is no connection any more.
  CHECK_EQ(shutdown(fd, SHUT_WR), 0);
  CHECK_EQ(bytes_read(), kUnknownProgress);
}

TEST(progress_of_many_is_that_of_each) {
  constexpr int kCount = 300;  // more than one poll asks for
  Tcp tcp;
  Owned busy(Tcp::Connect(tcp.listener.get()));
  Owned accepted(accept(tcp.listener.get(), nullptr, nullptr));
  CHECK_EQ(write(tcp.client.get(), "hello", 5), 5);
  char bytes[5];
  CHECK_EQ(read(tcp.server.get(), bytes, 5), 5);
  CHECK_EQ(write(busy.get(), "unread", 6), 6);
  int fds[kCount];
  for (int i = 0; i < kCount; i++) fds[i] = i % 3 == 0 ? accepted.get() : tcp.server.get();
  fds[0] = -1;
  double progress[2 * kCount];
  ReadProgressOfEach(fds, kCount, progress);
  CHECK_EQ(progress[0], kUnknownProgress);
  for (int i = 1; i < kCount; i++) CHECK_EQ(progress[2 * i], i % 3 == 0 ? 0 : 5);
}
#endif

TEST(each_readable_descriptor_is_reported_once) {
  Pair speaks, silent, ends;
  Owned set(OpenReadiness());
  CHECK_EQ(fcntl(set.get(), F_GETFD), FD_CLOEXEC);
  int fds[] = {speaks.fds[0], silent.fds[0], ends.fds[0]};
  CHECK_EQ(AddEachToReadiness(set.get(), fds, 3), 3);
  int ready[4];
  CHECK_EQ(TakeReady(set.get(), ready, 4), 0);
  CHECK_EQ(write(speaks.fds[1], "x", 1), 1);
  CHECK_EQ(TakeReady(set.get(), ready, 4), 1);
  CHECK_EQ(ready[0], fds[0]);
  CHECK_EQ(shutdown(ends.fds[1], SHUT_WR), 0);
  CHECK_EQ(TakeReady(set.get(), ready, 4), 1);
  CHECK_EQ(ready[0], fds[2]);
  // Nothing was read, but they are not watched any more.
  CHECK_EQ(TakeReady(set.get(), ready, 4), 0);
  CHECK_EQ(RemoveFromReadiness(set.get(), fds[0]), -ENOENT);
  CHECK_EQ(RemoveFromReadiness(set.get(), fds[1]), 0);
}

TEST(no_more_are_reported_than_fit) {
  Pair one, other;
  Owned set(OpenReadiness());
  int fds[] = {one.fds[0], other.fds[0]};
  CHECK_EQ(AddEachToReadiness(set.get(), fds, 2), 2);
  for (Pair* pair : {&one, &other}) CHECK_EQ(write(pair->fds[1], "x", 1), 1);
  int first = -1, second = -1;
  CHECK_EQ(TakeReady(set.get(), &first, 1), 1);
  CHECK_EQ(TakeReady(set.get(), &second, 1), 1);
  CHECK(first != second);
}

TEST(watching_ends_before_the_first_that_cannot_be_watched) {
  Pair pair;
  Owned set(OpenReadiness());
  int after[] = {pair.fds[0], -1, pair.fds[1]};
  CHECK_EQ(AddEachToReadiness(set.get(), after, 3), 1);
  CHECK_EQ(RemoveFromReadiness(set.get(), pair.fds[1]), -ENOENT);
  int before[] = {-1};
  CHECK_EQ(AddEachToReadiness(set.get(), before, 1), -EBADF);
}

TEST(silence_begins_with_the_connection_and_with_each_byte) {
  Tcp tcp;
  Pair pair;
  int fds[] = {tcp.server.get(), tcp.client.get(), pair.fds[0], tcp.listener.get(), -1};
  int silence[5];
  ReadSilenceOfEach(fds, 5, silence);
#if defined(__linux__)
  CHECK(silence[0] >= 0 && silence[0] < 1000);
  CHECK(silence[1] >= 0 && silence[1] < 1000);
#else
  CHECK_EQ(silence[0], kUnknownSilence);
#endif
  CHECK_EQ(silence[2], kUnknownSilence);
  CHECK_EQ(silence[4], kUnknownSilence);
}
