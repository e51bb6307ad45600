#include "tls_secret_line.h"

#include <string.h>

namespace handoff {
namespace {

constexpr char kClient[] = "CLIENT_TRAFFIC_SECRET_0 ";
constexpr char kServer[] = "SERVER_TRAFFIC_SECRET_0 ";
constexpr size_t kLabel = sizeof(kClient) - 1;
static_assert(sizeof(kServer) == sizeof(kClient), "both labels have the same length");
// The client's random as hexadecimal digits, and a space.
constexpr size_t kRandom = 2 * 32 + 1;

// Returns the value of a hexadecimal digit, or -1. Looks nothing up: a table would leave traces of the
// secret in the cache.
int ValueOf(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

SecretOf ReadSecretLine(const char* line, uint8_t secret[48], size_t* length) {
  SecretOf of = SecretOf::kNeither;
  if (strncmp(line, kClient, kLabel) == 0) of = SecretOf::kRead;
  if (strncmp(line, kServer, kLabel) == 0) of = SecretOf::kWritten;
  if (of == SecretOf::kNeither) return of;
  if (strlen(line) < kLabel + kRandom) return SecretOf::kNeither;
  const char* digits = line + kLabel + kRandom;
  size_t bytes = strlen(digits) / 2;
  if ((bytes != 32 && bytes != 48) || digits[-1] != ' ') return SecretOf::kNeither;
  for (const char* at = digits; *at; at++) {
    if (ValueOf(*at) < 0) return SecretOf::kNeither;
  }
  if (digits[2 * bytes]) return SecretOf::kNeither;  // an odd number of digits
  for (size_t i = 0; i < bytes; i++) {
    secret[i] = static_cast<uint8_t>(ValueOf(digits[2 * i]) << 4 | ValueOf(digits[2 * i + 1]));
  }
  *length = bytes;
  return of;
}

}  // namespace handoff
