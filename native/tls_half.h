// One direction of a TLS connection: its keys, and one record at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tls_keys.h"
#include "tls_secrets.h"
#include "tls_suites.h"

namespace handoff {

// Bytes that a process owns elsewhere.
struct Bytes {
  const uint8_t* data;
  size_t length;
};

constexpr size_t kRecordHeader = 5;
constexpr size_t kTag = 16;

// Not copied, and wiped at its end.
class TlsHalf {
 public:
  TlsHalf(const Suite& suite, const TlsDirection& direction, bool seals);
  ~TlsHalf();
  TlsHalf(const TlsHalf&) = delete;
  TlsHalf& operator=(const TlsHalf&) = delete;

  const TlsDirection& direction() const { return direction_; }
  // How many times Update() was called.
  uint32_t updates() const { return updates_; }

  // By how much a record is longer than its plaintext and its header. In TLS 1.3, without padding,
  // it includes the content type.
  size_t Overhead() const;

  // Decrypts the body of a record in place. Returns the offset of the plaintext in it, whose length
  // is that of the body without Overhead(); in TLS 1.3 it has the content type and the padding
  // after it. Returns -EBADMSG if the record is too short or is not authentic, -ENOTSUP, -ENOMEM,
  // or -EOVERFLOW if the sequence number has no successor.
  int Open(const uint8_t header[kRecordHeader], uint8_t* body, size_t length);

  // Seals `length` bytes of plaintext, which are in one or more parts, from `offset` of the first
  // one on. Writes the whole record to `out`. Returns its size, or as Open().
  int Seal(uint8_t type, const Bytes* parts, size_t offset, size_t length, uint8_t* out);

  // Goes on to the next traffic secret, and to sequence number 0. Returns 0 or -errno: ENOTSUP (not
  // TLS 1.3, no OpenSSL).
  int Update();

  // Goes on to this sequence number, as if the records before it had been sealed or opened. Returns
  // 0 or -EINVAL if it is already past it.
  int Advance(uint64_t sequence);

 private:
  int Prepare();
  int Begin(uint8_t type, size_t plaintext, const uint8_t header[kRecordHeader],
            const uint8_t* nonce_explicit, uint8_t* tag);
  void FreeCipher();

  const Suite& suite_;
  TlsDirection direction_;
  const bool seals_;
  uint32_t updates_ = 0;
  // Made at the first use: a connection at rest costs little.
  void* cipher_ = nullptr;
  uint8_t iv_[kMaxIvLength] = {};
};

}  // namespace handoff
