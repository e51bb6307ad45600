// The functions that JavaScript can call, by subject. Each name is that of the interface Native in
// packages/handoff/src/io/native/addon.ts, which has the signatures.
#pragma once

#include <initializer_list>
#include <utility>

#include "marshal.h"

namespace handoff {

using Bindings = std::initializer_list<std::pair<const char*, Function>>;

// Adds functions to the exports of the addon.
void Export(Napi::Env env, Napi::Object exports, Bindings bindings);

void ExportDescriptors(Napi::Env env, Napi::Object exports);
void ExportMessages(Napi::Env env, Napi::Object exports);
void ExportUnixSockets(Napi::Env env, Napi::Object exports);
void ExportListeners(Napi::Env env, Napi::Object exports);
void ExportConnections(Napi::Env env, Napi::Object exports);
void ExportProcesses(Napi::Env env, Napi::Object exports);
void ExportTlsCounts(Napi::Env env, Napi::Object exports);
void ExportTlsSecrets(Napi::Env env, Napi::Object exports);
void ExportTlsRecords(Napi::Env env, Napi::Object exports);

}  // namespace handoff
