#include "../unix_socket.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "../descriptor.h"
#include "../listener.h"
#include "harness.h"

using namespace handoff;

namespace {

int Connect(const std::string& path) { return ConnectUnix(path.data(), path.size()); }
int Listen(const std::string& path, int mode = kModeFromUmask, int backlog = 16) {
  return ListenUnix(path.data(), path.size(), mode, backlog);
}
int Address(const std::string& path) {
  sockaddr_un address;
  return UnixAddress(path.data(), path.size(), &address);
}
bool IsReady(int fd) { return fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK; }

}  // namespace

TEST(paths_that_cannot_be) {
  size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  CHECK(Address(std::string(longest, 'x')) > 0);
  CHECK_EQ(Address(std::string(longest + 1, 'x')), -ENAMETOOLONG);
  CHECK_EQ(Address(""), -EINVAL);
  CHECK_EQ(Address(std::string("a\0b", 3)), -EINVAL);
}

TEST(a_pair_is_connected_close_on_exec_and_blocking) {
  for (int type : {SOCK_STREAM, SOCK_DGRAM}) {
    int fds[2];
    CHECK_EQ(SocketPair(type, fds), 0);
    CHECK_EQ(Send(fds[0], "x", 1, nullptr, 0), 1);
    for (int fd : fds) {
      CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
      CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
      Close(fd);
    }
  }
}

TEST(connections_are_accepted_one_by_one) {
  Scratch scratch;
  Owned listener(Listen(scratch.path()));
  CHECK_EQ(Accept(listener.get()), -EAGAIN);
  Owned client(Connect(scratch.path()));
  Owned server(Accept(listener.get()));
  CHECK(client.get() > 0 && server.get() > 0);
  CHECK(IsReady(listener.get()) && IsReady(client.get()) && IsReady(server.get()));
  CHECK_EQ(Accept(listener.get()), -EAGAIN);
  CHECK_EQ(Accept(client.get()), -EINVAL);
}

TEST(connect_reports_why_it_fails) {
  Scratch scratch;
  CHECK_EQ(Connect(scratch.path()), -ENOENT);
  Close(Listen(scratch.path()));
  CHECK_EQ(Connect(scratch.path()), -ECONNREFUSED);  // the path is there, the listener is not
  CHECK_EQ(Connect(std::string(200, 'x')), -ENAMETOOLONG);
}

TEST(a_full_backlog_does_not_block) {
  Scratch scratch;
  Owned listener(Listen(scratch.path(), kModeFromUmask, 1));
  std::vector<int> clients;
  int fd;
  while ((fd = Connect(scratch.path())) >= 0 && clients.size() < 1000) clients.push_back(fd);
#if defined(__linux__)
  CHECK_EQ(fd, -EAGAIN);
#else
  CHECK_EQ(fd, -ECONNREFUSED);
#endif
  for (int client : clients) Close(client);
}

TEST(the_peer_is_the_process_that_connected) {
  Scratch scratch;
  Owned listener(Listen(scratch.path()));
  int go[2];
  CHECK_EQ(pipe(go), 0);
  pid_t child = fork();
  if (child == 0) {
    int client = Connect(scratch.path());
    close(go[1]);
    char byte;
    if (client < 0 || read(go[0], &byte, 1) < 0) _exit(1);  // lives until the parent has looked
    _exit(0);
  }
  close(go[0]);
  int server;
  while ((server = Accept(listener.get())) == -EAGAIN) usleep(1000);
  Credentials peer;
  CHECK_EQ(PeerCredentials(server, &peer), 0);
  CHECK_EQ(peer.uid, getuid());
  CHECK_EQ(peer.gid, getgid());
#if defined(__linux__)
  CHECK_EQ(peer.pid, child);
#endif
  close(go[1]);
  int status;
  CHECK_EQ(waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
  Close(server);
}

TEST(what_has_no_peer_says_so) {
  Credentials peer;
  Owned file(TemporaryFile());
  CHECK_EQ(PeerCredentials(file.get(), &peer), -ENOTSOCK);
  Owned socket(OpenSocket(AF_UNIX, SOCK_STREAM));
  CHECK_EQ(PeerCredentials(socket.get(), &peer), -ENOTCONN);
}

TEST(datagrams_reach_a_path_with_their_descriptors) {
  Scratch scratch;
  std::string path = scratch.path();
  Owned receiver(BindUnixDatagram(path.data(), path.size(), 0600));
  int file = 0;
  CHECK_EQ(SendDatagram(path.data(), path.size(), "READY=1", 7, &file, 1), 7);
  char bytes[16];
  int fds[kMaxDescriptors];
  Ancillary ancillary;
  CHECK_EQ(Receive(receiver.get(), bytes, sizeof(bytes), fds, &ancillary), 7);
  CHECK_EQ(ancillary.count, 1);
#if defined(__linux__)
  CHECK_EQ(ancillary.credentials.pid, getpid());
#endif
  Close(fds[0]);

  ssize_t sent;
  while ((sent = SendDatagram(path.data(), path.size(), "x", 1, nullptr, 0)) == 1) continue;
#if defined(__linux__)
  CHECK_EQ(sent, -EAGAIN);
#else
  CHECK_EQ(sent, -ENOBUFS);
#endif
}

TEST(a_closed_peer_is_recognized) {
  int pair[2];
  CHECK_EQ(SocketPair(SOCK_STREAM, pair), 0);
  CHECK_EQ(IsHungUp(pair[0]), 0);
  CHECK_EQ(write(pair[1], "x", 1), 1);
  CHECK_EQ(IsHungUp(pair[0]), 0);
  Close(pair[1]);
  CHECK_EQ(IsHungUp(pair[0]), 1);
  Close(pair[0]);
  CHECK_EQ(IsHungUp(pair[0]), -EBADF);
}
