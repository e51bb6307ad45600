#include "../listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>

#include "../descriptor.h"
#include "../facts.h"
#include "../unix_socket.h"
#include "harness.h"

using namespace handoff;

namespace {

Facts FactsOf(int fd) {
  Facts facts;
  CHECK_EQ(Describe(fd, &facts), 0);
  return facts;
}

std::string NameOf(const Facts& facts) { return std::string(facts.name, facts.name_length); }

mode_t ModeOf(const std::string& path) {
  struct stat found = {};
  CHECK_EQ(lstat(path.c_str(), &found), 0);
  return found.st_mode & 07777;
}

int Listen(const std::string& path, int mode) {
  return ListenUnix(path.data(), path.size(), mode, 16);
}

// Whether a client of this family can connect to the loopback address.
bool Reaches(int family, int port) {
  Owned fd(socket(family, SOCK_STREAM, 0));
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6 = {};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  return family == AF_INET ? connect(fd.get(), reinterpret_cast<sockaddr*>(&v4), sizeof(v4)) == 0
                           : connect(fd.get(), reinterpret_cast<sockaddr*>(&v6), sizeof(v6)) == 0;
}

// Containers often have no ::1; then there is nothing to test.
bool HasIpv6() {
  Owned fd(ListenTcp("::1", 0, InternetOptions(), 1));
  if (fd.get() < 0) printf("skip the IPv6 part: this machine has no ::1\n");
  return fd.get() >= 0;
}

const InternetOptions kPlain;

}  // namespace

