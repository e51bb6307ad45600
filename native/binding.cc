// Marshals between JavaScript and the core, and nothing else. io/native/addon.ts has the signatures;
// every function returns a number, >= 0 or -errno, and fills the typed arrays that it was given.
// An argument that is not what the signature says is answered with -EBADF or -EINVAL, and nothing
// is done.

#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "arguments.h"
#include "connections.h"
#include "descriptor.h"
#include "facts.h"
#include "listener.h"
#include "poll.h"
#include "process.h"
#include "readiness.h"
#include "scm_rights.h"
#include "tcp_progress.h"
#include "unix_socket.h"

namespace handoff {
namespace {

using Info = const Napi::CallbackInfo&;

Napi::Value Result(Info info, double result) { return Napi::Number::New(info.Env(), result); }

// Reads the arguments, and calls the core only if all are what they should be.
template <typename Call>
Napi::Value Checked(Info info, const Arguments& arguments, Call call) {
  return Result(info, arguments.error() < 0 ? arguments.error() : call());
}

int ReadSocketType(Arguments& in, size_t index) {
  return in.Integer(index, 0, 1) == 1 ? SOCK_DGRAM : SOCK_STREAM;
}

InternetOptions ReadOptions(Arguments& in, size_t index) {
  int flags = in.Integer(index, 0, 7);
  return {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
}

int ReadPort(Arguments& in, size_t index) { return in.Integer(index, 0, 65535); }

int ReadMode(Arguments& in, size_t index) { return in.Integer(index, kModeFromUmask, 07777); }

int ReadBacklog(Arguments& in, size_t index) {
  return in.Integer(index, std::numeric_limits<int>::min(), kLargest);
}

// Uids are unsigned; JavaScript reads them back from the signed array with >>> 0.
void Write(const Credentials& from, int32_t* to) {
  to[0] = from.pid;
  to[1] = static_cast<int32_t>(from.uid);
  to[2] = static_cast<int32_t>(from.gid);
}

Napi::Value DupJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return Dup(fd); });
}

Napi::Value CloseJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return Close(fd); });
}

Napi::Value SocketPairJs(Info info) {
  Arguments in(info);
  int type = ReadSocketType(in, 0);
  auto fds = in.Ints(1, 2);
  return Checked(info, in, [&] { return SocketPair(type, fds.data); });
}

Napi::Value SendJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  auto bytes = in.Bytes(1);
  auto fds = in.Ints(2);
  return Checked(info, in,
                 [&] { return Send(fd, bytes.data, bytes.count, fds.data, fds.count); });
}

Napi::Value SendDatagramJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0, true);
  auto bytes = in.Bytes(1);
  auto fds = in.Ints(2);
  return Checked(info, in, [&] {
    return SendDatagram(path.data(), path.size(), bytes.data, bytes.count, fds.data, fds.count);
  });
}

// Facts: descriptors, truncated, cut, has credentials, pid, uid, gid.
Napi::Value ReceiveJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  auto buffer = in.Bytes(1, 1);
  auto fds = in.Ints(2, kMaxDescriptors);
  auto facts = in.Ints(3, 7);
  return Checked(info, in, [&] {
    Ancillary ancillary;
    ssize_t received = Receive(fd, buffer.data, buffer.count, fds.data, &ancillary);
    facts.data[0] = static_cast<int32_t>(ancillary.count);
    facts.data[1] = ancillary.truncated;
    facts.data[2] = ancillary.cut;
    facts.data[3] = ancillary.has_credentials;
    Write(ancillary.credentials, facts.data + 4);
    return received;
  });
}

// What a descriptor needs to serve as an end of a channel.
Napi::Value PrepareChannelJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  bool record_senders = in.Integer(1, 0, 1) == 1;
  return Checked(info, in, [&] {
    SuppressSigpipe(fd);
    return PassCredentials(fd, record_senders);
  });
}

Napi::Value ConnectUnixJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0, true);
  int wait_ms = in.Integer(1, 0, kLargest);
  return Checked(info, in, [&] { return ConnectUnix(path.data(), path.size(), wait_ms); });
}

Napi::Value IsHungUpJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return IsHungUp(fd); });
}

