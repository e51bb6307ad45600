// The cipher suites whose records this process can open and seal.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace handoff {

constexpr uint16_t kTls12 = 0x0303;
constexpr uint16_t kTls13 = 0x0304;

enum class Aead { kAes128Gcm, kAes256Gcm, kChaCha20Poly1305 };
enum class Hash { kSha256, kSha384 };

struct Suite {
  uint16_t version;
  uint16_t id;  // of the IANA registry "TLS Cipher Suites"
  Aead aead;
  Hash hash;

  size_t KeyLength() const { return aead == Aead::kAes128Gcm ? 16 : 32; }
  size_t HashLength() const { return hash == Hash::kSha384 ? 48 : 32; }
  // A record of TLS 1.2 with AES-GCM carries 8 of the 12 bytes of its nonce (RFC 5288 3). Its keys
  // have the other 4.
  bool HasExplicitNonce() const { return version == kTls12 && aead != Aead::kChaCha20Poly1305; }
  size_t IvLength() const { return HasExplicitNonce() ? 4 : 12; }
  // How much of TlsDirection::secret is used: the traffic secret, or the key with its IV.
  size_t SecretLength() const {
    return version == kTls13 ? HashLength() : KeyLength() + IvLength();
  }
};

// Returns the suite, or null if its records are of another kind (CBC, CCM) or its version is older.
const Suite* FindSuite(uint16_t version, uint16_t id);

}  // namespace handoff
