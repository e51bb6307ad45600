// Listening sockets and bound datagram sockets.

#include <limits>

#include "../listener.h"
#include "bindings.h"

namespace handoff {
namespace {

// The flags of packages/handoff/src/io/listeners/bind-socket.ts.
InternetOptions ReadOptions(Arguments& in, size_t index) {
  int flags = in.Integer(index, 0, 7);
  return {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
}

int ReadPort(Arguments& in, size_t index) { return in.Integer(index, 0, 65535); }

int ReadMode(Arguments& in, size_t index) { return in.Integer(index, kModeFromUmask, 07777); }

int ReadBacklog(Arguments& in, size_t index) {
  return in.Integer(index, std::numeric_limits<int>::min(), kLargest);
}

Napi::Value ListenTcpJs(Info info) {
  Arguments in(info);
  auto address = in.Text(0);
  int port = ReadPort(in, 1);
  auto options = ReadOptions(in, 2);
  int backlog = ReadBacklog(in, 3);
  return Checked(info, in, [&] { return ListenTcp(address.c_str(), port, options, backlog); });
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

}  // namespace

void ExportListeners(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"listenTcp", ListenTcpJs},
             {"reserveTcp", ReserveTcpJs},
             {"stopListening", StopListeningJs},
             {"bindUdp", BindUdpJs},
             {"listenUnix", ListenUnixJs},
             {"bindUnixDatagram", BindUnixDatagramJs},
         });
}

}  // namespace handoff
