#include "tls_suites.h"

namespace handoff {

namespace {

constexpr Aead kA128 = Aead::kAes128Gcm, kA256 = Aead::kAes256Gcm,
               kChaCha = Aead::kChaCha20Poly1305;
constexpr Hash k256 = Hash::kSha256, k384 = Hash::kSha384;

// Sources: RFC 8446 B.4, RFC 5289 (ECDHE), RFC 7905 (ChaCha20-Poly1305).
constexpr Suite kSuites[] = {
    {kTls13, 0x1301, kA128, k256},    // TLS_AES_128_GCM_SHA256
    {kTls13, 0x1302, kA256, k384},    // TLS_AES_256_GCM_SHA384
    {kTls13, 0x1303, kChaCha, k256},  // TLS_CHACHA20_POLY1305_SHA256
    {kTls12, 0xc02b, kA128, k256},    // ECDHE-ECDSA-AES128-GCM-SHA256
    {kTls12, 0xc02c, kA256, k384},    // ECDHE-ECDSA-AES256-GCM-SHA384
    {kTls12, 0xc02f, kA128, k256},    // ECDHE-RSA-AES128-GCM-SHA256
    {kTls12, 0xc030, kA256, k384},    // ECDHE-RSA-AES256-GCM-SHA384
    {kTls12, 0xcca8, kChaCha, k256},  // ECDHE-RSA-CHACHA20-POLY1305
    {kTls12, 0xcca9, kChaCha, k256},  // ECDHE-ECDSA-CHACHA20-POLY1305
};

}  // namespace

const Suite* FindSuite(uint16_t version, uint16_t id) {
  for (const Suite& suite : kSuites) {
    if (suite.version == version && suite.id == id) return &suite;
  }
  return nullptr;
}

}  // namespace handoff
