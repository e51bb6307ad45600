// Reads how many bytes connections have carried, to find out whether they were used since, and when
// they were used last.
#pragma once

#include <stddef.h>

namespace handoff {

// Fills in two numbers for each of `count` connections: how many bytes processes have read from it,
// and written to it, since it was opened. No other process may read it meanwhile. Both are
// kUnknownProgress if the system does not report them (not Linux, a Unix socket), or bytes arrive
// too fast.
void ReadProgressOfEach(const int* fds, size_t count, double* read_and_written);
constexpr double kUnknownProgress = -1;

// Whether this system reports the progress of TCP connections: Linux from 4.19 on. A negative errno if the
// process cannot open a socket to ask.
int ReportsProgress();

// Fills in, for each of `count` connections, how many milliseconds ago data last came or went; of a
// connection without data, how many milliseconds ago it was opened. kUnknownSilence if the system does
// not report it.
void ReadSilenceOfEach(const int* fds, size_t count, int* silence_ms);
constexpr int kUnknownSilence = -1;

}  // namespace handoff
