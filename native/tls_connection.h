// What is kept of one TLS connection of a server in this process, from its first record to SSL_free.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "libssl.h"
#include "tls_counts.h"
#include "tls_secrets.h"
#include "tls_suites.h"

namespace handoff {

// The Finished message of a side, as SSL_get_finished returns it: of TLS 1.2 12 bytes, of TLS 1.3 those
// of a hash.
constexpr size_t kLongestFinished = 48;

class TlsConnection {
 public:
  TlsConnection(const LibSsl& libssl, Ssl* ssl) : libssl_(libssl), ssl_(ssl) {}
  // Wipes the secrets.
  ~TlsConnection();
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // `header` is followed in memory by the record, if it is written.
  void OnRecord(bool written, const uint8_t* header);
  void OnInnerType(bool written, uint8_t type) { counts_.OnInnerType(written, type); }
  void OnHandshake(bool written, const uint8_t* message, size_t length);
  void OnAlert(bool written) { counts_.OnAlert(written); }
  // Returns whether the line had a traffic secret, which is the last one after a Finished.
  bool OnKeyLog(const char* line);

  const TlsCounts& counts() const { return counts_; }
  // Ours, of the last handshake. Empty before it was written.
  const uint8_t* finished() const { return finished_; }
  size_t finished_length() const { return finished_length_; }

  // The functions from here on ask OpenSSL.
  uint16_t version() const;
  uint16_t suite() const;
  TlsObstacle obstacle() const;
  // Whether OpenSSL has nothing half read: no part of a record or of a message, no data that the
  // program has not got. What was not read from the socket, or not written, only the counts show.
  bool IsAtRest() const;
  // Fills in `secrets`. Returns whether there is no obstacle, and OpenSSL had all of it. The caller
  // wipes them.
  bool CopySecrets(TlsSecrets* secrets) const;

 private:
  // The traffic secret of one direction (TLS 1.3). No length: not reported yet.
  struct Secret {
    uint8_t bytes[48];
    size_t length = 0;
  };

  bool IsTls13() const { return version() == kTls13; }
  const Suite* FindOwnSuite() const { return FindSuite(version(), suite()); }
  void OnKeyUpdate(bool written);
  bool CopyTrafficSecrets(TlsSecrets* secrets) const;
  bool CopyKeyBlock(TlsSecrets* secrets) const;

  const LibSsl& libssl_;
  Ssl* const ssl_;
  TlsCounts counts_;
  Secret read_;
  Secret written_;
  // Whether a written record begins with 8 bytes of its nonce.
  bool has_explicit_nonce_ = false;
  uint8_t finished_[kLongestFinished];
  size_t finished_length_ = 0;
};

}  // namespace handoff
