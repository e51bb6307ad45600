// Bytes with descriptors on them, on channels and as datagrams.

#include "../descriptor.h"
#include "../scm_rights.h"
#include "../unix_socket.h"
#include "bindings.h"

namespace handoff {
namespace {

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

// Fills facts: descriptors, truncated, cut, has credentials, pid, uid, gid.
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

// Prepares a descriptor to be one end of a channel.
Napi::Value PrepareChannelJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  bool record_senders = in.Integer(1, 0, 1) == 1;
  return Checked(info, in, [&] {
    SuppressSigpipe(fd);
    return PassCredentials(fd, record_senders);
  });
}

}  // namespace

void ExportMessages(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"send", SendJs},
             {"sendDatagram", SendDatagramJs},
             {"receive", ReceiveJs},
             {"prepareChannel", PrepareChannelJs},
         });
}

}  // namespace handoff
