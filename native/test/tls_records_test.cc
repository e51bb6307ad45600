#include "../tls_records.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include <string>
#include <vector>

#include "../openssl_crypto.h"
#include "../tls_keys.h"
#include "harness.h"

using namespace handoff;

namespace {

// The core finds OpenSSL by name, as node exports it: this test's program gets the system's.
bool HasOpenSsl() {
  for (const char* name : {"libcrypto.so.3", "libcrypto.3.dylib"}) {
    if (dlopen(name, RTLD_NOW | RTLD_GLOBAL)) break;
  }
  if (FindOpenSslCrypto()) return true;
  fprintf(stderr, "  skipped: this system has no OpenSSL 3\n");
  return false;
}

std::vector<uint8_t> FromHex(const char* hex) {
  std::vector<uint8_t> bytes;
  for (; *hex; hex += 2) {
    unsigned byte;
    sscanf(hex, "%2x", &byte);
    bytes.push_back(static_cast<uint8_t>(byte));
  }
  return bytes;
}

bool Equal(const uint8_t* bytes, const char* hex) {
  std::vector<uint8_t> expected = FromHex(hex);
  return memcmp(bytes, expected.data(), expected.size()) == 0;
}

constexpr uint16_t kAllSuites[][2] = {
    {kTls13, 0x1301}, {kTls13, 0x1302}, {kTls13, 0x1303}, {kTls12, 0xc02b}, {kTls12, 0xc02c},
    {kTls12, 0xc02f}, {kTls12, 0xc030}, {kTls12, 0xcca8}, {kTls12, 0xcca9},
};

TlsSecrets SecretsOf(uint16_t version, uint16_t suite, bool server) {
  TlsSecrets secrets = {};
  secrets.version = version;
  secrets.suite = suite;
  secrets.server = server;
  TlsDirection* client = server ? &secrets.read : &secrets.write;
  TlsDirection* of_server = server ? &secrets.write : &secrets.read;
  memset(client->secret, 0xc1, sizeof(client->secret));
  memset(of_server->secret, 0x5e, sizeof(of_server->secret));
  client->sequence = 3;
  of_server->sequence = 0xfffffffffe;
  return secrets;
}

// Both ends of a connection.
struct Ends {
  explicit Ends(const uint16_t suite[2])
      : server(*FindSuite(suite[0], suite[1]), SecretsOf(suite[0], suite[1], true)),
        client(*FindSuite(suite[0], suite[1]), SecretsOf(suite[0], suite[1], false)) {}
  TlsRecords server, client;
};

std::vector<uint8_t> Seal(TlsRecords* records, uint8_t type, const std::vector<Bytes>& parts) {
  size_t length = 0;
  for (const Bytes& part : parts) length += part.length;
  std::vector<uint8_t> out(records->SealedSize(length));
  CHECK_EQ(records->Seal(type, parts.data(), parts.size(), out.data(), out.size()), out.size());
  return out;
}

std::vector<uint8_t> SealText(TlsRecords* records, uint8_t type, const std::string& text) {
  return Seal(records, type, {{reinterpret_cast<const uint8_t*>(text.data()), text.size()}});
}

std::string TextOf(const std::vector<uint8_t>& bytes, const Part& part) {
  return std::string(bytes.begin() + part.offset, bytes.begin() + part.offset + part.length);
}

}  // namespace

// RFC 8448 3: "derive write traffic keys for application data".
TEST(keys_are_those_of_rfc_8448) {
  if (!HasOpenSsl()) return;
  const Suite& suite = *FindSuite(kTls13, 0x1301);
  std::vector<uint8_t> secret =
      FromHex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
  uint8_t key[kMaxKeyLength], iv[kMaxIvLength];
  CHECK(DeriveKey(suite, secret.data(), key, iv));
  CHECK(Equal(key, "9f02283b6c9c07efc26bb9f2ac92e356"));
  CHECK(Equal(iv, "cf782b88dd83549aadf1e984"));
}

