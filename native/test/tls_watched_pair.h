// A client and a server of the system's OpenSSL, of which the core follows the server.
#pragma once

#include <algorithm>
#include <string>

#include "../tls_index.h"
#include "../tls_records.h"
#include "../tls_watch.h"
#include "tls_pair.h"

constexpr int k12 = 0x0303, k13 = 0x0304;

// Null if the system has no OpenSSL 3: then the test ends.
inline const TestSsl* Begin() {
  const TestSsl* functions = FindTestSsl();
  if (functions) CHECK(handoff::WatchTls() == nullptr);
  return functions;
}

inline const handoff::TlsConnection* Find(const TestEnd& end) {
  uint8_t finished[64];
  size_t length = end.functions.finished(end.ssl, finished, sizeof(finished));
  return handoff::FindInIndex(finished, length);
}

// Whether the counts are those of the bytes, and the secrets open what each side sends next.
inline void CheckExact(TestPair& pair) {
  using namespace handoff;
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
