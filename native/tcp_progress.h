// Reads how many bytes connections have carried, to find out whether they were used since.
#pragma once

#include <stddef.h>

namespace handoff {

// Fills in two numbers for each of `count` connections: how many bytes processes have read from it,
// and written to it, since it was opened. No other process may read it meanwhile. Both are
// kUnknownProgress if the system does not report them (not Linux, a Unix socket), or bytes arrive
// too fast.
void ReadProgressOfEach(const int* fds, size_t count, double* read_and_written);
constexpr double kUnknownProgress = -1;

}  // namespace handoff