TEST(a_suite_of_another_kind_is_not_known) {
  CHECK(FindSuite(kTls12, 0x1301) == nullptr);
  CHECK(FindSuite(kTls13, 0xc02f) == nullptr);
  CHECK(FindSuite(kTls12, 0xc027) == nullptr);  // CBC
  CHECK(FindSuite(0x0302, 0xc02f) == nullptr);
}

TEST(each_suite_carries_data_of_any_size_both_ways) {
  if (!HasOpenSsl()) return;
  for (const auto& suite : kAllSuites) {
    Ends ends(suite);
    for (size_t size : {0, 1, 100, 16383, 16384, 16385, 70000}) {
      std::string text(size, 'x');
      for (size_t i = 0; i < size; i++) text[i] = static_cast<char>(i * 7);
      for (bool to_server : {true, false}) {
        auto& from = to_server ? ends.client : ends.server;
        auto& to = to_server ? ends.server : ends.client;
        std::vector<uint8_t> sealed = SealText(&from, kApplicationData, text);
        Opened opened = to.Open(sealed.data(), sealed.size());
        CHECK_EQ(opened.consumed, sealed.size());
        CHECK_EQ(opened.refusal.alert, 0);
        CHECK(TextOf(sealed, opened.data) == text);
      }
    }
    CHECK_EQ(ends.client.write().direction().sequence, ends.server.read().direction().sequence);
    CHECK_EQ(ends.server.write().direction().explicit_nonce,
             suite[1] == 0xc02b || suite[1] == 0xc02c || suite[1] == 0xc02f || suite[1] == 0xc030
                 ? 12
                 : 0);
  }
}

