#include "../tls_secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/mman.h>

#include "../descriptor.h"
#include "harness.h"

using namespace handoff;

namespace {

TlsSecrets Example() {
  TlsSecrets secrets = {};
  secrets.version = 0x0304;
  secrets.suite = 0x1301;
  secrets.server = 1;
  memset(secrets.read.secret, 0xaa, 32);
  memset(secrets.write.secret, 0xbb, 32);
  secrets.read.sequence = 7;
  secrets.write.sequence = 1ull << 40;
  return secrets;
}

// A file with one connection, sealed.
int Sealed(const TlsSecrets& secrets = Example()) {
  int fd = CreateSecrets(1);
  CHECK_EQ(WriteSecrets(fd, 0, secrets), 0);
  CHECK_EQ(SealSecrets(fd), 16 + 136);
  return fd;
}

}  // namespace

TEST(secrets_are_read_as_they_were_written) {
  Owned file(CreateSecrets(3));
  TlsSecrets first = Example(), last = Example();
  last.suite = 0x1302;
  CHECK_EQ(WriteSecrets(file.get(), 0, first), 0);
  CHECK_EQ(WriteSecrets(file.get(), 2, last), 0);
  CHECK_EQ(SealSecrets(file.get()), 16 + 3 * 136);
  CHECK_EQ(CheckSecrets(file.get()), 3);
  TlsSecrets read;
  CHECK_EQ(ReadSecrets(file.get(), 0, &read), 0);
  CHECK_EQ(memcmp(&read, &first, sizeof(read)), 0);
  CHECK_EQ(ReadSecrets(file.get(), 2, &read), 0);
  CHECK_EQ(memcmp(&read, &last, sizeof(read)), 0);
  // Nothing was written for the second, and there is no fourth.
  CHECK_EQ(ReadSecrets(file.get(), 1, &read), -EPROTO);
  CHECK_EQ(ReadSecrets(file.get(), 3, &read), -EPROTO);
  CHECK_EQ(ReadSecrets(file.get(), 1 << 20, &read), -EINVAL);
}

TEST(secrets_are_close_on_exec_and_cannot_change_once_sealed) {
  Owned file(Sealed());
  CHECK_EQ(fcntl(file.get(), F_GETFD), FD_CLOEXEC);
  CHECK_EQ(WriteSecrets(file.get(), 0, Example()), -EPERM);
  CHECK(ftruncate(file.get(), 0) < 0 && errno == EPERM);
  CHECK(mmap(nullptr, 16, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0) == MAP_FAILED);
}

TEST(a_file_of_another_form_is_refused) {
  Owned unsealed(CreateSecrets(1));
  CHECK_EQ(CheckSecrets(unsealed.get()), -EPROTO);
  Owned ordinary(TemporaryFile());
  CHECK_EQ(CheckSecrets(ordinary.get()), -EPROTO);
  int ends[2];
  CHECK_EQ(pipe(ends), 0);
  Owned read_end(ends[0]), write_end(ends[1]);
  CHECK_EQ(CheckSecrets(read_end.get()), -EPROTO);
  CHECK_EQ(CheckSecrets(-1), -EBADF);
  // Each byte of the header matters.
  for (int at = 0; at < 16; at++) {
    Owned file(CreateSecrets(1));
    char byte;
    CHECK_EQ(pread(file.get(), &byte, 1, at), 1);
    byte ^= 0x11;
    CHECK_EQ(pwrite(file.get(), &byte, 1, at), 1);
    CHECK_EQ(WriteSecrets(file.get(), 0, Example()), 0);
    CHECK(SealSecrets(file.get()) > 0);
    CHECK_EQ(CheckSecrets(file.get()), -EPROTO);
  }
  // One that is sealed, and too short or too long for what it says.
  for (off_t size : {0, 15, 16, 151, 153}) {
    Owned file(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    char header[16] = "HANDTLS";
    uint16_t numbers[] = {1, 136, 1, 0};
    memcpy(header + 8, numbers, sizeof(numbers));
    CHECK_EQ(pwrite(file.get(), header, sizeof(header), 0), 16);
    CHECK_EQ(ftruncate(file.get(), size), 0);
    CHECK(SealSecrets(file.get()) >= 0);
    CHECK_EQ(CheckSecrets(file.get()), -EPROTO);
  }
}

TEST(secrets_that_cannot_be_are_refused_on_both_sides) {
  void (*const spoil[])(TlsSecrets*) = {
      [](TlsSecrets* s) { s->version = 0x0302; },
      [](TlsSecrets* s) { s->version = 0x0303; },  // with a suite of TLS 1.3
      [](TlsSecrets* s) { s->suite = 0xc02f; },
      [](TlsSecrets* s) { s->suite = 0x009c; },
      [](TlsSecrets* s) { s->server = 2; },
      [](TlsSecrets* s) { s->owes_key_update = 9; },
      [](TlsSecrets* s) { s->reserved[1] = 1; },
      [](TlsSecrets* s) { memset(s->read.secret, 0, sizeof(s->read.secret)); },
      [](TlsSecrets* s) { memset(s->write.secret, 0, sizeof(s->write.secret)); },
  };
  for (auto change : spoil) {
    TlsSecrets secrets = Example();
    change(&secrets);
    Owned file(CreateSecrets(1));
    CHECK_EQ(WriteSecrets(file.get(), 0, secrets), -EINVAL);
    // As a peer that does not check would send it.
    CHECK_EQ(pwrite(file.get(), &secrets, sizeof(secrets), 16), 136);
    CHECK(SealSecrets(file.get()) > 0);
    CHECK_EQ(CheckSecrets(file.get()), 1);
    TlsSecrets read = Example();
    CHECK_EQ(ReadSecrets(file.get(), 0, &read), -EPROTO);
    TlsSecrets zeros = {};
    CHECK_EQ(memcmp(&read, &zeros, sizeof(read)), 0);
  }
}

TEST(a_file_of_secrets_has_bounds) {
  CHECK_EQ(CreateSecrets(0), -EINVAL);
  CHECK_EQ(CreateSecrets(1u << 30), -EINVAL);
  CHECK_EQ(SizeOfSecrets(2), 16 + 2 * 136);
  CHECK_EQ(SizeOfSecrets(1u << 30), -EINVAL);
}

#endif
