#include "scm_rights.h"

#include <string.h>
#include <sys/uio.h>

#include "descriptor.h"

namespace handoff {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;  // see SuppressSigpipe
#endif

#if defined(MSG_CMSG_CLOEXEC)
constexpr int kReceiveFlags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
#else
constexpr int kReceiveFlags = MSG_DONTWAIT;
#endif

constexpr size_t kRightsSpace = CMSG_SPACE(kMaxDescriptors * sizeof(int));
#if defined(SCM_CREDENTIALS)
constexpr size_t kCredentialsSpace = CMSG_SPACE(sizeof(ucred));
#else
constexpr size_t kCredentialsSpace = 0;
#endif

// Adds the descriptors of one control message to `fds`. Closes those beyond its end.
void TakeDescriptors(const cmsghdr* header, int* fds, Ancillary* ancillary) {
  size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  const unsigned char* data = CMSG_DATA(header);
  for (size_t i = 0; i < count; i++) {
    int fd;
    memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
#if !defined(MSG_CMSG_CLOEXEC)
    SetCloseOnExec(fd);
#endif
    if (ancillary->count < kMaxDescriptors) {
      fds[ancillary->count++] = fd;
    } else {
      Close(fd);
      ancillary->truncated = true;
    }
  }
}

void TakeCredentials(const cmsghdr* header, Ancillary* ancillary) {
#if defined(SCM_CREDENTIALS)
  if (header->cmsg_type != SCM_CREDENTIALS) return;
  ucred sender;
  memcpy(&sender, CMSG_DATA(header), sizeof(sender));
  // Pid 0: sent before PassCredentials, or from a pid namespace that this process does not see.
  if (sender.pid == 0) return;
  ancillary->has_credentials = true;
  ancillary->credentials = {sender.pid, sender.uid, sender.gid};
#else
  (void)header;
  (void)ancillary;
#endif
}

}  // namespace

ssize_t Send(int fd, const void* bytes, size_t length, const int* fds, size_t count,
             const sockaddr* to, socklen_t to_length) {
  if (count > kMaxDescriptors) return -EINVAL;

  alignas(cmsghdr) char control[kRightsSpace];
  iovec data = {const_cast<void*>(bytes), length};
  msghdr message = {};
  message.msg_name = const_cast<sockaddr*>(to);
  message.msg_namelen = to_length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (count > 0) {
    size_t size = count * sizeof(int);
    memset(control, 0, CMSG_SPACE(size));  // the padding would send a part of the stack to the peer
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), fds, size);
  }
  return Retry([&] { return sendmsg(fd, &message, kSendFlags); });
}

ssize_t Receive(int fd, void* buffer, size_t capacity, int* fds, Ancillary* ancillary) {
  alignas(cmsghdr) char control[kRightsSpace + kCredentialsSpace];
  iovec data = {buffer, capacity};
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);

  *ancillary = {};
  ssize_t received = Retry([&] { return recvmsg(fd, &message, kReceiveFlags); });
  if (received < 0) return received;

  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_RIGHTS) TakeDescriptors(header, fds, ancillary);
    TakeCredentials(header, ancillary);
  }
  ancillary->cut = message.msg_flags & MSG_TRUNC;
  // At EMFILE recvmsg succeeds with those descriptors that had room: kernel, scm_detach_fds.
  if (message.msg_flags & MSG_CTRUNC) ancillary->truncated = true;
  if (ancillary->truncated) {
    while (ancillary->count > 0) Close(fds[--ancillary->count]);
  }
  return received;
}

int PassCredentials(int fd, bool pass) {
#if defined(SO_PASSCRED)
  return SetOption(fd, SOL_SOCKET, SO_PASSCRED, pass);
#else
  (void)pass;
  int type;
  return GetOption(fd, SOL_SOCKET, SO_TYPE, &type);  // fails in the same way if it is not a socket
#endif
}

}  // namespace handoff
