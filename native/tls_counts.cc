#include "tls_counts.h"

namespace handoff {
namespace {

// RFC 8446 5.1.
enum ContentType : uint8_t { kChangeCipherSpec = 20, kApplicationData = 23 };

// RFC 8446 4, RFC 5246 7.4.
enum HandshakeType : uint8_t {
  kHelloRequest = 0,
  kClientHello = 1,
  kNewSessionTicket = 4,
  kFinished = 20,
  kKeyUpdate = 24,
};

constexpr size_t kRecordHeader = 5;

}  // namespace

void TlsCounts::OnRecord(bool written, const uint8_t* header) {
  TlsSide& side = Side(written);
  side.bytes += kRecordHeader + (header[3] << 8 | header[4]);
  if (header[0] == kChangeCipherSpec) {
    // TLS 1.2 has new keys from here on. In TLS 1.3 it means nothing, and has no sequence number
    // (RFC 8446 5): it comes before the Finished, which sets the number again.
    if (side.finished) Refuse(TlsObstacle::kRenegotiated);
    side.changed_cipher = true;
    side.sequence = 0;
    return;
  }
  side.sequence++;
  side.partial = header[0] != kApplicationData;
}

void TlsCounts::OnInnerType(bool written, uint8_t type) {
  Side(written).partial = type != kApplicationData;
}

void TlsCounts::OnHandshake(bool written, bool is_tls13, const uint8_t* message, size_t length) {
  TlsSide& side = Side(written);
  side.partial = false;
  if (length == 0) return;
  uint8_t type = message[0];
  if (side.finished) {
    OnLaterMessage(written, is_tls13, type);
  } else if (type == kFinished) {
    side.finished = true;
    // TLS 1.3 has new keys after this message. That of TLS 1.2 is the first record under its keys.
    if (is_tls13) side.sequence = 0;
  }
}

// OpenSSL has refused a KeyUpdate that does not end its record, so the next record is the first
// one under the new keys.
void TlsCounts::OnLaterMessage(bool written, bool is_tls13, uint8_t type) {
  TlsSide& side = Side(written);
  if (type == kKeyUpdate && is_tls13) {
    side.key_updates++;
    side.sequence = 0;
  } else if (type == kHelloRequest || type == kClientHello || type == kFinished) {
    Refuse(TlsObstacle::kRenegotiated);
  } else if (type != kNewSessionTicket || !written || !is_tls13) {
    Refuse(TlsObstacle::kHandshake);
  }
}

void TlsCounts::OnAlert(bool written) {
  Side(written).partial = false;
  Refuse(TlsObstacle::kAlert);
}

void TlsCounts::OnNonce(uint64_t nonce) {
  if (written_.has_nonce && nonce != written_.next_nonce) Refuse(TlsObstacle::kNonce);
  written_.has_nonce = true;
  written_.next_nonce = nonce + 1;
}

TlsObstacle TlsCounts::obstacle() const {
  if (obstacle_ != TlsObstacle::kNone) return obstacle_;
  return IsOpen() ? TlsObstacle::kNone : TlsObstacle::kHandshake;
}

void TlsCounts::Refuse(TlsObstacle obstacle) {
  if (obstacle_ == TlsObstacle::kNone) obstacle_ = obstacle;
}

}  // namespace handoff
