#include "../tls_counts.h"

#include "harness.h"

using namespace handoff;

namespace {

constexpr bool kRead = false, kWritten = true;
constexpr bool kIs12 = false, kIs13 = true;
constexpr uint8_t kCcs = 20, kAlert = 21, kHandshake = 22, kData = 23;

// One side's view of a handshake, and what follows it.
struct Conversation {
  TlsCounts counts;

  void Record(bool written, uint8_t type, uint16_t length) {
    uint8_t header[] = {type, 3, 3, static_cast<uint8_t>(length >> 8),
                        static_cast<uint8_t>(length)};
    counts.OnRecord(written, header);
  }
  void Message(bool written, bool is_tls13, uint8_t type) {
    uint8_t message[] = {type, 0, 0, 1, 0};
    counts.OnHandshake(written, is_tls13, message, sizeof(message));
  }
  void HandshakeRecord(bool written, bool is_tls13, uint8_t type) {
    Record(written, kHandshake, 100);
    Message(written, is_tls13, type);
  }
  // An encrypted one.
  void InnerRecord(bool written, uint8_t inner, uint16_t length = 100) {
    Record(written, kData, length);
    counts.OnInnerType(written, inner);
  }
  void InnerMessage(bool written, uint8_t type) {
    InnerRecord(written, kHandshake);
    Message(written, kIs13, type);
  }

  void Shake13() {
    HandshakeRecord(kRead, kIs13, 1);
    HandshakeRecord(kWritten, kIs13, 2);
    Record(kWritten, kCcs, 1);
    for (uint8_t type : {8, 11, 15, 20}) InnerMessage(kWritten, type);
    Record(kRead, kCcs, 1);
    InnerMessage(kRead, 20);
  }
  void Shake12() {
    HandshakeRecord(kRead, kIs12, 1);
    for (uint8_t type : {2, 11, 12, 14}) HandshakeRecord(kWritten, kIs12, type);
    HandshakeRecord(kRead, kIs12, 16);
    for (bool written : {kRead, kWritten}) {
      Record(written, kCcs, 1);
      HandshakeRecord(written, kIs12, 20);
    }
  }
  bool Has(TlsObstacle obstacle) const { return counts.obstacle() == obstacle; }
};

}  // namespace

TEST(records_of_tls13_are_counted_from_the_finished_on) {
  Conversation c;
  CHECK(c.Has(TlsObstacle::kHandshake));
  c.Shake13();
  CHECK(c.Has(TlsObstacle::kNone));
  CHECK_EQ(c.counts.read().sequence, 0);
  CHECK_EQ(c.counts.written().sequence, 0);
  // Both compatible ChangeCipherSpec are among the bytes.
  CHECK_EQ(c.counts.read().bytes, 2 * 105 + 6);
  CHECK_EQ(c.counts.written().bytes, 5 * 105 + 6);
  for (int ticket = 0; ticket < 2; ticket++) c.InnerMessage(kWritten, 4);
  c.InnerRecord(kRead, kData, 16384 + 17);
  CHECK_EQ(c.counts.written().sequence, 2);
  CHECK_EQ(c.counts.read().sequence, 1);
  CHECK_EQ(c.counts.read().bytes, 2 * 105 + 6 + 5 + 16384 + 17);
  CHECK(c.Has(TlsObstacle::kNone));
}

TEST(the_finished_of_tls12_is_its_first_record) {
  Conversation c;
  c.Shake12();
  CHECK(c.Has(TlsObstacle::kNone));
  CHECK_EQ(c.counts.read().sequence, 1);
  CHECK_EQ(c.counts.written().sequence, 1);
  c.Record(kRead, kData, 100);
  CHECK_EQ(c.counts.read().sequence, 2);
}

TEST(a_key_update_begins_its_direction_anew) {
  Conversation c;
  c.Shake13();
  for (int i = 0; i < 3; i++) c.InnerRecord(kRead, kData);
  c.InnerRecord(kWritten, kData);
  c.InnerMessage(kRead, 24);
  CHECK_EQ(c.counts.read().sequence, 0);
  CHECK_EQ(c.counts.read().key_updates, 1);
  CHECK_EQ(c.counts.written().sequence, 1);
  c.InnerRecord(kRead, kData);
  CHECK_EQ(c.counts.read().sequence, 1);
  c.InnerMessage(kWritten, 24);
  CHECK_EQ(c.counts.written().sequence, 0);
  CHECK_EQ(c.counts.written().key_updates, 1);
  CHECK(c.Has(TlsObstacle::kNone));
}

TEST(half_a_message_is_seen) {
  Conversation c;
  c.Shake13();
  CHECK(!c.counts.read().partial);
  c.InnerRecord(kRead, kHandshake);
  CHECK(c.counts.read().partial);
  c.InnerRecord(kRead, kHandshake);
  c.Message(kRead, kIs13, 24);
  CHECK(!c.counts.read().partial);

  Conversation old;
  old.Shake12();
  old.Record(kRead, kHandshake, 100);
  CHECK(old.counts.read().partial);
}

TEST(a_second_handshake_is_an_obstacle) {
  for (uint8_t type : {0, 1, 20}) {
    for (bool written : {kRead, kWritten}) {
      Conversation c;
      c.Shake12();
      c.HandshakeRecord(written, kIs12, type);
      CHECK(c.Has(TlsObstacle::kRenegotiated));
    }
  }
  Conversation c;
  c.Shake13();
  c.Record(kRead, kCcs, 1);
  CHECK(c.Has(TlsObstacle::kRenegotiated));
}

TEST(other_messages_after_the_handshake_are_an_obstacle) {
  Conversation request, certificate, ticket, update, old_ticket;
  request.Shake13();
  request.InnerMessage(kWritten, 13);
  CHECK(request.Has(TlsObstacle::kHandshake));
  certificate.Shake13();
  certificate.InnerMessage(kRead, 11);
  CHECK(certificate.Has(TlsObstacle::kHandshake));
  ticket.Shake13();
  ticket.InnerMessage(kRead, 4);
  CHECK(ticket.Has(TlsObstacle::kHandshake));
  update.Shake12();
  update.HandshakeRecord(kRead, kIs12, 24);
  CHECK(update.Has(TlsObstacle::kHandshake));
  old_ticket.Shake12();
  old_ticket.HandshakeRecord(kWritten, kIs12, 4);
  CHECK(old_ticket.Has(TlsObstacle::kHandshake));
}

TEST(an_alert_is_an_obstacle_and_the_first_one_stays) {
  Conversation c;
  c.Shake13();
  c.InnerRecord(kRead, kAlert);
  CHECK(c.counts.read().partial);
  c.counts.OnAlert(kRead);
  CHECK(!c.counts.read().partial);
  CHECK(c.Has(TlsObstacle::kAlert));
  c.Message(kRead, kIs13, 1);
  CHECK(c.Has(TlsObstacle::kAlert));
}

TEST(nonces_must_count_up_by_one) {
  Conversation c;
  c.Shake12();
  c.counts.OnNonce(UINT64_MAX);
  c.counts.OnNonce(0);
  CHECK_EQ(c.counts.written().next_nonce, 1);
  CHECK(c.Has(TlsObstacle::kNone));
  c.counts.OnNonce(2);
  CHECK(c.Has(TlsObstacle::kNonce));
}

TEST(an_empty_message_is_ignored) {
  Conversation c;
  c.counts.OnHandshake(kRead, kIs13, nullptr, 0);
  CHECK(c.Has(TlsObstacle::kHandshake));
}
