#include "tls_connection.h"

#include <string.h>

#include "tls_keys.h"
#include "tls_secret_line.h"

namespace handoff {
namespace {

constexpr size_t kRecordHeader = 5;
constexpr size_t kExplicitNonce = 8;
constexpr size_t kTag = 16;
// Type and length of a handshake message.
constexpr size_t kMessageHeader = 4;
constexpr uint8_t kFinished = 20;

uint64_t ReadBigEndian(const uint8_t* bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < 8; i++) number = number << 8 | bytes[i];
  return number;
}

}  // namespace

TlsConnection::~TlsConnection() {
  Wipe(&read_, sizeof(read_));
  Wipe(&written_, sizeof(written_));
}

void TlsConnection::OnRecord(bool written, const uint8_t* header) {
  bool was_encrypted = counts_.written().changed_cipher;
  counts_.OnRecord(written, header);
  if (!written) return;
  if (!was_encrypted && counts_.written().changed_cipher) {
    const Suite* suite = FindOwnSuite();
    has_explicit_nonce_ = suite && suite->HasExplicitNonce();
  } else if (has_explicit_nonce_) {
    // OpenSSL reports a header when the record behind it is encrypted, in the same buffer: 3.0
    // do_ssl3_write, 3.2 and later tls_post_encryption_processing_default.
    size_t length = static_cast<size_t>(header[3] << 8 | header[4]);
    if (length >= kExplicitNonce + kTag) counts_.OnNonce(ReadBigEndian(header + kRecordHeader));
  }
}

void TlsConnection::OnHandshake(bool written, const uint8_t* message, size_t length) {
  uint64_t updates = counts_.read().key_updates + counts_.written().key_updates;
  counts_.OnHandshake(written, IsTls13(), message, length);
  if (counts_.read().key_updates + counts_.written().key_updates != updates) OnKeyUpdate(written);
  if (!written || length < kMessageHeader || message[0] != kFinished) return;
  if (length - kMessageHeader > kLongestFinished) return;
  finished_length_ = length - kMessageHeader;
  memcpy(finished_, message + kMessageHeader, finished_length_);
}

void TlsConnection::OnKeyUpdate(bool written) {
  Secret& secret = written ? written_ : read_;
  const Suite* suite = FindOwnSuite();
  bool done = suite && secret.length == suite->HashLength() && ToNextSecret(*suite, secret.bytes);
  if (!done) secret.length = 0;
}

bool TlsConnection::OnKeyLog(const char* line) {
  Secret secret;
  SecretOf of = ReadSecretLine(line, secret.bytes, &secret.length);
  if (of == SecretOf::kRead) read_ = secret;
  if (of == SecretOf::kWritten) written_ = secret;
  if (of == SecretOf::kNeither) return false;
  Wipe(&secret, sizeof(secret));
  return true;
}

uint16_t TlsConnection::version() const { return static_cast<uint16_t>(libssl_.version(ssl_)); }

uint16_t TlsConnection::suite() const {
  const SslCipher* cipher = libssl_.cipher(ssl_);
  return cipher ? libssl_.cipher_id(cipher) : 0;
}

TlsObstacle TlsConnection::obstacle() const {
  TlsObstacle counted = counts_.obstacle();
  if (counted != TlsObstacle::kNone) return counted;
  if (libssl_.in_handshake(ssl_)) return TlsObstacle::kHandshake;
  if (libssl_.shutdown(ssl_) != 0) return TlsObstacle::kAlert;
  if (version() != kTls12 && !IsTls13()) return TlsObstacle::kVersion;
  const Suite* suite = FindOwnSuite();
  if (!suite) return TlsObstacle::kSuite;
  if (libssl_.early_data(ssl_) != kNoEarlyData) return TlsObstacle::kEarlyData;
  if (libssl_.compression(ssl_)) return TlsObstacle::kCompressed;
  const SslSession* session = libssl_.session(ssl_);
  if (!session) return TlsObstacle::kSecrets;
  if (libssl_.fragment_code(session) != 0) return TlsObstacle::kFragment;
  if (has_explicit_nonce_ && !counts_.written().has_nonce) return TlsObstacle::kNonce;
  bool has_secrets = read_.length == suite->HashLength() && written_.length == suite->HashLength();
  return IsTls13() && !has_secrets ? TlsObstacle::kSecrets : TlsObstacle::kNone;
}

bool TlsConnection::IsAtRest() const {
  return !counts_.read().partial && libssl_.has_pending(ssl_) == 0;
}

bool TlsConnection::CopySecrets(TlsSecrets* secrets) const {
  *secrets = {};
  if (obstacle() != TlsObstacle::kNone) return false;
  secrets->version = version();
  secrets->suite = suite();
  secrets->server = 1;
  secrets->owes_key_update = libssl_.owed_key_update(ssl_) != kNoKeyUpdate;
  secrets->read.sequence = counts_.read().sequence;
  secrets->write.sequence = counts_.written().sequence;
  return IsTls13() ? CopyTrafficSecrets(secrets) : CopyKeyBlock(secrets);
}

bool TlsConnection::CopyTrafficSecrets(TlsSecrets* secrets) const {
  memcpy(secrets->read.secret, read_.bytes, read_.length);
  memcpy(secrets->write.secret, written_.bytes, written_.length);
  return true;
}

bool TlsConnection::CopyKeyBlock(TlsSecrets* secrets) const {
  if (has_explicit_nonce_) secrets->write.explicit_nonce = counts_.written().next_nonce;
  uint8_t master[48], client_random[32], server_random[32];
  size_t length = libssl_.master_key(libssl_.session(ssl_), master, sizeof(master));
  bool done =
      length > 0 &&
      libssl_.client_random(ssl_, client_random, sizeof(client_random)) == sizeof(client_random) &&
      libssl_.server_random(ssl_, server_random, sizeof(server_random)) == sizeof(server_random) &&
      ExpandKeyBlock(master, length, client_random, server_random, secrets);
  Wipe(master, sizeof(master));
  return done;
}

}  // namespace handoff
