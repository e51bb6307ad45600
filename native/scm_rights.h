// Bytes with descriptors on them: sendmsg and recvmsg with SCM_RIGHTS, see unix(7) and cmsg(3).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

namespace handoff {

// SCM_MAX_FD in the kernel's include/net/scm.h. Other systems allow at least as many.
constexpr size_t kMaxDescriptors = 253;

struct Credentials {
  pid_t pid;  // -1 if the system does not report it
  uid_t uid;
  gid_t gid;
};

// The descriptors and credentials of received bytes.
struct Ancillary {
  size_t count = 0;              // descriptors written to `fds`; the caller owns them
  bool truncated = false;        // MSG_CTRUNC: descriptors were lost; then count is 0
  bool cut = false;              // MSG_TRUNC: the datagram was longer than the buffer
  bool has_credentials = false;  // the sender's, from the kernel (Linux, PassCredentials)
  Credentials credentials = {-1, 0, 0};
};

// Sends up to `length` bytes, without blocking and without SIGPIPE, and `count` descriptors with
// the first of them. `to` is null on a connected socket. The caller keeps its descriptors. Returns
// the number of bytes sent: fewer than `length` if a stream is nearly full. The descriptors were
// sent with them. Or -errno, and then nothing was sent: EAGAIN, EPIPE, ECONNRESET, EBADF (one of
// the descriptors), EINVAL (more than kMaxDescriptors), EMSGSIZE, ETOOMANYREFS (RLIMIT_NOFILE
// descriptors of this user are in flight).
ssize_t Send(int fd, const void* bytes, size_t length, const int* fds, size_t count,
             const sockaddr* to = nullptr, socklen_t to_length = 0);

// Receives up to `capacity` bytes, without blocking, and their descriptors into `fds`, which has
// room for kMaxDescriptors. All are close-on-exec and the caller's. Returns the number of bytes, 0
// at the end of a stream; or -errno, and then no descriptor was received: EAGAIN, ECONNRESET,
// ENOTSOCK. If descriptors were lost (this process has too few, or the sender sent too many),
// closes every one that arrived and sets `ancillary->truncated`.
ssize_t Receive(int fd, void* buffer, size_t capacity, int* fds, Ancillary* ancillary);

// Lets the kernel attach the sender's credentials to everything that is sent to `fd` from now on,
// or no longer (Linux; no effect elsewhere). They take room before the descriptors: a reader that
// does not expect them loses some. Returns 0 or -errno: EBADF, ENOTSOCK, EOPNOTSUPP.
int PassCredentials(int fd, bool pass);

}  // namespace handoff
