#include "openssl.h"

#include <string.h>

#include "dynamic_linking.h"

namespace handoff {
namespace {

constexpr unsigned long kMajor = 3;

// BoringSSL says that it is OpenSSL 1.1.1.
bool IsSupported() {
  unsigned long (*version)() = nullptr;
  return OpenSslFunction("OpenSSL_version_num", &version).Find() && version() >> 28 == kMajor;
}

}  // namespace

bool OpenSslFunction::Find() const {
  // The executable comes first, then the libraries that it is linked with: never another OpenSSL, of
  // another addon.
  void* address = dlsym(RTLD_DEFAULT, name_);
  memcpy(address_, &address, sizeof(address));
  return address != nullptr;
}

const char* FindInOpenSsl(std::initializer_list<OpenSslFunction> functions) {
  if (!IsSupported()) return "OpenSSL 3";
  for (const OpenSslFunction& function : functions) {
    if (!function.Find()) return function.name();
  }
  return nullptr;
}

}  // namespace handoff
