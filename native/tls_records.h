// The records of one TLS connection whose handshake is over: opens all of a buffer, seals data of
// any size. Uses the OpenSSL of this process, and is not concerned with what the records say.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tls_half.h"

namespace handoff {

// Content types (RFC 8446 5.1).
constexpr uint8_t kApplicationData = 23;

// The longest plaintext of a record (RFC 8446 5.1).
constexpr size_t kMaxPlaintext = 16384;

// Why a record is refused: the alert for the peer (RFC 8446 6), and the number of the reason in
// OpenSSL (SSL_R_… of openssl/sslerr.h). The alert is 0 if none is refused.
struct Refusal {
  int alert = 0;
  int reason = 0;
};

// A part of the buffer.
struct Part {
  size_t offset = 0;
  size_t length = 0;
};

// No content type.
constexpr int kNone = -1;

// What a buffer of records has in it, up to the first record that is not application data.
struct Opened {
  // The records that are opened, in bytes.
  size_t consumed = 0;
  // The application data of all of them, in one piece.
  Part data;
  // The content type of the record after the data, or kNone.
  int type = kNone;
  Part other;
  // Of the record at `consumed`.
  Refusal refusal;
  // The size of the record at `consumed` that is not all there; 0 if its header is not.
  size_t begun = 0;
};

class TlsRecords {
 public:
  // Takes a copy of the secrets. `suite` is theirs.
  TlsRecords(const Suite& suite, const TlsSecrets& secrets);

  // Opens whole records in place: `bytes` has the plaintext afterwards. Stops after a record that
  // is not application data, since it may change the keys, and before one that is refused.
  Opened Open(uint8_t* bytes, size_t length);

  // Writes records with all the data to `out`, each of kMaxPlaintext at most. Returns the size, or
  // -errno: ENOBUFS if `out` is too small, or as TlsHalf::Seal().
  int64_t Seal(uint8_t type, const Bytes* parts, size_t count, uint8_t* out, size_t capacity);

  // The size of what Seal() writes for so many bytes.
  size_t SealedSize(size_t length) const;

  const Suite& suite() const { return suite_; }
  TlsHalf& read() { return read_; }
  TlsHalf& write() { return write_; }
  void set_owes_key_update(bool owes) { owes_key_update_ = owes; }
  bool owes_key_update() const { return owes_key_update_; }

  // Copies the secrets and sequence numbers out, for another process.
  void Export(TlsSecrets* secrets) const;

 private:
  Refusal CheckHeader(const uint8_t* header) const;
  Refusal OpenOne(uint8_t* record, size_t size, uint8_t* type, Bytes* text);

  const Suite& suite_;
  const bool server_;
  bool owes_key_update_;
  int empty_records_ = 0;
  TlsHalf read_;
  TlsHalf write_;
};

}  // namespace handoff
