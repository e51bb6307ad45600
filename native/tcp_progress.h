// How far connections have come: tells whether anyone has used them since.
#pragma once

#include <stddef.h>

namespace handoff {

// Fills in, for each of `count` connections that nobody else reads, two numbers: how many bytes a
// process has ever read from it, and written to it. Where the system does not tell (not Linux, a
// Unix socket), or bytes arrive faster than it can be asked, both are kUnknownProgress.
void ReadProgressOfEach(const int* fds, size_t count, double* read_and_written);
constexpr double kUnknownProgress = -1;

}  // namespace handoff
