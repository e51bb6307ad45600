// A process that can open only a few descriptors more.
#pragma once

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness.h"

namespace handoff {

// Lets the process open `spare` more descriptors, until the scope ends.
class SpareDescriptors {
 public:
  explicit SpareDescriptors(int spare) {
    getrlimit(RLIMIT_NOFILE, &before_);
    int lowest_free = dup(0);  // with none open above it, which CHECK_EQ proves
    close(lowest_free);
    CHECK_EQ(fcntl(lowest_free + 1, F_GETFD), -1);
    rlimit limit = before_;
    limit.rlim_cur = lowest_free + spare;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~SpareDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

}  // namespace handoff
