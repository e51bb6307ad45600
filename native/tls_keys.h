// The key schedule after the handshake: from secrets to the keys of records.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tls_secrets.h"
#include "tls_suites.h"

namespace handoff {

// The longest key and IV of a suite.
constexpr size_t kMaxKeyLength = 32;
constexpr size_t kMaxIvLength = 12;

// Fills in the key and the IV of one direction from its secret. Returns whether OpenSSL did it. The
// caller wipes both.
bool DeriveKey(const Suite& suite, const uint8_t* secret, uint8_t key[kMaxKeyLength],
               uint8_t iv[kMaxIvLength]);

// TLS 1.3: replaces a traffic secret with the one that follows a KeyUpdate (RFC 8446 7.2). Returns
// whether OpenSSL did it.
bool ToNextSecret(const Suite& suite, uint8_t* secret);

// TLS 1.2: fills in both directions' secrets, each a key and its IV, from the master secret (RFC
// 5246 6.3). `secrets` has the suite and the side. Returns false if the suite is not known, or
// OpenSSL failed.
bool ExpandKeyBlock(const uint8_t* master, size_t master_length, const uint8_t client_random[32],
                    const uint8_t server_random[32], TlsSecrets* secrets);

}  // namespace handoff
