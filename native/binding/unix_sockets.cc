// Unix sockets: pairs, connecting, accepting, the process at the other end.

#include <sys/socket.h>

#include "../unix_socket.h"
#include "bindings.h"

namespace handoff {
namespace {

int ReadSocketType(Arguments& in, size_t index) {
  return in.Integer(index, 0, 1) == 1 ? SOCK_DGRAM : SOCK_STREAM;
}

Napi::Value SocketPairJs(Info info) {
  Arguments in(info);
  int type = ReadSocketType(in, 0);
  auto fds = in.Ints(1, 2);
  return Checked(info, in, [&] { return SocketPair(type, fds.data); });
}

Napi::Value ConnectUnixJs(Info info) {
  Arguments in(info);
  auto path = in.Text(0, true);
  int wait_ms = in.Integer(1, 0, kLargest);
  return Checked(info, in, [&] { return ConnectUnix(path.data(), path.size(), wait_ms); });
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

Napi::Value IsHungUpJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return IsHungUp(fd); });
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

}  // namespace

void ExportUnixSockets(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"socketPair", SocketPairJs},
             {"connectUnix", ConnectUnixJs},
             {"connectUnixDatagram", ConnectUnixDatagramJs},
             {"accept", AcceptJs},
             {"waitReadable", WaitReadableJs},
             {"isHungUp", IsHungUpJs},
             {"peerCredentials", PeerCredentialsJs},
         });
}

}  // namespace handoff
