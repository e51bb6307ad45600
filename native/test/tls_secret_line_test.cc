#include "../tls_secret_line.h"

#include <string.h>

#include "harness.h"

using namespace handoff;

namespace {

const std::string kRandom(64, 'a');

struct Read {
  uint8_t secret[48] = {};
  size_t length = 7;
  SecretOf of;
  explicit Read(const std::string& line) : of(ReadSecretLine(line.c_str(), secret, &length)) {}
  bool IsIgnored() const { return of == SecretOf::kNeither && length == 7 && secret[0] == 0; }
};

std::string Line(const char* label, const std::string& random, const std::string& secret) {
  return std::string(label) + " " + random + " " + secret;
}

}  // namespace

TEST(traffic_secrets_are_read_from_lines) {
  std::string secret = "00ff0A1b" + std::string(56, '7');
  Read client(Line("CLIENT_TRAFFIC_SECRET_0", kRandom, secret));
  CHECK(client.of == SecretOf::kRead);
  CHECK_EQ(client.length, 32);
  CHECK(memcmp(client.secret, "\x00\xff\x0a\x1b\x77", 5) == 0);
  CHECK_EQ(client.secret[31], 0x77);
  CHECK_EQ(client.secret[32], 0);
  Read server(Line("SERVER_TRAFFIC_SECRET_0", kRandom, std::string(96, 'f')));
  CHECK(server.of == SecretOf::kWritten);
  CHECK_EQ(server.length, 48);
  CHECK_EQ(server.secret[47], 0xff);
}

TEST(other_lines_are_ignored) {
  std::string secret(64, '1');
  for (const char* label :
       {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "EXPORTER_SECRET", "CLIENT_RANDOM",
        "CLIENT_TRAFFIC_SECRET_1", "CLIENT_TRAFFIC_SECRET_00", "client_traffic_secret_0", ""}) {
    CHECK(Read(Line(label, kRandom, secret)).IsIgnored());
  }
  CHECK(Read("").IsIgnored());
}

TEST(malformed_lines_are_ignored) {
  const char* label = "CLIENT_TRAFFIC_SECRET_0";
  for (size_t digits : {0, 1, 2, 62, 63, 65, 66, 94, 95, 97, 98, 200}) {
    CHECK(Read(Line(label, kRandom, std::string(digits, '1'))).IsIgnored());
  }
  for (char odd : {'g', 'G', ' ', '-', '/', ':', '@', '`', '\x80', '\xff'}) {
    for (size_t at : {0, 31, 63}) {
      std::string secret(64, '1');
      secret[at] = odd;
      CHECK(Read(Line(label, kRandom, secret)).IsIgnored());
    }
  }
  CHECK(Read(Line(label, std::string(63, 'a'), std::string(65, '1'))).IsIgnored());
  CHECK(Read(std::string(label) + " ").IsIgnored());
  CHECK(Read(std::string(label) + " " + kRandom).IsIgnored());
  CHECK(Read(std::string(label) + " " + kRandom + " ").IsIgnored());
}
