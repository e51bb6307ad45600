#include "tls_half.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <limits>

#include "openssl_crypto.h"

namespace handoff {

namespace {

// EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h.
constexpr int kGetTag = 0x10;
constexpr int kSetTag = 0x11;

constexpr size_t kExplicitNonce = 8;
constexpr size_t kMaxAssociated = 13;

void WriteBigEndian(uint64_t number, uint8_t out[8]) {
  for (int i = 7; i >= 0; i--, number >>= 8) out[i] = static_cast<uint8_t>(number);
}

const void* CipherOf(const Suite& suite, const OpenSslCrypto& openssl) {
  switch (suite.aead) {
    case Aead::kAes128Gcm:
      return openssl.aes_128_gcm();
    case Aead::kAes256Gcm:
      return openssl.aes_256_gcm();
    default:
      return openssl.chacha20_poly1305();
  }
}

}  // namespace

TlsHalf::TlsHalf(const Suite& suite, const TlsDirection& direction, bool seals)
    : suite_(suite), direction_(direction), seals_(seals) {}

TlsHalf::~TlsHalf() {
  FreeCipher();
  Wipe(&direction_, sizeof(direction_));
}

void TlsHalf::FreeCipher() {
  // OpenSSL wipes the key.
  if (cipher_) FindOpenSslCrypto()->free_context(cipher_);
  cipher_ = nullptr;
  Wipe(iv_, sizeof(iv_));
}

size_t TlsHalf::Overhead() const {
  if (suite_.version == kTls13) return 1 + kTag;
  return (suite_.HasExplicitNonce() ? kExplicitNonce : 0) + kTag;
}

int TlsHalf::Prepare() {
  if (cipher_) return 0;
  const OpenSslCrypto* openssl = FindOpenSslCrypto();
  if (!openssl) return -ENOTSUP;
  void* cipher = openssl->new_context();
  if (!cipher) return -ENOMEM;
  uint8_t key[kMaxKeyLength];
  bool done = DeriveKey(suite_, direction_.secret, key, iv_) &&
              openssl->init(cipher, CipherOf(suite_, *openssl), nullptr, key, nullptr, seals_) == 1;
  Wipe(key, sizeof(key));
  cipher_ = cipher;
  if (done) return 0;
  FreeCipher();
  openssl->clear_errors();
  return -ENOTSUP;
}

// Sets the nonce, the associated data and, to open, the tag.
int TlsHalf::Begin(uint8_t type, size_t plaintext, const uint8_t header[kRecordHeader],
                   const uint8_t* nonce_explicit, uint8_t* tag) {
  const OpenSslCrypto& openssl = *FindOpenSslCrypto();
  uint8_t sequence[8];
  WriteBigEndian(direction_.sequence, sequence);
  // RFC 8446 5.3 and RFC 7905 2: the sequence number, XORed into the IV. RFC 5288 3: the IV, and
  // then what the record carries.
  uint8_t nonce[kMaxIvLength];
  memcpy(nonce, iv_, sizeof(nonce));
  if (nonce_explicit) {
    memcpy(nonce + 4, nonce_explicit, kExplicitNonce);
  } else {
    for (size_t i = 0; i < sizeof(sequence); i++) nonce[4 + i] ^= sequence[i];
  }
  // RFC 8446 5.2: the header. RFC 5246 6.2.3.3: the sequence number, and the header with the length
  // of the plaintext.
  uint8_t associated[kMaxAssociated];
  size_t associated_length = kRecordHeader;
  if (suite_.version == kTls13) {
    memcpy(associated, header, kRecordHeader);
  } else {
    memcpy(associated, sequence, sizeof(sequence));
    associated[8] = type;
    memcpy(associated + 9, header + 1, 2);
    associated[11] = static_cast<uint8_t>(plaintext >> 8);
    associated[12] = static_cast<uint8_t>(plaintext);
    associated_length = kMaxAssociated;
  }
  int written;
  bool done = openssl.init(cipher_, nullptr, nullptr, nullptr, nonce, seals_) == 1 &&
              (!tag || openssl.control(cipher_, kSetTag, kTag, tag) == 1) &&
              openssl.update(cipher_, nullptr, &written, associated,
                             static_cast<int>(associated_length)) == 1;
  return done ? 0 : -ENOTSUP;
}

int TlsHalf::Open(const uint8_t header[kRecordHeader], uint8_t* body, size_t length) {
  int error = Prepare();
  if (error < 0) return error;
  if (direction_.sequence == std::numeric_limits<uint64_t>::max()) return -EOVERFLOW;
  if (length < Overhead()) return -EBADMSG;
  const OpenSslCrypto& openssl = *FindOpenSslCrypto();
  size_t offset = suite_.HasExplicitNonce() ? kExplicitNonce : 0;
  size_t encrypted = length - offset - kTag;
  uint8_t* text = body + offset;
  int written, last;
  error = Begin(header[0], encrypted, header, offset > 0 ? body : nullptr, text + encrypted);
  if (error == 0) {
    bool opened = openssl.update(cipher_, text, &written, text, static_cast<int>(encrypted)) == 1 &&
                  openssl.final(cipher_, text + encrypted, &last) == 1;
    if (!opened) error = -EBADMSG;
  }
  if (error < 0) {
    // Node.js would take the errors that are left for those of its next call.
    openssl.clear_errors();
    return error;
  }
  direction_.sequence++;
  return static_cast<int>(offset);
}

int TlsHalf::Seal(uint8_t type, const Bytes* parts, size_t offset, size_t length, uint8_t* out) {
  int error = Prepare();
  if (error < 0) return error;
  if (direction_.sequence == std::numeric_limits<uint64_t>::max()) return -EOVERFLOW;
  const OpenSslCrypto& openssl = *FindOpenSslCrypto();
  size_t body = length + Overhead();
  bool inner_type = suite_.version == kTls13;
  out[0] = inner_type ? 23 : type;
  out[1] = 3;
  out[2] = 3;
  out[3] = static_cast<uint8_t>(body >> 8);
  out[4] = static_cast<uint8_t>(body);
  uint8_t* to = out + kRecordHeader;
  uint8_t* nonce_explicit = nullptr;
  if (suite_.HasExplicitNonce()) {
    WriteBigEndian(direction_.explicit_nonce, to);
    nonce_explicit = to;
    to += kExplicitNonce;
  }
  int written;
  bool done = Begin(type, length, out, nonce_explicit, nullptr) == 0;
  for (size_t left = length; done && left > 0; parts++, offset = 0) {
    size_t size = std::min(left, parts->length - offset);
    if (size == 0) continue;
    done = openssl.update(cipher_, to, &written, parts->data + offset, static_cast<int>(size)) == 1;
    to += size;
    left -= size;
  }
  if (inner_type) done = done && openssl.update(cipher_, to++, &written, &type, 1) == 1;
  done = done && openssl.final(cipher_, to, &written) == 1 &&
         openssl.control(cipher_, kGetTag, kTag, to) == 1;
  // Also after a failure: a nonce is never used twice.
  direction_.sequence++;
  if (nonce_explicit) direction_.explicit_nonce++;
  if (done) return static_cast<int>(kRecordHeader + body);
  openssl.clear_errors();
  return -ENOTSUP;
}

int TlsHalf::Update() {
  if (!ToNextSecret(suite_, direction_.secret)) return -ENOTSUP;
  FreeCipher();
  direction_.sequence = 0;
  updates_++;
  return 0;
}

int TlsHalf::Advance(uint64_t sequence) {
  if (sequence < direction_.sequence) return -EINVAL;
  if (seals_ && suite_.HasExplicitNonce()) {
    direction_.explicit_nonce += sequence - direction_.sequence;
  }
  direction_.sequence = sequence;
  return 0;
}

}  // namespace handoff
