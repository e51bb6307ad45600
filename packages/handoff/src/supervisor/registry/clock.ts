// The clock of a run, which goes on when the supervisor becomes another release.

/** Milliseconds since the system booted: CLOCK_MONOTONIC, which execve(2) does not set back. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
