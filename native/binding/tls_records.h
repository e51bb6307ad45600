// The records of one TLS connection, as an object of JavaScript.
#pragma once

#include <napi.h>

#include <memory>

#include "../tls_records.h"

namespace handoff {

// new TlsRecords(fd, index): with the secrets of a file of tls_secrets.h. Every method returns a
// number,
// >= 0 or -errno: ECANCELED after wipe(), and if the secrets could not be read, with that error.
class TlsRecordsJs : public Napi::ObjectWrap<TlsRecordsJs> {
 public:
  static Napi::Function Define(Napi::Env env);
  explicit TlsRecordsJs(const Napi::CallbackInfo& info);

 private:
  Napi::Value Suite(const Napi::CallbackInfo& info);
  Napi::Value Overhead(const Napi::CallbackInfo& info);
  Napi::Value Open(const Napi::CallbackInfo& info);
  Napi::Value Seal(const Napi::CallbackInfo& info);
  Napi::Value UpdateRead(const Napi::CallbackInfo& info);
  Napi::Value UpdateWrite(const Napi::CallbackInfo& info);
  Napi::Value SetOwesKeyUpdate(const Napi::CallbackInfo& info);
  Napi::Value Progress(const Napi::CallbackInfo& info);
  Napi::Value Advance(const Napi::CallbackInfo& info);
  Napi::Value WriteSecrets(const Napi::CallbackInfo& info);
  Napi::Value Wipe(const Napi::CallbackInfo& info);

  template <typename Call>
  Napi::Value WithRecords(const Napi::CallbackInfo& info, int argument_error, Call call);

  int status_ = 0;
  std::unique_ptr<TlsRecords> records_;
};

}  // namespace handoff
