// Marshals between JavaScript and the core, and nothing else. io/native.ts has the signatures;
// every function returns a number, >= 0 or -errno, and fills the typed arrays that it was given.

#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

// What is not a number becomes -1, which every call answers with EBADF; 0 would be stdin.
int Int(const Napi::Value& value) {
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : -1;
}
std::string String(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }
Napi::Int32Array Ints(const Napi::Value& value) { return value.As<Napi::Int32Array>(); }
Napi::Uint8Array Bytes(const Napi::Value& value) { return value.As<Napi::Uint8Array>(); }
Napi::Value Result(Info info, double result) { return Napi::Number::New(info.Env(), result); }
int SocketType(const Napi::Value& value) { return Int(value) == 1 ? SOCK_DGRAM : SOCK_STREAM; }

InternetOptions Options(const Napi::Value& value) {
  int flags = Int(value);
  return {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
}

// Uids are unsigned; JavaScript reads them back from the signed array with >>> 0.
void Write(const Credentials& from, int32_t* to) {
  to[0] = from.pid;
  to[1] = static_cast<int32_t>(from.uid);
  to[2] = static_cast<int32_t>(from.gid);
}

Napi::Value DupJs(Info info) { return Result(info, Dup(Int(info[0]))); }
Napi::Value CloseJs(Info info) { return Result(info, Close(Int(info[0]))); }

Napi::Value SocketPairJs(Info info) {
  return Result(info, SocketPair(SocketType(info[0]), Ints(info[1]).Data()));
}

Napi::Value SendJs(Info info) {
  auto bytes = Bytes(info[1]);
  auto fds = Ints(info[2]);
  return Result(
      info, Send(Int(info[0]), bytes.Data(), bytes.ByteLength(), fds.Data(), fds.ElementLength()));
}

Napi::Value SendDatagramJs(Info info) {
  auto path = String(info[0]);
  auto bytes = Bytes(info[1]);
  auto fds = Ints(info[2]);
  return Result(info, SendDatagram(path.data(), path.size(), bytes.Data(), bytes.ByteLength(),
                                   fds.Data(), fds.ElementLength()));
}

// Facts: descriptors, truncated, cut, has credentials, pid, uid, gid.
Napi::Value ReceiveJs(Info info) {
  auto buffer = Bytes(info[1]);
  auto fds = Ints(info[2]);
  auto facts = Ints(info[3]);
  if (fds.ElementLength() < kMaxDescriptors || facts.ElementLength() < 7) {
    return Result(info, -EINVAL);
  }
  Ancillary ancillary;
  ssize_t received =
      Receive(Int(info[0]), buffer.Data(), buffer.ByteLength(), fds.Data(), &ancillary);
  facts[0] = static_cast<int32_t>(ancillary.count);
  facts[1] = ancillary.truncated;
  facts[2] = ancillary.cut;
  facts[3] = ancillary.has_credentials;
  Write(ancillary.credentials, facts.Data() + 4);
  return Result(info, received);
}

// What a descriptor needs to serve as an end of a channel.
Napi::Value PrepareChannelJs(Info info) {
  SuppressSigpipe(Int(info[0]));
  return Result(info, PassCredentials(Int(info[0]), Int(info[1]) == 1));
}

Napi::Value ConnectUnixJs(Info info) {
  auto path = String(info[0]);
  return Result(info, ConnectUnix(path.data(), path.size()));
}

Napi::Value AcceptJs(Info info) { return Result(info, Accept(Int(info[0]))); }

Napi::Value PeerCredentialsJs(Info info) {
  Credentials peer = {-1, 0, 0};
  int err = PeerCredentials(Int(info[0]), &peer);
  Write(peer, Ints(info[1]).Data());
  return Result(info, err);
}

Napi::Value ReserveTcpJs(Info info) { return Result(info, ReserveTcp(Int(info[0]))); }

Napi::Value ListenTcpJs(Info info) {
  return Result(info,
                ListenTcp(String(info[0]).c_str(), Int(info[1]), Options(info[2]), Int(info[3])));
}

Napi::Value BindUdpJs(Info info) {
  return Result(info, BindUdp(String(info[0]).c_str(), Int(info[1]), Options(info[2])));
}

Napi::Value ListenUnixJs(Info info) {
  auto path = String(info[0]);
  return Result(info, ListenUnix(path.data(), path.size(), Int(info[1]), Int(info[2])));
}

Napi::Value BindUnixDatagramJs(Info info) {
  auto path = String(info[0]);
  return Result(info, BindUnixDatagram(path.data(), path.size(), Int(info[1])));
}

// Facts: family (0 other, 1 inet, 2 inet6, 3 unix), type (0 other, 1 stream, 2 dgram), protocol,
// listening, IPv6 only, reuse port, port. Returns the length of the name.
Napi::Value DescribeJs(Info info) {
  Facts facts;
  int err = Describe(Int(info[0]), &facts);
  if (err < 0) return Result(info, err);
  auto out = Ints(info[1]);
  auto name = Bytes(info[2]);
  if (out.ElementLength() < 7 || name.ByteLength() < sizeof(facts.name)) {
    return Result(info, -EINVAL);
  }
  out[0] = facts.family == AF_INET    ? 1
           : facts.family == AF_INET6 ? 2
           : facts.family == AF_UNIX  ? 3
                                      : 0;
  out[1] = facts.type == SOCK_STREAM ? 1 : facts.type == SOCK_DGRAM ? 2 : 0;
  out[2] = facts.protocol;
  out[3] = facts.listening;
  out[4] = facts.ipv6_only;
  out[5] = facts.reuse_port;
  out[6] = facts.port;
  std::copy_n(facts.name, facts.name_length, name.Data());
  return Result(info, facts.name_length);
}

Napi::Value OpenReadinessJs(Info info) { return Result(info, OpenReadiness()); }

Napi::Value AddToReadinessJs(Info info) {
  auto fds = Ints(info[1]);
  return Result(info, AddEachToReadiness(Int(info[0]), fds.Data(), fds.ElementLength()));
}

Napi::Value RemoveFromReadinessJs(Info info) {
  return Result(info, RemoveFromReadiness(Int(info[0]), Int(info[1])));
}

Napi::Value TakeReadyJs(Info info) {
  auto fds = Ints(info[1]);
  return Result(info, TakeReady(Int(info[0]), fds.Data(), fds.ElementLength()));
}

Napi::Value DupEachJs(Info info) {
  auto fds = Ints(info[0]);
  auto out = Ints(info[1]);
  if (out.ElementLength() < fds.ElementLength()) return Result(info, -EINVAL);
  return Result(info, DupEach(fds.Data(), fds.ElementLength(), out.Data()));
}

Napi::Value FindOtherJs(Info info) {
  auto fds = Ints(info[0]);
  return Result(info, FindOther(fds.Data(), fds.ElementLength(), Int(info[1]) == 1));
}

// Fills pairs of read and written, as doubles: exact up to 8 PiB; -1 for what is not known.
Napi::Value ReadProgressJs(Info info) {
  auto fds = Ints(info[0]);
  auto out = info[1].As<Napi::Float64Array>();
  if (out.ElementLength() < 2 * fds.ElementLength()) return Result(info, -EINVAL);
  ReadProgressOfEach(fds.Data(), fds.ElementLength(), out.Data());
  return Result(info, 0);
}

Napi::Value LockJs(Info info) { return Result(info, LockExclusively(Int(info[0]))); }

Napi::Value ReapOrphansJs(Info info) {
  auto known = Ints(info[0]);
  auto out = Ints(info[1]);  // pairs of pid and status
  return Result(info, ReapOrphans(known.Data(), known.ElementLength(),
                                  reinterpret_cast<Orphan*>(out.Data()), out.ElementLength() / 2));
}

// Strings that live as long as it does, as execve(2) wants them.
class Texts {
 public:
  explicit Texts(const Napi::Array& values) {
    for (uint32_t i = 0; i < values.Length(); ++i) texts_.push_back(String(values.Get(i)));
    for (std::string& text : texts_) pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  char* const* pointers() { return pointers_.data(); }

 private:
  std::vector<std::string> texts_;
  std::vector<char*> pointers_;
};

Napi::Value BecomeProgramJs(Info info) {
  std::string path = String(info[0]);
  Texts argv(info[1].As<Napi::Array>());
  Texts envp(info[2].As<Napi::Array>());
  auto fds = Ints(info[3]);
  return Result(info, BecomeProgram(path.c_str(), argv.pointers(), envp.pointers(), fds.Data(),
                                    fds.ElementLength()));
}

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
      {"accept", AcceptJs},
      {"peerCredentials", PeerCredentialsJs},
      {"listenTcp", ListenTcpJs},
      {"reserveTcp", ReserveTcpJs},
      {"bindUdp", BindUdpJs},
      {"listenUnix", ListenUnixJs},
      {"bindUnixDatagram", BindUnixDatagramJs},
      {"describe", DescribeJs},
      {"lock", LockJs},
      {"reapOrphans", ReapOrphansJs},
      {"becomeProgram", BecomeProgramJs},
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