Napi::Value ConnectUnixDatagramJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0, true);
  return Checked(info, in, [&] { return ConnectUnixDatagram(path.data(), path.size()); });
}

Napi::Value AcceptJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return Accept(fd); });
}

Napi::Value WaitReadableJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  int timeout_ms = in.Integer(1, 0, INT32_MAX);
  return Checked(info, in, [&] { return WaitReadable(fd, timeout_ms); });
}

Napi::Value PeerCredentialsJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  auto out = in.Ints(1, 3);
  return Checked(info, in, [&] {
    Credentials peer = {-1, 0, 0};
    int err = PeerCredentials(fd, &peer);
    Write(peer, out.data);
    return err;
  });
}

Napi::Value ReserveTcpJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return ReserveTcp(fd); });
}

Napi::Value StopListeningJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return StopListening(fd); });
}

Napi::Value ListenTcpJs(Info info) {
  Arguments in(info);
  auto address = in.Text(0);
  int port = ReadPort(in, 1);
  auto options = ReadOptions(in, 2);
  int backlog = ReadBacklog(in, 3);
  return Checked(info, in, [&] { return ListenTcp(address.c_str(), port, options, backlog); });
}

Napi::Value BindUdpJs(Info info) {
  Arguments in(info);
  auto address = in.Text(0);
  int port = ReadPort(in, 1);
  auto options = ReadOptions(in, 2);
  return Checked(info, in, [&] { return BindUdp(address.c_str(), port, options); });
}

Napi::Value ListenUnixJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0, true);
  int mode = ReadMode(in, 1);
  int backlog = ReadBacklog(in, 2);
  return Checked(info, in, [&] { return ListenUnix(path.data(), path.size(), mode, backlog); });
}

Napi::Value BindUnixDatagramJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0, true);
  int mode = ReadMode(in, 1);
  return Checked(info, in, [&] { return BindUnixDatagram(path.data(), path.size(), mode); });
}

// Facts: family (0 other, 1 inet, 2 inet6, 3 unix), type (0 other, 1 stream, 2 dgram), protocol,
// listening, IPv6 only, reuse port, port. Returns the length of the name.
Napi::Value DescribeJs(Info info) {
  Arguments in(info);
  Facts facts;
  int fd = in.Descriptor(0);
  auto out = in.Ints(1, 7);
  auto name = in.Bytes(2, sizeof(facts.name));
  return Checked(info, in, [&] {
    int err = Describe(fd, &facts);
    if (err < 0) return err;
    out.data[0] = facts.family == AF_INET    ? 1
                  : facts.family == AF_INET6 ? 2
                  : facts.family == AF_UNIX  ? 3
                                             : 0;
    out.data[1] = facts.type == SOCK_STREAM ? 1 : facts.type == SOCK_DGRAM ? 2 : 0;
    out.data[2] = facts.protocol;
    out.data[3] = facts.listening;
    out.data[4] = facts.ipv6_only;
    out.data[5] = facts.reuse_port;
    out.data[6] = facts.port;
    std::copy_n(facts.name, facts.name_length, name.data);
    return static_cast<int>(facts.name_length);
  });
}

Napi::Value OpenReadinessJs(Info info) { return Result(info, OpenReadiness()); }

Napi::Value AddToReadinessJs(Info info) {
  Arguments in(info);
  int set = in.Descriptor(0);
  auto fds = in.Ints(1);
  return Checked(info, in, [&] { return AddEachToReadiness(set, fds.data, fds.count); });
}

Napi::Value RemoveFromReadinessJs(Info info) {
  Arguments in(info);
  int set = in.Descriptor(0);
  int fd = in.Descriptor(1);
  return Checked(info, in, [&] { return RemoveFromReadiness(set, fd); });
}

Napi::Value TakeReadyJs(Info info) {
  Arguments in(info);
  int set = in.Descriptor(0);
  auto fds = in.Ints(1, 1);
  return Checked(info, in, [&] { return TakeReady(set, fds.data, fds.count); });
}

Napi::Value DupEachJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  auto out = in.Ints(1, fds.count);
  return Checked(info, in, [&] { return DupEach(fds.data, fds.count, out.data); });
}

