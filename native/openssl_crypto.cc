#include "openssl_crypto.h"

#include "openssl.h"

namespace handoff {

namespace {

bool Find(OpenSslCrypto* to) {
  return FindInOpenSsl({
             {"EVP_aes_128_gcm", &to->aes_128_gcm},
             {"EVP_aes_256_gcm", &to->aes_256_gcm},
             {"EVP_chacha20_poly1305", &to->chacha20_poly1305},
             {"EVP_CIPHER_CTX_new", &to->new_context},
             {"EVP_CIPHER_CTX_free", &to->free_context},
             {"EVP_CIPHER_CTX_ctrl", &to->control},
             {"EVP_CipherInit_ex", &to->init},
             {"EVP_CipherUpdate", &to->update},
             {"EVP_CipherFinal_ex", &to->final},
             {"EVP_sha256", &to->sha256},
             {"EVP_sha384", &to->sha384},
             {"HMAC", &to->hmac},
             {"ERR_clear_error", &to->clear_errors},
             {"ERR_error_string_n", &to->describe},
         }) == nullptr;
}

}  // namespace

const OpenSslCrypto* FindOpenSslCrypto() {
  static OpenSslCrypto functions;
  static const bool found = Find(&functions);
  return found ? &functions : nullptr;
}

}  // namespace handoff
