// Creates and closes descriptors, and sets their common flags and options.
#pragma once

#include <errno.h>

namespace handoff {

// Repeats `call` while a signal interrupts it. Returns its result, or -errno.
template <typename Call>
auto Retry(Call call) -> decltype(call()) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result == -1 ? -errno : result;
}

// Closes its descriptor at the end of the scope, unless Release() gave it to the caller.
class Owned {
 public:
  explicit Owned(int fd) : fd_(fd) {}
  ~Owned();
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  int get() const { return fd_; }
  int Release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// Returns a new close-on-exec descriptor of the same open file, above those of stdio. The caller
// owns it. Or -errno: EBADF, EMFILE.
int Dup(int fd);

// Closes `fd`. Returns 0, or -errno: EBADF, EIO. The descriptor is closed unless the result is
// EBADF. EINTR counts as success and is never repeated, see close(2).
int Close(int fd);

// Makes room for `count` more descriptors. The kernel enlarges the table of a process by powers of
// two, and if the process has threads, it waits each time until all processors have left the old
// one: 5 to 20 ms. Another thread may do that before the descriptors come. Makes less room at the
// limit on open files. Returns 0, or -errno: EMFILE, ENFILE, ENOMEM.
int ReserveDescriptors(int count);

// Returns a new file without a path, in memory, close-on-exec. The caller owns it. Or -errno: EMFILE,
// ENFILE, ENOMEM; ENOSYS where the system has no such files.
int OpenMemoryFile();

// Returns a new socket, close-on-exec and non-blocking, that never raises SIGPIPE. The caller owns
// it. Or -errno: EAFNOSUPPORT, EMFILE, ENFILE, ENOBUFS, ENOMEM.
int OpenSocket(int domain, int type);

// Sets close-on-exec. Returns 0 or -errno. For systems that cannot set it at creation.
int SetCloseOnExec(int fd);

// Sets O_NONBLOCK, for all processes that share the open file. Returns 0 or -errno.
int SetNonBlocking(int fd);

// Keeps a write to a closed peer from raising SIGPIPE on systems without MSG_NOSIGNAL (macOS).
// Ignores errors: macOS refuses this once the peer has closed, and then the next call fails.
void SuppressSigpipe(int fd);

// Sets an integer socket option. Returns 0 or -errno: EBADF, ENOTSOCK, ENOPROTOOPT.
int SetOption(int fd, int level, int option, int value);

// Reads an integer socket option into `value`. Returns 0 or -errno: EBADF, ENOTSOCK, ENOPROTOOPT.
int GetOption(int fd, int level, int option, int* value);

}  // namespace handoff
