// The records and the secrets of TLS connections that OpenSSL serves in this process.

#include <errno.h>
#include <string.h>

#include "../dynamic_linking.h"
#include "../tls_index.h"
#include "../tls_secrets.h"
#include "../tls_watch.h"
#include "bindings.h"

namespace handoff {
namespace {

// Node.js unloads an addon with the last worker thread that has loaded it, and OpenSSL would call what is
// not there any more.
bool StayLoaded() {
  Dl_info own;
  if (!dladdr(reinterpret_cast<void*>(StayLoaded), &own)) return false;
  return dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
}

// Returns 0; or, if the connections cannot be followed, how many bytes the name of what is missing has. It
// is written into the array.
Napi::Value WatchTlsJs(Info info) {
  Arguments in(info);
  auto name = in.Bytes(0, 64);
  return Checked(info, in, [&] {
    const char* missing = StayLoaded() ? WatchTls() : "RTLD_NODELETE";
    size_t length = missing ? strnlen(missing, name.count) : 0;
    if (missing) memcpy(name.data, missing, length);
    return static_cast<int>(length);
  });
}

// Fills in 9 numbers: bytes read and written, obstacle, whether it is at rest, version, suite,
// sequence numbers read and written, KeyUpdates of both directions. Doubles are exact up to 2^53.
Napi::Value ReadTlsCountsJs(Info info) {
  Arguments in(info);
  auto finished = in.Bytes(0);
  auto out = in.Doubles(1, 9);
  return Checked(info, in, [&] {
    const TlsConnection* connection = FindInIndex(finished.data, finished.count);
    if (!connection) return -ENOENT;
    const TlsSide& read = connection->counts().read();
    const TlsSide& written = connection->counts().written();
    double* to = out.data;
    *to++ = static_cast<double>(read.bytes);
    *to++ = static_cast<double>(written.bytes);
    *to++ = static_cast<double>(connection->obstacle());
    *to++ = connection->IsAtRest();
    *to++ = connection->version();
    *to++ = connection->suite();
    *to++ = static_cast<double>(read.sequence);
    *to++ = static_cast<double>(written.sequence);
    *to++ = static_cast<double>(read.key_updates + written.key_updates);
    return 0;
  });
}

// Copies the secrets of a connection into a file, as its entry `index`.
Napi::Value WriteTlsSecretsOfJs(Info info) {
  Arguments in(info);
  auto finished = in.Bytes(0);
  int fd = in.Descriptor(1);
  int index = in.Integer(2, 0, kLargest);
  return Checked(info, in, [&] {
    const TlsConnection* connection = FindInIndex(finished.data, finished.count);
    if (!connection) return -ENOENT;
    TlsSecrets secrets;
    int result = connection->CopySecrets(&secrets)
                     ? WriteSecrets(fd, static_cast<size_t>(index), secrets)
                     : -EPERM;
    Wipe(&secrets, sizeof(secrets));
    return result;
  });
}

Napi::Value WatchedTlsJs(Info info) { return Result(info, static_cast<double>(WatchedTls())); }

}  // namespace

void ExportTlsCounts(Napi::Env env, Napi::Object exports) {
  Export(env, exports,
         {
             {"watchTls", WatchTlsJs},
             {"watchedTls", WatchedTlsJs},
             {"readTlsCounts", ReadTlsCountsJs},
             {"writeTlsSecretsOf", WriteTlsSecretsOfJs},
         });
}

}  // namespace handoff
