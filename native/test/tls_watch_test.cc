// Against the OpenSSL of this system, under the sanitizers.

#include "../tls_watch.h"

#include <algorithm>
#include <thread>
#include <vector>

#include "../tls_index.h"
#include "../tls_records.h"
#include "tls_pair.h"

using namespace handoff;

namespace {

constexpr int k12 = 0x0303, k13 = 0x0304;

// Null if the system has no OpenSSL 3: then the test ends.
const TestSsl* Begin() {
  const TestSsl* functions = FindTestSsl();
  if (functions) CHECK(WatchTls() == nullptr);
  return functions;
}

const TlsConnection* Find(const TestEnd& end) {
  uint8_t finished[64];
  size_t length = end.functions.finished(end.ssl, finished, sizeof(finished));
  return FindInIndex(finished, length);
}

// Whether the counts are those of the bytes, and the secrets open what each side sends next.
void CheckExact(TestPair& pair) {
  const TlsConnection* connection = Find(pair.server);
  CHECK(connection);
  if (!connection) return;
  CHECK_EQ(connection->counts().read().bytes, pair.client.sent.size());
  CHECK_EQ(connection->counts().written().bytes, pair.server.sent.size());
  CHECK(connection->IsAtRest());
  CHECK_EQ(static_cast<int>(connection->obstacle()), 0);
  TlsSecrets secrets;
  CHECK(connection->CopySecrets(&secrets));
  const Suite* suite = FindSuite(secrets.version, secrets.suite);
  CHECK(suite);
  if (!suite) return;
  TlsRecords records(*suite, secrets);
  // The core reads what the server wrote as the client would.
  TlsSecrets turned = secrets;
  std::swap(turned.read, turned.write);
  TlsRecords of_client(*suite, turned);
  for (TestEnd* from : {&pair.client, &pair.server}) {
    TestEnd& to = from == &pair.client ? pair.server : pair.client;
    size_t before = from->sent.size();
    CHECK_EQ(pair.Say(*from, to, 100), 100);
    std::string sent = from->sent.substr(before);
    auto* bytes = reinterpret_cast<uint8_t*>(&sent[0]);
    Opened opened = (from == &pair.client ? records : of_client).Open(bytes, sent.size());
    CHECK_EQ(opened.refusal.alert, 0);
    CHECK_EQ(opened.data.length, 100);
    CHECK_EQ(opened.consumed, sent.size());
  }
  if (suite->HasExplicitNonce()) {
    CHECK_EQ(connection->counts().written().next_nonce, secrets.write.explicit_nonce + 1);
  }
}

int Obstacle(const TestPair& pair) {
  const TlsConnection* connection = Find(pair.server);
  return connection ? static_cast<int>(connection->obstacle()) : -1;
}

int keylog_lines;
void CountLine(const Ssl*, const char*) { keylog_lines++; }

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

TEST(the_callback_of_another_is_called_as_well) {
  const TestSsl* functions = Begin();
  LibSsl libssl;
  if (!functions || FindLibSsl(&libssl)) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  keylog_lines = 0;
  for (int connection = 1; connection <= 3; connection++) {
    // As Node.js, for each connection of a server with listeners to 'keylog'.
    libssl.set_on_key_log(server.get(), CountLine);
    TestPair pair(*functions, server, client);
    CHECK(pair.Shake());
    CHECK_EQ(keylog_lines, 5 * connection);
    CheckExact(pair);
  }
}

TEST(a_context_that_is_chosen_in_the_handshake_reports_secrets) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext first(*functions, true, k13), chosen(*functions, true, k13);
  TestContext client(*functions, false, k13);
  struct Choice {
    const TestSsl* functions;
    SslContext* context;
  } choice = {functions, chosen.get()};
  auto choose = [](Ssl* ssl, void* argument) {
    auto* choice = static_cast<Choice*>(argument);
    return choice->functions->set_context(ssl, choice->context) ? 1 : 0;
  };
  functions->set_cert_callback(first.get(), choose, &choice);
  for (int connection = 0; connection < 3; connection++) {
    TestPair pair(*functions, first, client);
    CHECK(pair.Shake());
    CheckExact(pair);
  }
}

TEST(connections_are_found_by_their_own_thread_only) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  auto* pair = new TestPair(*functions, server, client);
  CHECK(pair->Shake());
  CHECK(Find(pair->server));
  bool is_found = true;
  std::thread([&] {
    is_found = Find(pair->server) != nullptr;
    delete pair;  // also there it is removed
  }).join();
  CHECK(!is_found);
  CHECK_EQ(WatchedTls(), 0);
  CHECK_EQ(IndexSize(), 0);
}

TEST(threads_have_connections_at_the_same_time) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; thread++) {
    threads.emplace_back([functions] {
      TestContext server(*functions, true, k13), client(*functions, false, k13);
      for (int connection = 0; connection < 10; connection++) {
        TestPair pair(*functions, server, client);
        CHECK(pair.Shake());
        CheckExact(pair);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(WatchedTls(), 0);
  CHECK_EQ(IndexSize(), 0);
}

TEST(connections_that_end_early_or_are_copied_leave_nothing) {
  const TestSsl* functions = Begin();
  if (!functions) return;
  TestContext server(*functions, true, k13), client(*functions, false, k13);
  {
    TestPair pair(*functions, server, client);
    functions->handshake(pair.client.ssl);
    pair.client.CarryTo(pair.server);
    functions->handshake(pair.server.ssl);
    CHECK_EQ(WatchedTls(), 1);
    if (Ssl* copy = functions->duplicate(pair.server.ssl)) functions->free(copy);
    CHECK_EQ(WatchedTls(), 1);
  }
  {
    TestPair pair(*functions, server, client);
    functions->write_bio(pair.server.in, "GET / HTTP/1.1\r\n\r\n", 18);
    CHECK(functions->handshake(pair.server.ssl) != 1);
    CHECK(!Find(pair.server));
  }
  CHECK_EQ(WatchedTls(), 0);
  CHECK_EQ(IndexSize(), 0);
}
