// One uv_poll_t: calls JavaScript when a descriptor is readable or writable.
#pragma once

#include <napi.h>
#include <uv.h>

namespace handoff {

// new Poll(fd, (status, events) => void). The caller owns the descriptor, and closes it after
// close(). The first start() makes it non-blocking, for all processes that share the open file.
// Events are those of libuv: UV_READABLE 1, UV_WRITABLE 2.
class Poll : public Napi::ObjectWrap<Poll> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit Poll(const Napi::CallbackInfo& info);

 private:
  struct Handle;

  // Watches for `events` instead of earlier ones. Returns 0 or -errno: EBADF, EPERM, EEXIST, EINVAL
  // (closed). Keeps the event loop and this object alive until stop() or close().
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
