#include "tls_keys.h"

#include <string.h>

#include <algorithm>

#include "openssl_crypto.h"

namespace handoff {

namespace {

constexpr size_t kMaxHashLength = 48;

// HMAC with the suite's hash. `out` has HashLength() bytes, and may be a part of `data`.
bool Hmac(const Suite& suite, const uint8_t* key, size_t key_length, const uint8_t* data,
          size_t length, uint8_t* out) {
  const OpenSslCrypto* openssl = FindOpenSslCrypto();
  if (!openssl) return false;
  uint8_t digest[kMaxHashLength];
  const void* hash = suite.hash == Hash::kSha384 ? openssl->sha384() : openssl->sha256();
  bool done = openssl->hmac(hash, key, static_cast<int>(key_length), data, length, digest,
                            nullptr) != nullptr;
  if (done) memcpy(out, digest, suite.HashLength());
  Wipe(digest, sizeof(digest));
  return done;
}

// HKDF-Expand-Label of RFC 8446 7.1 with an empty context. `length` is at most that of the hash, so
// the first block of HKDF-Expand has all of it.
bool ExpandLabel(const Suite& suite, const uint8_t* secret, const char* label, uint8_t* out,
                 size_t length) {
  constexpr char kPrefix[] = "tls13 ";
  uint8_t info[64];
  size_t at = 0;
  size_t label_length = strlen(label);
  info[at++] = 0;
  info[at++] = static_cast<uint8_t>(length);
  info[at++] = static_cast<uint8_t>(strlen(kPrefix) + label_length);
  memcpy(info + at, kPrefix, strlen(kPrefix));
  at += strlen(kPrefix);
  memcpy(info + at, label, label_length);
  at += label_length;
  info[at++] = 0;  // the context
  info[at++] = 1;  // the number of the block
  uint8_t block[kMaxHashLength];
  bool done = Hmac(suite, secret, suite.HashLength(), info, at, block);
  if (!done) return false;
  memcpy(out, block, length);
  Wipe(block, sizeof(block));
  return true;
}

}  // namespace

bool DeriveKey(const Suite& suite, const uint8_t* secret, uint8_t key[kMaxKeyLength],
               uint8_t iv[kMaxIvLength]) {
  if (suite.version == kTls13) {
    return ExpandLabel(suite, secret, "key", key, suite.KeyLength()) &&
           ExpandLabel(suite, secret, "iv", iv, suite.IvLength());
  }
  memcpy(key, secret, suite.KeyLength());
  memcpy(iv, secret + suite.KeyLength(), suite.IvLength());
  return true;
}

bool ToNextSecret(const Suite& suite, uint8_t* secret) {
  return suite.version == kTls13 &&
         ExpandLabel(suite, secret, "traffic upd", secret, suite.HashLength());
}

bool ExpandKeyBlock(const uint8_t* master, size_t master_length, const uint8_t client_random[32],
                    const uint8_t server_random[32], TlsSecrets* secrets) {
  const Suite* suite = FindSuite(kTls12, secrets->suite);
  const OpenSslCrypto* openssl = FindOpenSslCrypto();
  if (!suite || !openssl) return false;
  // P_hash(master, seed) of RFC 5246 5: A(i) = HMAC(A(i-1)), and each block is HMAC(A(i) + seed).
  constexpr char kLabel[] = "key expansion";
  constexpr size_t kSeedLength = sizeof(kLabel) - 1 + 64;
  uint8_t chained[kMaxHashLength + kSeedLength];
  size_t hash = suite->HashLength();
  uint8_t* seed = chained + hash;
  memcpy(seed, kLabel, sizeof(kLabel) - 1);
  memcpy(seed + sizeof(kLabel) - 1, server_random, 32);
  memcpy(seed + sizeof(kLabel) - 1 + 32, client_random, 32);

  uint8_t block[3 * kMaxHashLength];
  size_t needed = 2 * (suite->KeyLength() + suite->IvLength());
  bool done = Hmac(*suite, master, master_length, seed, kSeedLength, chained);
  for (size_t filled = 0; done && filled < needed; filled += hash) {
    done = Hmac(*suite, master, master_length, chained, hash + kSeedLength, block + filled) &&
           Hmac(*suite, master, master_length, chained, hash, chained);
  }
  if (done) {
    // client key, server key, client IV, server IV
    size_t key = suite->KeyLength(), iv = suite->IvLength();
    TlsDirection* client = secrets->server ? &secrets->read : &secrets->write;
    TlsDirection* server = secrets->server ? &secrets->write : &secrets->read;
    memcpy(client->secret, block, key);
    memcpy(client->secret + key, block + 2 * key, iv);
    memcpy(server->secret, block + key, key);
    memcpy(server->secret + key, block + 2 * key + iv, iv);
  }
  Wipe(block, sizeof(block));
  Wipe(chained, sizeof(chained));
  return done;
}

}  // namespace handoff
