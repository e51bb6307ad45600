// What the bindings share: each reads its arguments, calls the core, and returns a number.
#pragma once

#include <napi.h>
#include <stdint.h>

#include "../scm_rights.h"
#include "arguments.h"

namespace handoff {

using Info = const Napi::CallbackInfo&;
using Function = Napi::Value (*)(Info);

inline Napi::Value Result(Info info, double result) {
  return Napi::Number::New(info.Env(), result);
}

// Calls the core if all arguments are valid, and returns its result; else returns -EBADF or
// -EINVAL.
template <typename Call>
Napi::Value Checked(Info info, const Arguments& arguments, Call call) {
  return Result(info, arguments.error() < 0 ? arguments.error() : call());
}

// Writes pid, uid and gid. Uids are unsigned; JavaScript reads them from the signed array with >>>
// 0.
inline void Write(const Credentials& from, int32_t* to) {
  to[0] = from.pid;
  to[1] = static_cast<int32_t>(from.uid);
  to[2] = static_cast<int32_t>(from.gid);
}

}  // namespace handoff
