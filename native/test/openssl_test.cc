#include "../openssl.h"

#include <dlfcn.h>
#include <string.h>

#include "harness.h"

using namespace handoff;

TEST(functions_of_openssl_are_found_by_name) {
  // node has it within itself; this program does not.
  if (!dlopen("libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL)) return;
  unsigned long (*version)() = nullptr;
  void (*cleanse)(void*, size_t) = nullptr;
  CHECK(FindInOpenSsl({{"OpenSSL_version_num", &version}, {"OPENSSL_cleanse", &cleanse}}) ==
        nullptr);
  CHECK_EQ(version() >> 28, 3);
  char secret[] = "secret";
  cleanse(secret, sizeof(secret));
  for (char byte : secret) CHECK_EQ(byte, 0);
}

TEST(a_missing_function_of_openssl_is_named) {
  if (!dlopen("libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL)) return;
  void (*cleanse)(void*, size_t) = nullptr;
  void (*none)() = nullptr;
  const char* missing =
      FindInOpenSsl({{"OPENSSL_cleanse", &cleanse}, {"SSL_there_is_none", &none}});
  CHECK(missing && strcmp(missing, "SSL_there_is_none") == 0);
  CHECK(none == nullptr);
}
