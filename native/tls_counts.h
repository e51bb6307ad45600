// Counts the records of one TLS connection, and follows its handshake, by what OpenSSL reports of both.
// Only the server's side. Knows neither OpenSSL nor secrets.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace handoff {

// Why a connection cannot move, now or ever.
enum class TlsObstacle : uint8_t {
  kNone,
  kHandshake,     // the handshake is not over, or went on afterwards: a client certificate on demand
  kRenegotiated,  // a second handshake, or what asks for one
  kAlert,         // an alert came or went: the connection ends
  kNonce,         // the explicit nonces of TLS 1.2 do not count up by one
  kVersion,       // neither TLS 1.2 nor 1.3
  kSuite,         // a cipher suite whose records the new process cannot read
  kEarlyData,     // 0-RTT
  kCompressed,
  kFragment,      // the client has negotiated shorter records
  kSecrets,       // OpenSSL did not report the secrets
};

// One direction.
struct TlsSide {
  // Of all records from the first one on, with their headers.
  uint64_t bytes = 0;
  // Of the next record under the current keys. Valid once `finished`.
  uint64_t sequence = 0;
  uint64_t key_updates = 0;
  // TLS 1.2 with AES-GCM, written records: the nonce_explicit of the next record (RFC 5288 3).
  uint64_t next_nonce = 0;
  bool has_nonce = false;
  // Whether ChangeCipherSpec has gone: records of TLS 1.2 are encrypted from the next one on.
  bool changed_cipher = false;
  bool finished = false;
  // Whether the last record had a message that is not whole yet.
  bool partial = false;
};

class TlsCounts {
 public:
  // A record header of 5 bytes.
  void OnRecord(bool written, const uint8_t* header);
  // The content type within an encrypted record of TLS 1.3.
  void OnInnerType(bool written, uint8_t type);
  // A whole handshake message, with its header of 4 bytes.
  void OnHandshake(bool written, bool is_tls13, const uint8_t* message, size_t length);
  // A whole alert.
  void OnAlert(bool written);
  // The nonce_explicit of a written record.
  void OnNonce(uint64_t nonce);

  const TlsSide& read() const { return read_; }
  const TlsSide& written() const { return written_; }
  // Whether a Finished has come and gone.
  bool IsOpen() const { return read_.finished && written_.finished; }
  // The first one that was found, and kHandshake until both have finished.
  TlsObstacle obstacle() const;

 private:
  void Refuse(TlsObstacle obstacle);
  void OnLaterMessage(bool written, bool is_tls13, uint8_t type);
  TlsSide& Side(bool written) { return written ? written_ : read_; }

  TlsSide read_;
  TlsSide written_;
  TlsObstacle obstacle_ = TlsObstacle::kNone;
};

}  // namespace handoff
