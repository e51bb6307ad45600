// The addon: exports the functions of the core, and marshals between them and JavaScript.
//
// Every function returns a number, >= 0 or -errno, and fills the typed arrays that it was given. If
// an argument does not fit the signature, it returns -EBADF or -EINVAL, and does nothing.

#include "bindings.h"
#include "poll.h"

namespace handoff {

void Export(Napi::Env env, Napi::Object exports, Bindings bindings) {
  for (const auto& [name, function] : bindings) {
    exports[name] = Napi::Function::New(env, function, name);
  }
}

// Runs once for each environment: a worker thread loads the addon again. The core has no state of
// its own, and a Poll closes with its environment.
static Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["Poll"] = Poll::Define(env);
  ExportDescriptors(env, exports);
  ExportMessages(env, exports);
  ExportUnixSockets(env, exports);
  ExportListeners(env, exports);
  ExportConnections(env, exports);
  ExportProcesses(env, exports);
  ExportTlsCounts(env, exports);
  ExportTlsSecrets(env, exports);
  ExportTlsRecords(env, exports);
  return exports;
}

}  // namespace handoff

static Napi::Object InitModule(Napi::Env env, Napi::Object exports) {
  return handoff::Init(env, exports);
}
NODE_API_MODULE(socket_handoff, InitModule)
