// The secrets of TLS connections on their way to another process, in a memory file of the kernel.
//
// The file has a header, and then one TlsSecrets for each connection, as they are in memory: both
// processes run on one machine. It is sealed: once it is sent, no process can write or resize it. It
// goes over the channel as a descriptor. JavaScript never has the secrets.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace handoff {

// One direction of a connection.
struct TlsDirection {
  // TLS 1.3: the traffic secret, 32 or 48 bytes by the suite. TLS 1.2: key and IV of this direction, 44
  // bytes at most. What is not used is 0.
  uint8_t secret[48];
  // Of the next record.
  uint64_t sequence;
  // TLS 1.2 with AES-GCM, written direction: nonce_explicit of the next record. Else 0.
  uint64_t explicit_nonce;
};

// What is needed to read and write the records of a connection from here on. Plain data.
struct TlsSecrets {
  uint16_t version;         // 0x0303 or 0x0304
  uint16_t suite;           // IANA number
  uint8_t server;           // 1: this side is the server. Everything that moves is; tests use 0.
  uint8_t owes_key_update;  // 1: the peer has asked for a KeyUpdate that is not written yet.
  uint8_t reserved[2];      // 0
  TlsDirection read;
  TlsDirection write;
};
static_assert(sizeof(TlsSecrets) == 136, "the layout is that of docs/protocol.md");

// Returns whether each number of `secrets` is in its range.
bool IsPlausible(const TlsSecrets& secrets);

// Overwrites secrets in memory. Compilers do not leave it out.
void Wipe(void* memory, size_t size);

// Creates a file with room for `count` connections, all zeros. Returns its descriptor, close-on-exec;
// the caller owns it. Or -errno: EINVAL, EMFILE, ENFILE, ENOMEM; ENOSYS if the system has no memory
// files.
int CreateSecrets(size_t count);

// Writes the secrets of connection `index`. Returns 0 or -errno: EBADF, EINVAL, EPERM once it is sealed.
int WriteSecrets(int fd, size_t index, const TlsSecrets& secrets);

// Makes the file unchangeable. Returns its size in bytes, or -errno.
int SealSecrets(int fd);

// Checks a file that has arrived: sealed, of the right size, with the right header. Returns the number of
// connections, or -errno: EBADF, EPROTO.
int CheckSecrets(int fd);

// Returns the size in bytes of a file for `count` connections. Or -errno: EINVAL.
int SizeOfSecrets(size_t count);

// Reads the secrets of connection `index`. Returns 0 or -errno: EBADF, EINVAL beyond the end, EPROTO
// if they are not plausible; then `secrets` is all zeros.
int ReadSecrets(int fd, size_t index, TlsSecrets* secrets);

}  // namespace handoff
