#include "tls_secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "descriptor.h"
#include "tls_suites.h"

namespace handoff {
namespace {

// What the file begins with. A later form of TlsSecrets has another number.
struct Header {
  char magic[8];
  uint16_t form;
  uint16_t entry_size;
  uint32_t count;
};
static_assert(sizeof(Header) == 16, "no padding");

constexpr char kMagic[8] = {'H', 'A', 'N', 'D', 'T', 'L', 'S', '\0'};
constexpr uint16_t kForm = 1;
// More than any message has connections. Bounds what is computed from a number of the peer.
constexpr size_t kMostConnections = 1024;

off_t OffsetOf(size_t index) {
  return static_cast<off_t>(sizeof(Header) + index * sizeof(TlsSecrets));
}

// Returns the size of a file, or -1 with errno. All reads and writes are at offsets of their own.
off_t SizeOf(int fd) { return lseek(fd, 0, SEEK_END); }

// Returns 0 or -errno: EPROTO if the file ends before.
int ReadAt(int fd, void* memory, size_t size, off_t offset) {
  ssize_t got = Retry([&] { return pread(fd, memory, size, offset); });
  if (got < 0) return static_cast<int>(got);
  return static_cast<size_t>(got) == size ? 0 : -EPROTO;
}

int WriteAt(int fd, const void* memory, size_t size, off_t offset) {
  ssize_t written = Retry([&] { return pwrite(fd, memory, size, offset); });
  if (written < 0) return static_cast<int>(written);
  return static_cast<size_t>(written) == size ? 0 : -EIO;
}

bool IsFlag(uint8_t value) { return value <= 1; }

bool IsZero(const uint8_t* bytes, size_t size) {
  uint8_t any = 0;
  for (size_t i = 0; i < size; i++) any |= bytes[i];
  return any == 0;
}

#if defined(__linux__)

#if !defined(MFD_NOEXEC_SEAL)
#define MFD_NOEXEC_SEAL 0x0008U
#endif

constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int kAllSeals = kSizeSeals | F_SEAL_WRITE | F_SEAL_SEAL;

// Kernels before 6.3 do not know MFD_NOEXEC_SEAL; later ones may log a process that does without
// it.
int OpenMemory() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  int fd = memfd_create("handoff-tls", kFlags | MFD_NOEXEC_SEAL);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("handoff-tls", kFlags);
  return fd < 0 ? -errno : fd;
}

int AddSeals(int fd, int seals) { return fcntl(fd, F_ADD_SEALS, seals) < 0 ? -errno : 0; }

// A file without these seals could change, or become shorter, while it is read.
bool IsSealed(int fd) {
  int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kAllSeals) == kAllSeals;
}

#else

constexpr int kSizeSeals = 0;
constexpr int kAllSeals = 0;
int OpenMemory() { return -ENOSYS; }
int AddSeals(int, int) { return -ENOSYS; }
bool IsSealed(int) { return false; }

#endif

}  // namespace

bool IsPlausible(const TlsSecrets& secrets) {
  return FindSuite(secrets.version, secrets.suite) && IsFlag(secrets.server) &&
         IsFlag(secrets.owes_key_update) && IsZero(secrets.reserved, sizeof(secrets.reserved)) &&
         !IsZero(secrets.read.secret, sizeof(secrets.read.secret)) &&
         !IsZero(secrets.write.secret, sizeof(secrets.write.secret));
}

void Wipe(void* memory, size_t size) {
  volatile uint8_t* bytes = static_cast<volatile uint8_t*>(memory);
  for (size_t i = 0; i < size; i++) bytes[i] = 0;
}

int CreateSecrets(size_t count) {
  if (count == 0 || count > kMostConnections) return -EINVAL;
  Owned file(OpenMemory());
  if (file.get() < 0) return file.Release();
  Header header = {};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  header.form = kForm;
  header.entry_size = sizeof(TlsSecrets);
  header.count = static_cast<uint32_t>(count);
  if (ftruncate(file.get(), OffsetOf(count)) < 0) return -errno;
  int error = AddSeals(file.get(), kSizeSeals);
  if (error == 0) error = WriteAt(file.get(), &header, sizeof(header), 0);
  return error < 0 ? error : file.Release();
}

int WriteSecrets(int fd, size_t index, const TlsSecrets& secrets) {
  if (index >= kMostConnections || !IsPlausible(secrets)) return -EINVAL;
  return WriteAt(fd, &secrets, sizeof(secrets), OffsetOf(index));
}

int SealSecrets(int fd) {
  int error = AddSeals(fd, kAllSeals);
  if (error < 0) return error;
  off_t size = SizeOf(fd);
  return size < 0 ? -errno : static_cast<int>(size);
}

int CheckSecrets(int fd) {
  if (fcntl(fd, F_GETFD) < 0) return -errno;
  if (!IsSealed(fd)) return -EPROTO;
  Header header;
  int error = ReadAt(fd, &header, sizeof(header), 0);
  if (error < 0) return error;
  bool fits = memcmp(header.magic, kMagic, sizeof(kMagic)) == 0 && header.form == kForm &&
              header.entry_size == sizeof(TlsSecrets) && header.count > 0 &&
              header.count <= kMostConnections && SizeOf(fd) == OffsetOf(header.count);
  return fits ? static_cast<int>(header.count) : -EPROTO;
}

int SizeOfSecrets(size_t count) {
  return count > kMostConnections ? -EINVAL : static_cast<int>(OffsetOf(count));
}

int ReadSecrets(int fd, size_t index, TlsSecrets* secrets) {
  if (index >= kMostConnections) return -EINVAL;
  int error = ReadAt(fd, secrets, sizeof(*secrets), OffsetOf(index));
  if (error == 0 && !IsPlausible(*secrets)) error = -EPROTO;
  if (error < 0) Wipe(secrets, sizeof(*secrets));
  return error;
}

}  // namespace handoff
