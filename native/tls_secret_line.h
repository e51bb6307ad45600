// Reads the lines in which OpenSSL reports secrets: the format of NSS key logs (RFC 9850).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace handoff {

// Which direction of the server a traffic secret is for.
enum class SecretOf { kNeither, kRead, kWritten };

// Reads a line with the first traffic secret of the client or the server (TLS 1.3): fills `secret`
// and `length` (32 or 48). Returns kNeither for any other line, and leaves both as they are.
SecretOf ReadSecretLine(const char* line, uint8_t secret[48], size_t* length);

}  // namespace handoff
