// The file with the secrets of TLS connections. JavaScript has its descriptor, never its content.

#include "../tls_secrets.h"

#include "bindings.h"

namespace handoff {
namespace {

Napi::Value CreateSecretsJs(Info info) {
  Arguments in(info);
  int count = in.Integer(0, 1, kLargest);
  return Checked(info, in, [&] { return CreateSecrets(static_cast<size_t>(count)); });
}

Napi::Value SealSecretsJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return SealSecrets(fd); });
}

Napi::Value CheckSecretsJs(Info info) {
  Arguments in(info);
  int fd = in.Descriptor(0);
  return Checked(info, in, [&] { return CheckSecrets(fd); });
}

Napi::Value SizeOfSecretsJs(Info info) {
  Arguments in(info);
  int count = in.Integer(0, 0, kLargest);
  return Checked(info, in, [&] { return SizeOfSecrets(static_cast<size_t>(count)); });
}

}  // namespace

void ExportTlsSecrets(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"createSecrets", CreateSecretsJs},
             {"sealSecrets", SealSecretsJs},
             {"checkSecrets", CheckSecretsJs},
             {"sizeOfSecrets", SizeOfSecretsJs},
         });
}

}  // namespace handoff