TEST(tcp_v4_listens) {
  Owned fd(ListenTcp("127.0.0.1", 0, kPlain, 16));
  Facts facts = FactsOf(fd.get());
  CHECK_EQ(facts.family, AF_INET);
  CHECK_EQ(facts.type, SOCK_STREAM);
  CHECK_EQ(facts.protocol, IPPROTO_TCP);
  CHECK(facts.listening && !facts.reuse_port && !facts.ipv6_only);
  CHECK(NameOf(facts) == "127.0.0.1");
  CHECK(facts.port > 0);
  CHECK_EQ(fcntl(fd.get(), F_GETFD), FD_CLOEXEC);
  CHECK(fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
  CHECK(Reaches(AF_INET, facts.port));
}

TEST(queue_of_a_tcp_listener_is_seen_and_accepted) {
  Owned listener(ListenTcp("127.0.0.1", 0, kPlain, 16));
  int port = FactsOf(listener.get()).port;
  CHECK_EQ(WaitReadable(listener.get(), 0), 0);
  CHECK_EQ(Accept(listener.get()), -EAGAIN);
  for (int i = 0; i < 2; ++i) CHECK(Reaches(AF_INET, port));
  for (int i = 0; i < 2; ++i) {
    CHECK_EQ(WaitReadable(listener.get(), 1000), 1);
    Owned connection(Accept(listener.get()));
    CHECK(connection.get() >= 0);
    CHECK_EQ(fcntl(connection.get(), F_GETFD), FD_CLOEXEC);
    CHECK(fcntl(connection.get(), F_GETFL) & O_NONBLOCK);
  }
  CHECK_EQ(WaitReadable(listener.get(), 0), 0);
}

#if defined(__linux__)
namespace {

int Waiting(int listener) {
  for (int count = 0;; ++count) {
    Owned next(Accept(listener));
    if (next.get() < 0) return count;
  }
}

}  // namespace

TEST(reserved_place_gets_connections_only_once_it_listens) {
  Owned first(ListenTcp("127.0.0.1", 0, kPlain, 256));
  int port = FactsOf(first.get()).port;
  Owned reserved(ReserveTcp(first.get()));
  Facts facts = FactsOf(reserved.get());
  CHECK_EQ(facts.port, port);
  CHECK(!facts.listening && facts.reuse_port);
  for (int i = 0; i < 32; ++i) CHECK(Reaches(AF_INET, port));
  CHECK_EQ(Waiting(first.get()), 32);

  CHECK_EQ(listen(reserved.get(), 256), 0);
  // All on one side: once in 2^127.
  for (int i = 0; i < 128; ++i) CHECK(Reaches(AF_INET, port));
  int waiting = Waiting(first.get());
  CHECK(waiting > 0 && waiting < 128);
  CHECK_EQ(Waiting(reserved.get()), 128 - waiting);
}

TEST(stopped_listener_refuses_and_leaves_its_place) {
  Owned first(ListenTcp("127.0.0.1", 0, kPlain, 16));
  int port = FactsOf(first.get()).port;
  Owned other(Dup(first.get()));
  CHECK_EQ(StopListening(first.get()), 0);
  CHECK(!FactsOf(other.get()).listening);
  CHECK(!Reaches(AF_INET, port));
  CHECK_EQ(StopListening(first.get()), -EINVAL);
  for (int i = 0; i < 2; ++i) {
    // The second time it is bound to its port by number, which is free again, too.
    InternetOptions reuse;
    reuse.reuse_address = true;
    Owned next(ListenTcp("127.0.0.1", port, reuse, 16));
    CHECK(next.get() >= 0);
    CHECK(Reaches(AF_INET, port));
    Owned kept(Dup(next.get()));
    CHECK_EQ(StopListening(next.get()), 0);
    Owned after(ListenTcp("127.0.0.1", port, reuse, 16));
    CHECK(after.get() >= 0);
  }
}

TEST(reserve_keeps_ipv6_as_it_is) {
  if (!HasIpv6()) return;
  Owned dual(ListenTcp("::", 0, kPlain, 16));
  Owned second(ReserveTcp(dual.get()));
  CHECK(second.get() >= 0 && !FactsOf(second.get()).ipv6_only);
  InternetOptions only;
  only.ipv6_only = true;
  Owned v6(ListenTcp("::", 0, only, 16));
  Owned third(ReserveTcp(v6.get()));
  CHECK(FactsOf(third.get()).ipv6_only);
}

TEST(reserve_refuses_other_than_tcp_listeners) {
  Owned udp(BindUdp("127.0.0.1", 0, kPlain));
  CHECK_EQ(ReserveTcp(udp.get()), -EINVAL);
  CHECK_EQ(ReserveTcp(-1), -EBADF);
}
#endif

TEST(tcp_v6_is_dual_stack_by_default) {
  if (!HasIpv6()) return;
  Owned dual(ListenTcp("::", 0, kPlain, 16));
  Facts facts = FactsOf(dual.get());
  CHECK_EQ(facts.family, AF_INET6);
  CHECK(!facts.ipv6_only);
  CHECK(NameOf(facts) == "::");
  CHECK(Reaches(AF_INET, facts.port) && Reaches(AF_INET6, facts.port));

  InternetOptions only;
  only.ipv6_only = true;
  Owned v6(ListenTcp("::", 0, only, 16));
  facts = FactsOf(v6.get());
  CHECK(facts.ipv6_only);
  CHECK(!Reaches(AF_INET, facts.port) && Reaches(AF_INET6, facts.port));
}

TEST(udp_binds) {
  Owned v4(BindUdp("127.0.0.1", 0, kPlain));
  Facts facts = FactsOf(v4.get());
  CHECK_EQ(facts.type, SOCK_DGRAM);
  CHECK_EQ(facts.protocol, IPPROTO_UDP);
  CHECK(!facts.listening);
  if (!HasIpv6()) return;
  Owned v6(BindUdp("::1", 0, kPlain));
  CHECK_EQ(FactsOf(v6.get()).family, AF_INET6);
}

TEST(tcp_and_udp_share_a_port) {
  Owned tcp(ListenTcp("127.0.0.1", 0, kPlain, 16));
  Owned udp(BindUdp("127.0.0.1", FactsOf(tcp.get()).port, kPlain));
  CHECK(udp.get() > 0);
}

TEST(bind_reports_why_it_fails) {
  Owned fd(ListenTcp("127.0.0.1", 0, kPlain, 16));
  int port = FactsOf(fd.get()).port;
  InternetOptions reuse;
  reuse.reuse_address = true;
  CHECK_EQ(ListenTcp("127.0.0.1", port, reuse, 16), -EADDRINUSE);
  CHECK_EQ(ListenTcp("203.0.113.7", 0, kPlain, 16), -EADDRNOTAVAIL);
  for (const char* wrong : {"localhost", "", "1.2.3", "::1%", "::1%nowhere", "::g"}) {
    CHECK_EQ(ListenTcp(wrong, 0, kPlain, 16), -EINVAL);
  }
  CHECK_EQ(BindUdp("127.0.0.1", 65536, kPlain), -EINVAL);
  CHECK_EQ(BindUdp("127.0.0.1", -1, kPlain), -EINVAL);
}

TEST(several_listeners_share_a_port_if_all_ask) {
  InternetOptions reuse;
  reuse.reuse_port = true;
  Owned one(ListenTcp("127.0.0.1", 0, reuse, 16));
  Facts facts = FactsOf(one.get());
  CHECK(facts.reuse_port);
  Owned two(ListenTcp("127.0.0.1", facts.port, reuse, 16));
  CHECK(two.get() > 0);
  CHECK_EQ(ListenTcp("127.0.0.1", facts.port, kPlain, 16), -EADDRINUSE);
}

TEST(a_path_gets_its_mode_whatever_the_umask) {
  mode_t before = umask(077);
  for (int mode : {0600, 0660, 0777}) {
    Scratch scratch;
    Owned stream(Listen(scratch.path(), mode));
    CHECK(stream.get() > 0);
    CHECK_EQ(ModeOf(scratch.path()), mode);
    CHECK(NameOf(FactsOf(stream.get())) == scratch.path());
  }
  Scratch scratch;
  Owned plain(Listen(scratch.path(), kModeFromUmask));
  CHECK_EQ(ModeOf(scratch.path()), 0700);
  umask(before);
}

TEST(a_datagram_path_too) {
  Scratch scratch;
  std::string path = scratch.path();
  Owned fd(BindUnixDatagram(path.data(), path.size(), 0620));
  CHECK_EQ(ModeOf(path), 0620);
  CHECK_EQ(FactsOf(fd.get()).type, SOCK_DGRAM);
  CHECK_EQ(BindUnixDatagram(path.data(), path.size(), 0600), -EADDRINUSE);
  CHECK_EQ(ModeOf(path), 0620);
}

TEST(a_file_at_the_path_stays) {
  Scratch scratch;
  Owned first(Listen(scratch.path(), 0600));
  CHECK_EQ(Listen(scratch.path(), 0666), -EADDRINUSE);
  CHECK_EQ(ModeOf(scratch.path()), 0600);
  Owned client(ConnectUnix(scratch.path().data(), scratch.path().size()));
  CHECK(client.get() > 0);
  CHECK_EQ(Listen(scratch.path() + "/no", 0600), -ENOTDIR);
}

#if defined(__linux__)
TEST(abstract_names_have_no_path) {
  std::string name = "@handoff-native-" + std::to_string(getpid());
  Owned fd(Listen(name, 0600));
  CHECK(NameOf(FactsOf(fd.get())) == std::string(1, '\0') + name.substr(1));
  CHECK_EQ(Listen(name, 0600), -EADDRINUSE);
  Owned client(ConnectUnix(name.data(), name.size()));
  CHECK(client.get() > 0);
  CHECK_EQ(access(name.c_str(), F_OK), -1);
}
#endif

TEST(a_descriptor_that_is_not_a_socket_is_recognized) {
  Owned file(TemporaryFile());
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  for (int fd : {file.get(), ends[0]}) {
    Facts facts = FactsOf(fd);
    CHECK_EQ(facts.family, AF_UNSPEC);
    CHECK_EQ(facts.type, 0);
  }
  Close(ends[0]);
  Close(ends[1]);
  Facts facts;
  CHECK_EQ(Describe(-1, &facts), -EBADF);
  CHECK_EQ(Describe(ends[0], &facts), -EBADF);
}

TEST(dup_stays_clear_of_stdio_and_of_exec) {
  int copy = Dup(0);
  CHECK(copy > 2);
  CHECK(SameFile(copy, 0));
  CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
  CHECK_EQ(Close(copy), 0);
  CHECK_EQ(Close(copy), -EBADF);
  CHECK_EQ(Dup(copy), -EBADF);
}
