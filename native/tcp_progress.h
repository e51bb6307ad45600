// How far a connection has come: tells whether anyone has used it since.
#pragma once

#include <stdint.h>

namespace handoff {

struct Progress {
  uint64_t read;     // bytes that were received and read by a process, ever
  uint64_t written;  // bytes that a process has written, ever
};

// Asks the kernel, TCP_INFO and SIOCINQ on Linux, as long as nobody else reads. Returns 0 or
// -errno: ENOTSUP where the system does not tell (other systems, Unix sockets), EAGAIN where bytes
// arrive faster than it can be asked.
int ReadProgress(int fd, Progress* progress);

}  // namespace handoff
