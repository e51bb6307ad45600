// Random and damaged input for what reads the bytes of others: records, lines with secrets, files
// of secrets.
//
// Usage: HANDOFF_FUZZ_SECONDS=600 HANDOFF_FUZZ_SEED=1 node scripts/test-native.mjs fuzz
// Without these variables, each test takes a quarter of a second, and its seed is a new one. A
// failure prints the seed.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../descriptor.h"
#include "../openssl_crypto.h"
#include "../tls_counts.h"
#include "../tls_records.h"
#include "../tls_secret_line.h"
#include "harness.h"

using namespace handoff;

namespace {

// Chooses, until the time is over.
class Chance {
 public:
  explicit Chance(const char* test)
      : test_(test), seed_(SeedOf()), random_(seed_), failed_(failed_checks) {
    const char* seconds = getenv("HANDOFF_FUZZ_SECONDS");
    end_ = Clock::now() + std::chrono::milliseconds(seconds ? atoi(seconds) * 1000 : 250);
  }
  ~Chance() {
    bool failed = failed_checks != failed_;
    if (failed || getenv("HANDOFF_FUZZ_SECONDS")) {
      fprintf(stderr, "  %s: seed %u, %llu rounds\n", test_, seed_, rounds_);
    }
  }
  // Returns whether there is another round. The first failure is the last round.
  bool Next() {
    rounds_++;
    return failed_checks == failed_ && (rounds_ % 64 != 0 || Clock::now() < end_);
  }
  // From 0 to `count` - 1.
  size_t Below(size_t count) { return random_() % count; }
  bool OneIn(size_t count) { return Below(count) == 0; }
  uint8_t Byte() { return static_cast<uint8_t>(random_()); }

 private:
  using Clock = std::chrono::steady_clock;
  static unsigned SeedOf() {
    const char* seed = getenv("HANDOFF_FUZZ_SEED");
    return seed ? static_cast<unsigned>(strtoul(seed, nullptr, 10)) : std::random_device()();
  }
  const char* test_;
  unsigned seed_;
  std::mt19937 random_;
  int failed_;
  unsigned long long rounds_ = 0;
  Clock::time_point end_;
};

// Changes, inserts, removes or repeats some bytes.
void Damage(Chance* chance, std::string* bytes) {
  size_t at = chance->Below(bytes->size() + 1);
  switch (chance->Below(5)) {
    case 0:
      if (at < bytes->size()) (*bytes)[at] ^= static_cast<char>(1 << chance->Below(8));
      break;
    case 1:
      if (at < bytes->size()) (*bytes)[at] = static_cast<char>(chance->Byte());
      break;
    case 2:
      for (size_t left = 1 + chance->Below(30); left > 0; left--) {
        bytes->insert(at, 1, static_cast<char>(chance->Byte()));
      }
      break;
    case 3:
      bytes->erase(at, 1 + chance->Below(30));
      break;
    default:
      bytes->insert(at, bytes->substr(chance->Below(bytes->size() + 1), chance->Below(60)));
  }
}

// In memory of its own, of exactly this size: the sanitizer sees each byte that is read beyond it.
class Exact {
 public:
  explicit Exact(const std::string& bytes)
      : bytes_(new uint8_t[bytes.size()]), size_(bytes.size()) {
    memcpy(bytes_.get(), bytes.data(), size_);
  }
  uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t size_;
};

constexpr uint16_t kSuites[][2] = {
    {kTls13, 0x1301}, {kTls13, 0x1302}, {kTls13, 0x1303}, {kTls12, 0xc02b}, {kTls12, 0xc02c},
    {kTls12, 0xc02f}, {kTls12, 0xc030}, {kTls12, 0xcca8}, {kTls12, 0xcca9},
};

TlsSecrets SecretsOf(const uint16_t suite[2], bool server) {
  TlsSecrets secrets = {};
  secrets.version = suite[0];
  secrets.suite = suite[1];
  secrets.server = server;
  memset((server ? secrets.read : secrets.write).secret, 1, 32);
  memset((server ? secrets.write : secrets.read).secret, 2, 32);
  return secrets;
}

// The alerts that a damaged record may get.
bool IsExpected(int alert) {
  return alert == 0 || alert == 10 || alert == 20 || alert == 22 || alert == 50 || alert == 70;
}

}  // namespace

