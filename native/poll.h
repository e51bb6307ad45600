// One uv_poll_t: tells JavaScript when a descriptor is readable or writable.
#pragma once

#include <napi.h>
#include <uv.h>

namespace handoff {

// new Poll(fd, (status, events) => void). The descriptor stays its owner's, who closes it only
// after close(). Until the first start() nothing is done to it: libuv makes it non-blocking, for
// everyone who shares the open file. Events are those of libuv: UV_READABLE 1, UV_WRITABLE 2.
class Poll : public Napi::ObjectWrap<Poll> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Poll(const Napi::CallbackInfo& info);

 private:
  struct Handle;

  // Watches for `events`, in place of those of before. 0 or -errno: EBADF, EPERM, EEXIST, EINVAL
  // (closed). Holds the event loop alive, and this object, until stop() or close().
  Napi::Value Start(const Napi::CallbackInfo& info);
  void Stop(const Napi::CallbackInfo& info);
  void SetRef(const Napi::CallbackInfo& info);
  void Unref(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  int Open();
  void Emit(int status, int events);

  int fd_;
  bool referenced_ = true;
  bool closed_ = false;
  Handle* handle_ = nullptr;
  Napi::FunctionReference callback_;
  Napi::AsyncContext context_;
};

}  // namespace handoff