TEST(parts_become_one_stream) {
  if (!HasOpenSsl()) return;
  for (const auto& suite : kAllSuites) {
    Ends ends(suite);
    std::vector<std::string> texts = {
        "", "ab", std::string(16382, 'c'), "", "d", std::string(40000, 'e'), "f", ""};
    std::vector<Bytes> parts;
    std::string all;
    for (const std::string& text : texts) {
      parts.push_back({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
      all += text;
    }
    std::vector<uint8_t> sealed = Seal(&ends.server, kApplicationData, parts);
    Opened opened = ends.client.Open(sealed.data(), sealed.size());
    CHECK(TextOf(sealed, opened.data) == all);
  }
}

TEST(opening_stops_after_other_content) {
  if (!HasOpenSsl()) return;
  Ends ends(kAllSuites[0]);
  std::vector<uint8_t> stream;
  for (auto& record :
       {SealText(&ends.client, kApplicationData, "one"),
        SealText(&ends.client, kApplicationData, "two"), SealText(&ends.client, 22, "message"),
        SealText(&ends.client, kApplicationData, "three")}) {
    stream.insert(stream.end(), record.begin(), record.end());
  }
  Opened opened = ends.server.Open(stream.data(), stream.size());
  CHECK(TextOf(stream, opened.data) == "onetwo");
  CHECK_EQ(opened.type, 22);
  CHECK(TextOf(stream, opened.other) == "message");
  size_t before = opened.consumed;
  Opened next = ends.server.Open(stream.data() + before, stream.size() - before);
  CHECK_EQ(next.consumed, stream.size() - before);
  CHECK_EQ(next.type, kNone);
}

TEST(what_is_not_whole_waits) {
  if (!HasOpenSsl()) return;
  Ends ends(kAllSuites[0]);
  std::vector<uint8_t> sealed = SealText(&ends.client, kApplicationData, "one");
  for (size_t length = 0; length < sealed.size(); length++) {
    Opened opened = ends.server.Open(sealed.data(), length);
    CHECK_EQ(opened.consumed, 0);
    CHECK_EQ(opened.begun, length < kRecordHeader ? 0 : sealed.size());
  }
}

TEST(each_changed_byte_is_refused) {
  if (!HasOpenSsl()) return;
  for (const auto& suite : kAllSuites) {
    for (size_t i = 0; i < 30; i++) {
      Ends ends(suite);
      std::vector<uint8_t> sealed = SealText(&ends.client, kApplicationData, "hello");
      if (i >= sealed.size()) break;
      sealed[i] ^= 0x40;
      Opened opened = ends.server.Open(sealed.data(), sealed.size());
      CHECK_EQ(opened.consumed, 0);
      bool tls13 = suite[0] == kTls13;
      int alert = i == 0   ? (tls13 ? 10 : 20)
                  : i <= 2 ? (tls13 ? 50 : 70)
                  : i == 3 ? 22
                  : i == 4 ? 0
                           : 20;
      // Of a length that is larger, the record has not all arrived; of a smaller one the tag is not
      // there.
      if (i == 3) alert = 0;
      if (i == 3 || i == 4) {
        CHECK(opened.refusal.alert == 20 || opened.begun > sealed.size());
      } else {
        CHECK_EQ(opened.refusal.alert, alert);
      }
    }
  }
}

TEST(too_long_and_too_many_empty_records_are_refused) {
  if (!HasOpenSsl()) return;
  for (const auto& suite : kAllSuites) {
    Ends ends(suite);
    uint8_t header[] = {23, 3, 3, 0x41, suite[0] == kTls13 ? uint8_t{1} : uint8_t{65}};
    CHECK_EQ(ends.server.Open(header, sizeof(header)).refusal.alert, 22);
    header[4]--;
    CHECK_EQ(ends.server.Open(header, sizeof(header)).refusal.alert, 0);
    for (int i = 0; i < 33; i++) {
      std::vector<uint8_t> empty = SealText(&ends.client, kApplicationData, "");
      CHECK_EQ(ends.server.Open(empty.data(), empty.size()).refusal.alert, i < 32 ? 0 : 10);
    }
  }
}

TEST(an_update_changes_keys_and_numbers) {
  if (!HasOpenSsl()) return;
  Ends ends(kAllSuites[1]);
  CHECK_EQ(ends.client.write().Update(), 0);
  std::vector<uint8_t> sealed = SealText(&ends.client, kApplicationData, "new");
  std::vector<uint8_t> copy = sealed;
  CHECK_EQ(ends.server.Open(copy.data(), copy.size()).refusal.alert, 20);
  CHECK_EQ(ends.server.read().Update(), 0);
  CHECK_EQ(ends.server.Open(sealed.data(), sealed.size()).refusal.alert, 0);
  CHECK_EQ(ends.server.read().direction().sequence, 1);
  Ends older(kAllSuites[3]);
  CHECK_EQ(older.server.read().Update(), -ENOTSUP);
}

TEST(an_exported_connection_goes_on_elsewhere) {
  if (!HasOpenSsl()) return;
  for (const auto& suite : kAllSuites) {
    Ends ends(suite);
    SealText(&ends.server, kApplicationData, "lost");
    TlsSecrets secrets;
    ends.server.Export(&secrets);
    TlsRecords again(*FindSuite(suite[0], suite[1]), secrets);
    std::vector<uint8_t> there = SealText(&again, kApplicationData, "goes on");
    std::vector<uint8_t> here = SealText(&ends.server, kApplicationData, "goes on");
    CHECK(there == here);
    // Another process that follows by numbers only.
    Ends follower(suite);
    CHECK_EQ(follower.server.write().Advance(secrets.write.sequence), 0);
    CHECK(SealText(&follower.server, kApplicationData, "goes on") == here);
    CHECK_EQ(follower.server.write().Advance(3), -EINVAL);
  }
}

TEST(the_last_sequence_number_is_not_used) {
  if (!HasOpenSsl()) return;
  Ends ends(kAllSuites[0]);
  CHECK_EQ(ends.server.write().Advance(UINT64_MAX), 0);
  uint8_t out[100];
  CHECK_EQ(ends.server.Seal(kApplicationData, nullptr, 0, out, sizeof(out)), -EOVERFLOW);
  CHECK_EQ(ends.server.Seal(kApplicationData, nullptr, 0, out, 21), -ENOBUFS);
}
