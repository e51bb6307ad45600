// The ciphers and the HMAC of the OpenSSL that this process runs with.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace handoff {

// EVP_CIPHER, EVP_CIPHER_CTX, EVP_MD and ENGINE of the signatures are void here.
struct OpenSslCrypto {
  const void* (*aes_128_gcm)();
  const void* (*aes_256_gcm)();
  const void* (*chacha20_poly1305)();
  void* (*new_context)();
  void (*free_context)(void* context);
  int (*control)(void* context, int type, int value, void* pointer);
  int (*init)(void* context, const void* cipher, void* engine, const uint8_t* key,
              const uint8_t* iv, int encrypts);
  int (*update)(void* context, uint8_t* out, int* out_length, const uint8_t* in, int length);
  int (*final)(void* context, uint8_t* out, int* out_length);
  const void* (*sha256)();
  const void* (*sha384)();
  uint8_t* (*hmac)(const void* hash, const void* key, int key_length, const uint8_t* data,
                   size_t length, uint8_t* out, unsigned* out_length);
  void (*clear_errors)();
  void (*describe)(unsigned long error, char* text, size_t size);
};

// Returns the functions, or null if this process has none that fit.
const OpenSslCrypto* FindOpenSslCrypto();

}  // namespace handoff
