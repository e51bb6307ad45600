#include "poll.h"

#include "arguments.h"

namespace handoff {

// Outlives its Poll: libuv needs the memory until the close callback has run.
struct Poll::Handle {
  uv_poll_t poll;
  Poll* owner;
  napi_async_cleanup_hook_handle hook;

  static Handle* Of(void* handle) {
    return static_cast<Handle*>(static_cast<uv_handle_t*>(handle)->data);
  }

  // Closing is asynchronous, and the loop of a worker must have no open handle when it ends. The
  // hook makes the environment wait for the close callback, which removes the hook.
  void Close() {
    owner->handle_ = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* closed) {
      Handle* handle = Of(closed);
      napi_remove_async_cleanup_hook(handle->hook);
      delete handle;
    });
  }

  // Runs at the end of the environment, which also awaits a handle that is closing already.
  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
    auto* handle = static_cast<Handle*>(data);
    if (!uv_is_closing(reinterpret_cast<uv_handle_t*>(&handle->poll))) handle->Close();
  }
};

Napi::Function Poll::Define(Napi::Env env) {
  return DefineClass(env, "Poll",
                     {
                         InstanceMethod<&Poll::Start>("start"),
                         InstanceMethod<&Poll::Stop>("stop"),
                         InstanceMethod<&Poll::SetRef>("ref"),
                         InstanceMethod<&Poll::Unref>("unref"),
                         InstanceMethod<&Poll::Close>("close"),
                     });
}

Poll::Poll(const Napi::CallbackInfo& info)
    : ObjectWrap(info),
      fd_(Arguments(info).Descriptor(0)),
      context_(info.Env(), "socket-handoff:poll") {
  if (info[1].IsFunction()) callback_ = Napi::Persistent(info[1].As<Napi::Function>());
}

int Poll::Open() {
  uv_loop_t* loop;
  if (napi_get_uv_event_loop(Env(), &loop) != napi_ok) return UV_EINVAL;
  auto* handle = new Handle{};
  int err = uv_poll_init(loop, &handle->poll, fd_);
  if (err < 0) {
    delete handle;
    return err;
  }
  handle->poll.data = handle;
  handle->owner = this;
  napi_add_async_cleanup_hook(Env(), Handle::OnEnvironmentEnd, handle, &handle->hook);
  if (!referenced_) uv_unref(reinterpret_cast<uv_handle_t*>(&handle->poll));
  handle_ = handle;
  Ref();  // until close(): libuv may call back at any time before
  return 0;
}

Napi::Value Poll::Start(const Napi::CallbackInfo& info) {
  Arguments in(info);
  int events = in.Integer(0, UV_READABLE, UV_READABLE | UV_WRITABLE);
  int err = closed_ || callback_.IsEmpty() ? UV_EINVAL : in.error();
  if (err == 0 && fd_ == kNoDescriptor) err = UV_EBADF;
  if (err == 0 && !handle_) err = Open();
  if (err == 0) {
    err = uv_poll_start(&handle_->poll, events, [](uv_poll_t* poll, int status, int events) {
      Handle::Of(poll)->owner->Emit(status, events);
    });
  }
  return Napi::Number::New(info.Env(), err);
}

void Poll::Stop(const Napi::CallbackInfo&) {
  if (handle_) uv_poll_stop(&handle_->poll);
}

void Poll::SetRef(const Napi::CallbackInfo&) {
  referenced_ = true;
  if (handle_) uv_ref(reinterpret_cast<uv_handle_t*>(&handle_->poll));
}

void Poll::Unref(const Napi::CallbackInfo&) {
  referenced_ = false;
  if (handle_) uv_unref(reinterpret_cast<uv_handle_t*>(&handle_->poll));
}

void Poll::Close(const Napi::CallbackInfo&) {
  closed_ = true;
  callback_.Reset();  // it refers to the owner, and so to this object: neither could be collected
  if (!handle_) return;
  handle_->Close();
  ObjectWrap::Unref();
}

// Uses plain Node-API: while a worker is terminated every call may fail, and a Napi::Error of such
// a failure would end the process.
void Poll::Emit(int status, int events) {
  napi_env env = Env();
  Napi::HandleScope scope(env);
  napi_value arguments[2];
  napi_value ignored;
  if (napi_create_int32(env, status, &arguments[0]) != napi_ok) return;
  if (napi_create_int32(env, events, &arguments[1]) != napi_ok) return;
  napi_status called =
      napi_make_callback(env, context_, Value(), callback_.Value(), 2, arguments, &ignored);
  napi_value exception;
  if (called == napi_pending_exception &&
      napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
    napi_fatal_exception(env, exception);  // an uncaughtException, as from any other callback
  }
}

}  // namespace handoff