Napi::Value FindOtherJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  bool unix_domain = in.Integer(1, 0, 1) == 1;
  return Checked(info, in, [&] { return FindOther(fds.data, fds.count, unix_domain); });
}

// Fills pairs of read and written, as doubles: exact up to 8 PiB; -1 for what is not known.
Napi::Value ReadProgressJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  auto out = in.Doubles(1, 2 * fds.count);
  return Checked(info, in, [&] {
    ReadProgressOfEach(fds.data, fds.count, out.data);
    return 0;
  });
}

Napi::Value LockJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return LockExclusively(fd); });
}

Napi::Value ReapOrphansJs(Info info) {
  Arguments in(info);
  auto known = in.Ints(0);
  auto out = in.Ints(1);  // pairs of pid and status
  return Checked(info, in, [&] {
    return ReapOrphans(known.data, known.count, reinterpret_cast<Orphan*>(out.data),
                       out.count / 2);
  });
}

Napi::Value OpenProcessJs(Info info) {
  Arguments in(info);
  int pid = in.Integer(0, 1, kLargest);
  return Checked(info, in, [&] { return OpenProcess(pid); });
}

Napi::Value SignalProcessJs(Info info) {
  Arguments in(info);
  int process = in.Descriptor(0);
  int signal = in.Integer(1, 0, 64);
  return Checked(info, in, [&] { return SignalProcess(process, signal); });
}

// As execve(2) wants them: the texts must outlive it.
std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Napi::Value BecomeProgramJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0);
  auto argv = in.Texts(1);
  auto env = in.Texts(2);
  auto fds = in.Ints(3);  // last: a getter in a list may detach its buffer
  return Checked(info, in, [&] {
    return BecomeProgram(path.c_str(), Pointers(argv).data(), Pointers(env).data(), fds.data,
                         fds.count);
  });
}

Napi::Value CloseOnExecAboveStdioJs(Info info) { return Result(info, CloseOnExecAboveStdio()); }

// Runs once for each environment: a worker thread loads the addon again. The core has no state of
// its own, and a Poll takes itself down with its environment.
Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["Poll"] = Poll::Define(env);
  const std::pair<const char*, Napi::Value (*)(Info)> functions[] = {
      {"dup", DupJs},
      {"openReadiness", OpenReadinessJs},
      {"addToReadiness", AddToReadinessJs},
      {"removeFromReadiness", RemoveFromReadinessJs},
      {"takeReady", TakeReadyJs},
      {"dupEach", DupEachJs},
      {"findOther", FindOtherJs},
      {"readProgress", ReadProgressJs},
      {"close", CloseJs},
      {"socketPair", SocketPairJs},
      {"send", SendJs},
      {"sendDatagram", SendDatagramJs},
      {"receive", ReceiveJs},
      {"prepareChannel", PrepareChannelJs},
      {"connectUnix", ConnectUnixJs},
      {"connectUnixDatagram", ConnectUnixDatagramJs},
      {"accept", AcceptJs},
      {"waitReadable", WaitReadableJs},
      {"isHungUp", IsHungUpJs},
      {"peerCredentials", PeerCredentialsJs},
      {"listenTcp", ListenTcpJs},
      {"reserveTcp", ReserveTcpJs},
      {"stopListening", StopListeningJs},
      {"bindUdp", BindUdpJs},
      {"listenUnix", ListenUnixJs},
      {"bindUnixDatagram", BindUnixDatagramJs},
      {"describe", DescribeJs},
      {"lock", LockJs},
      {"reapOrphans", ReapOrphansJs},
      {"openProcess", OpenProcessJs},
      {"signalProcess", SignalProcessJs},
      {"becomeProgram", BecomeProgramJs},
      {"closeOnExecAboveStdio", CloseOnExecAboveStdioJs},
  };
  for (const auto& [name, function] : functions) {
    exports[name] = Napi::Function::New(env, function, name);
  }
  return exports;
}

}  // namespace
}  // namespace handoff

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) {
  return handoff::Init(env, exports);
}
NODE_API_MODULE(socket_handoff, InitModule)
