// Single descriptors: dup, close, and what one is.

#include <sys/socket.h>

#include <algorithm>

#include "../descriptor.h"
#include "../facts.h"
#include "../process.h"
#include "bindings.h"

namespace handoff {
namespace {

Napi::Value DupJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return Dup(fd); });
}

Napi::Value OpenMemoryFileJs(Info info) { return Result(info, OpenMemoryFile()); }

Napi::Value CloseJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return Close(fd); });
}

// Fills facts: family (0 other, 1 inet, 2 inet6, 3 unix), type (0 other, 1 stream, 2 dgram),
// protocol, listening, IPv6 only, reuse port, port. Returns the length of the name.
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

// Runs in the thread pool, and keeps the event loop alive until then. Room that was not made is made
// when the descriptors come.
class Reservation : public Napi::AsyncWorker {
 public:
  Reservation(Napi::Env env, int count)
      : AsyncWorker(env, "socket-handoff:reserve"), count_(count) {}

  void Execute() override { ReserveDescriptors(count_); }

 private:
  int count_;
};

Napi::Value ReserveDescriptorsJs(Info info) {
  Arguments in(info);
  int count = in.Integer(0, 0, kLargest);
  return Checked(info, in, [&] {
    (new Reservation(info.Env(), count))->Queue();
    return 0;
  });
}

Napi::Value CloseOnExecAboveStdioJs(Info info) { return Result(info, CloseOnExecAboveStdio()); }

}  // namespace

void ExportDescriptors(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"dup", DupJs},
             {"close", CloseJs},
             {"reserveDescriptors", ReserveDescriptorsJs},
             {"openMemoryFile", OpenMemoryFileJs},
             {"describe", DescribeJs},
             {"closeOnExecAboveStdio", CloseOnExecAboveStdioJs},
         });
}

}  // namespace handoff
