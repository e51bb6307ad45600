#include <fcntl.h>
#include <unistd.h>

#include "../descriptor.h"
#include "../process.h"
#include "harness.h"

using namespace handoff;

TEST(every_descriptor_above_stdio_is_closed_on_exec) {
  bool stdio = (fcntl(STDOUT_FILENO, F_GETFD) & FD_CLOEXEC) != 0;
  Owned low(fcntl(STDIN_FILENO, F_DUPFD, 3));
  // Behind a gap: uv_disable_stdio_inheritance would not find it.
  Owned high(fcntl(STDIN_FILENO, F_DUPFD, 200));
  CHECK_EQ(CloseOnExecAboveStdio(), 0);
  CHECK_EQ(fcntl(low.get(), F_GETFD), FD_CLOEXEC);
  CHECK_EQ(fcntl(high.get(), F_GETFD), FD_CLOEXEC);
  CHECK_EQ((fcntl(STDOUT_FILENO, F_GETFD) & FD_CLOEXEC) != 0, stdio);
}
