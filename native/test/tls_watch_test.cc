// Against the OpenSSL of this system, under the sanitizers: what is counted, and what it opens.

#include "tls_watched_pair.h"

using namespace handoff;

namespace {

int Obstacle(const TestPair& pair) {
  const TlsConnection* connection = Find(pair.server);
  return connection ? static_cast<int>(connection->obstacle()) : -1;
}

}  // namespace

TEST(secrets_and_counts_open_the_next_record_of_openssl) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  const struct {
    int version;
    const char* suite;
  } kSuites[] = {
      {k13, "TLS_AES_128_GCM_SHA256"},        {k13, "TLS_AES_256_GCM_SHA384"},
      {k13, "TLS_CHACHA20_POLY1305_SHA256"},  {k12, "ECDHE-ECDSA-AES128-GCM-SHA256"},
      {k12, "ECDHE-ECDSA-AES256-GCM-SHA384"}, {k12, "ECDHE-ECDSA-CHACHA20-POLY1305"},
      {k12, "ECDHE-RSA-AES128-GCM-SHA256"},   {k12, "ECDHE-RSA-AES256-GCM-SHA384"},
      {k12, "ECDHE-RSA-CHACHA20-POLY1305"},
  };
  for (const auto& [version, suite] : kSuites) {
    TestContext server(*functions, true, version), client(*functions, false, version);
    auto set = version == k13 ? functions->set_suites : functions->set_ciphers;
    CHECK_EQ(set(server.get(), suite), 1);
    TestPair pair(*functions, server, client);
    CHECK(pair.Shake());
    for (size_t size : {1, 100, 16384, 50000}) {
      CHECK_EQ(pair.Say(pair.client, pair.server, size), size);
      CHECK_EQ(pair.Say(pair.server, pair.client, size), size);
    }
    CheckExact(pair);
    CheckExact(pair);
  }
  CHECK_EQ(WatchedTls(), 0);
  CHECK_EQ(IndexSize(), 0);
}

TEST(key_updates_of_both_sides_are_followed) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  TestPair pair(*functions, server, client);
  CHECK(pair.Shake());
  for (int round = 0; round < 5; round++) {
    for (TestEnd* end : {&pair.client, &pair.server}) {
      TestEnd& other = end == &pair.client ? pair.server : pair.client;
      for (int with_answer : {0, 1}) {
        CHECK_EQ(functions->key_update(end->ssl, with_answer), 1);
        CHECK_EQ(pair.Say(*end, other, 10), 10);
        CHECK_EQ(pair.Say(other, *end, 10), 10);
        CheckExact(pair);
      }
    }
  }
  CHECK_EQ(Find(pair.server)->counts().read().key_updates, 15);
  CHECK_EQ(Find(pair.server)->counts().written().key_updates, 15);
}

TEST(an_owed_key_update_is_reported) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  TestPair pair(*functions, server, client);
  CHECK(pair.Shake());
  TlsSecrets secrets;
  CHECK(Find(pair.server)->CopySecrets(&secrets));
  CHECK_EQ(secrets.owes_key_update, 0);
  CHECK_EQ(functions->key_update(pair.client.ssl, 1), 1);
  CHECK_EQ(pair.Say(pair.client, pair.server, 10), 10);
  CHECK(Find(pair.server)->CopySecrets(&secrets));
  CHECK_EQ(secrets.owes_key_update, 1);
  CHECK_EQ(pair.Say(pair.server, pair.client, 10), 10);
  CHECK(Find(pair.server)->CopySecrets(&secrets));
  CHECK_EQ(secrets.owes_key_update, 0);
}

TEST(a_record_that_is_not_whole_is_seen_at_each_byte) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  for (int version : {k12, k13}) {
    TestContext server(*functions, true, version), client(*functions, false, version);
    TestPair pair(*functions, server, client);
    CHECK(pair.Shake());
    CHECK_EQ(pair.Say(pair.client, pair.server, 10), 10);
    size_t before = pair.client.sent.size();
    pair.client.Write(50);
    pair.client.Collect();
    const TlsConnection* connection = Find(pair.server);
    for (size_t at = before + 1; at < pair.client.sent.size(); at++) {
      pair.client.CarryTo(pair.server, at);
      CHECK_EQ(pair.server.Read(), 0);
      CHECK(connection->counts().read().bytes != at || !connection->IsAtRest());
    }
    pair.client.CarryTo(pair.server);
    // OpenSSL has not been asked to read it: the sums are behind.
    CHECK(connection->counts().read().bytes != pair.client.sent.size() || !connection->IsAtRest());
    char byte;
    CHECK_EQ(functions->read(pair.server.ssl, &byte, 1), 1);
    CHECK(!connection->IsAtRest());
    CHECK_EQ(pair.server.Read(), 49);
    CheckExact(pair);
  }
}

TEST(what_cannot_move_is_known) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  {
    TestContext server(*functions, true, k12), client(*functions, false, k12);
    TestPair pair(*functions, server, client);
    CHECK(pair.Shake());
    CHECK_EQ(functions->renegotiate(pair.server.ssl), 1);
    functions->handshake(pair.server.ssl);
    CHECK_EQ(Obstacle(pair), static_cast<int>(TlsObstacle::kRenegotiated));
  }
  for (int version : {k12, k13}) {
    TestContext server(*functions, true, version), client(*functions, false, version);
    {
      TestPair pair(*functions, server, client);
      CHECK(pair.Shake());
      functions->shutdown(pair.client.ssl);
      pair.client.CarryTo(pair.server);
      pair.server.Read();
      CHECK_EQ(Obstacle(pair), static_cast<int>(TlsObstacle::kAlert));
    }
    TestPair pair(*functions, server, client);
    CHECK_EQ(functions->set_fragment(pair.client.ssl, 1), 1);
    CHECK(pair.Shake());
    pair.Say(pair.client, pair.server, 10);
    CHECK_EQ(Obstacle(pair), static_cast<int>(TlsObstacle::kFragment));
  }
  TestContext server(*functions, true, k12), client(*functions, false, k12);
  CHECK_EQ(functions->set_ciphers(server.get(), "ECDHE-ECDSA-AES128-SHA"), 1);
  TestPair pair(*functions, server, client);
  CHECK(pair.Shake());
  CHECK_EQ(Obstacle(pair), static_cast<int>(TlsObstacle::kSuite));
  TlsSecrets secrets;
  CHECK(!Find(pair.server)->CopySecrets(&secrets));
}
