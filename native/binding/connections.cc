// Many connections in one call.

#include "../connections.h"
#include "../readiness.h"
#include "../tcp_progress.h"
#include "bindings.h"

namespace handoff {
namespace {

Napi::Value DupEachJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  auto out = in.Ints(1, fds.count);
  return Checked(info, in, [&] { return DupEach(fds.data, fds.count, out.data); });
}

Napi::Value ShutdownEachJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  return Checked(info, in, [&] { return ShutdownEach(fds.data, fds.count); });
}

Napi::Value FindOtherJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  bool unix_domain = in.Integer(1, 0, 1) == 1;
  return Checked(info, in, [&] { return FindOther(fds.data, fds.count, unix_domain); });
}

// Fills pairs of bytes read and written, as doubles: exact up to 8 PiB; -1 if unknown.
Napi::Value ReadProgressJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  auto out = in.Doubles(1, 2 * fds.count);
  return Checked(info, in, [&] {
    ReadProgressOfEach(fds.data, fds.count, out.data);
    return 0;
  });
}

Napi::Value ReportsProgressJs(Info info) { return Result(info, ReportsProgress()); }

// Fills milliseconds since data last came or went; -1 if unknown.
Napi::Value ReadSilenceJs(Info info) {
  Arguments in(info);
  auto fds = in.Ints(0);
  auto out = in.Ints(1, fds.count);
  return Checked(info, in, [&] {
    ReadSilenceOfEach(fds.data, fds.count, out.data);
    return 0;
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

}  // namespace

void ExportConnections(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"dupEach", DupEachJs},
             {"shutdownEach", ShutdownEachJs},
             {"findOther", FindOtherJs},
             {"readProgress", ReadProgressJs},
             {"reportsProgress", ReportsProgressJs},
             {"readSilence", ReadSilenceJs},
             {"openReadiness", OpenReadinessJs},
             {"addToReadiness", AddToReadinessJs},
             {"removeFromReadiness", RemoveFromReadinessJs},
             {"takeReady", TakeReadyJs},
         });
}

}  // namespace handoff
