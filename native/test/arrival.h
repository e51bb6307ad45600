// The two ends of a channel, and the result of one receive.
#pragma once

#include <string.h>

#include <vector>

#include "../descriptor.h"
#include "../scm_rights.h"
#include "../unix_socket.h"
#include "harness.h"

namespace handoff {

struct Pair {
  int fds[2];
  explicit Pair(int type = SOCK_STREAM) { CHECK_EQ(SocketPair(type, fds), 0); }
  ~Pair() {
    for (int fd : fds) {
      if (fd >= 0) Close(fd);
    }
  }
  void Drop(int end) {
    Close(fds[end]);
    fds[end] = -1;
  }
};

// A receive, with its descriptors.
struct Arrival {
  char bytes[4096];
  int fds[kMaxDescriptors];
  Ancillary ancillary;
  ssize_t length;

  explicit Arrival(int fd, size_t capacity = sizeof(bytes)) {
    length = Receive(fd, bytes, capacity, fds, &ancillary);
  }
  ~Arrival() {
    for (size_t i = 0; i < ancillary.count; i++) Close(fds[i]);
  }
  bool Says(const char* text) const {
    return length == static_cast<ssize_t>(strlen(text)) && memcmp(bytes, text, length) == 0;
  }
};

// The same file many times: enough to count them.
inline std::vector<int> Repeat(int fd, size_t count) { return std::vector<int>(count, fd); }

}  // namespace handoff