TEST(fuzz_records_that_are_damaged_give_the_data_before_the_damage) {
  for (const char* name : {"libcrypto.so.3", "libcrypto.3.dylib"}) {
    if (dlopen(name, RTLD_NOW | RTLD_GLOBAL)) break;
  }
  if (!FindOpenSslCrypto()) return;
  Chance chance("records");
  while (chance.Next()) {
    const auto& suite = kSuites[chance.Below(std::size(kSuites))];
    const Suite& known = *FindSuite(suite[0], suite[1]);
    TlsRecords client(known, SecretsOf(suite, false)), server(known, SecretsOf(suite, true));
    std::string sent, stream;
    for (size_t left = chance.Below(6); left > 0; left--) {
      uint8_t type = chance.OneIn(8) ? static_cast<uint8_t>(chance.Byte()) : kApplicationData;
      size_t size = chance.OneIn(20) ? chance.Below(40000) : chance.Below(60);
      std::string text(size, static_cast<char>('a' + left));
      std::string out(client.SealedSize(size), '\0');
      Bytes part = {reinterpret_cast<const uint8_t*>(text.data()), size};
      client.Seal(type, &part, 1, reinterpret_cast<uint8_t*>(&out[0]), out.size());
      if (type == kApplicationData) sent += text;
      stream += out;
    }
    for (size_t left = chance.Below(4); left > 0; left--) Damage(&chance, &stream);
    std::string heard;
    bool refused = false;
    while (!stream.empty() && !refused) {
      // Some calls see only the beginning of what is there.
      Exact bytes(chance.OneIn(3) ? stream.substr(0, 1 + chance.Below(stream.size())) : stream);
      Opened opened = server.Open(bytes.data(), bytes.size());
      CHECK(IsExpected(opened.refusal.alert));
      CHECK(opened.consumed <= bytes.size());
      CHECK(opened.data.offset + opened.data.length <= opened.consumed);
      CHECK(opened.other.offset + opened.other.length <= opened.consumed);
      CHECK(opened.begun <= kRecordHeader + kMaxPlaintext + 320);
      heard.append(reinterpret_cast<char*>(bytes.data()) + opened.data.offset, opened.data.length);
      refused = opened.refusal.alert != 0;
      if (opened.consumed == 0 && bytes.size() == stream.size()) break;
      stream.erase(0, opened.consumed);
    }
    CHECK(sent.compare(0, heard.size(), heard) == 0);
  }
}

TEST(fuzz_lines_with_secrets_are_read_or_ignored) {
  Chance chance("lines");
  while (chance.Next()) {
    std::string line = chance.OneIn(2) ? "CLIENT_TRAFFIC_SECRET_0 " : "SERVER_TRAFFIC_SECRET_0 ";
    line += std::string(64, 'b') + ' ' + std::string(chance.OneIn(2) ? 64 : 96, 'c');
    for (size_t left = chance.Below(4); left > 0; left--) Damage(&chance, &line);
    // As C sees it: to the first zero, and no byte behind that.
    line.resize(strlen(line.c_str()) + 1);
    Exact bytes(line);
    uint8_t secret[48];
    size_t length = 7;
    SecretOf of = ReadSecretLine(reinterpret_cast<char*>(bytes.data()), secret, &length);
    CHECK(of == SecretOf::kNeither ? length == 7 : length == 32 || length == 48);
  }
}

TEST(fuzz_what_openssl_reports_is_counted) {
  Chance chance("counts");
  while (chance.Next()) {
    TlsCounts counts;
    for (size_t left = chance.Below(40); left > 0; left--) {
      bool written = chance.OneIn(2);
      std::string message(chance.Below(6), '\0');
      for (char& byte : message) byte = static_cast<char>(chance.Below(26));
      Exact bytes(message);
      uint8_t header[] = {chance.Byte(), 3, 3, chance.Byte(), chance.Byte()};
      switch (chance.Below(5)) {
        case 0:
          counts.OnRecord(written, header);
          break;
        case 1:
          counts.OnInnerType(written, chance.Byte());
          break;
        case 2:
          counts.OnHandshake(written, chance.OneIn(2), bytes.data(), bytes.size());
          break;
        case 3:
          if (chance.OneIn(9)) counts.OnAlert(written);
          break;
        default:
          counts.OnNonce(chance.OneIn(2) ? UINT64_MAX : chance.Below(3));
      }
      CHECK(counts.IsOpen() || counts.obstacle() != TlsObstacle::kNone);
    }
  }
}

#if defined(__linux__)
#include <sys/mman.h>

TEST(fuzz_files_of_secrets_are_read_or_refused) {
  Chance chance("files");
  while (chance.Next()) {
    const auto& suite = kSuites[chance.Below(std::size(kSuites))];
    size_t count = 1 + chance.Below(3);
    Owned good(CreateSecrets(count));
    for (size_t index = 0; index < count; index++) {
      CHECK_EQ(WriteSecrets(good.get(), index, SecretsOf(suite, true)), 0);
    }
    std::string content(SizeOfSecrets(count), '\0');
    CHECK_EQ(pread(good.get(), &content[0], content.size(), 0), content.size());
    for (size_t left = chance.Below(3); left > 0; left--) Damage(&chance, &content);
    Owned file(memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    CHECK_EQ(pwrite(file.get(), content.data(), content.size(), 0), content.size());
    if (!chance.OneIn(9)) SealSecrets(file.get());
    int known = CheckSecrets(file.get());
    CHECK(known == -EPROTO || (known > 0 && SizeOfSecrets(known) == int(content.size())));
    for (size_t index = 0; index < 5; index++) {
      TlsSecrets secrets;
      memset(&secrets, 0x55, sizeof(secrets));
      int error = ReadSecrets(file.get(), index, &secrets);
      CHECK(error == 0 ? IsPlausible(secrets) : error == -EPROTO);
      TlsSecrets zeros = {};
      CHECK(error == 0 || memcmp(&secrets, &zeros, sizeof(zeros)) == 0);
    }
  }
}

#endif
