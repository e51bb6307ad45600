// What a process needs of its relatives: to be the only one, and to bury those that nobody waits
// for.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

namespace handoff {

// Takes the exclusive flock(2) of the open file. It lasts until the last dup of `fd` is closed.
// Returns 0 or -errno: EWOULDBLOCK (someone holds it), EBADF, ENOLCK.
int LockExclusively(int fd);

struct Orphan {
  int32_t pid;
  int32_t status;  // the exit code, or 128 + the signal, as shells say it
};

// Waits for children that have ended, but not for the `known` ones: those are libuv's, whose own
// wait would fail. Stops early at a known one that libuv has not yet reaped, since waitid(2) shows
// the same child again; call it again when that one's exit was reported.
// Returns how many of `orphans` it filled, `capacity` at most, or -errno.
int ReapOrphans(const int32_t* known, size_t known_count, Orphan* orphans, size_t capacity);

// Returns a descriptor of the process, close-on-exec, which the caller owns. Its number can be given to
// another process meanwhile, but the descriptor never means another one; it is readable when the
// process has ended, a zombie included. Or -errno: ESRCH (there is none), ENOSYS (not Linux 5.3), EMFILE.
int OpenProcess(pid_t pid);

// Sends a signal to the process of the descriptor; 0 only asks. Returns 0 or -errno: ESRCH (it has
// ended), EPERM, EBADF, EINVAL (no such signal), ENOSYS.
int SignalProcess(int process, int signal);

// Becomes another program, as execve(2): same pid, same parent, same children; of the descriptors
// only those of stdio and `fds` stay. `argv` and `envp` end in a null pointer.
// Returns only where it fails, with all as it was: -errno, such as ENOENT, EACCES, ENOEXEC, E2BIG.
int BecomeProgram(const char* path, char* const* argv, char* const* envp, const int32_t* fds,
                  size_t fd_count);

// Makes every descriptor close-on-exec but those of stdio: libuv does it only up to the first hole
// above 15. Returns 0 or, on a kernel without close_range(2), -errno: EMFILE, ENOENT (no /proc).
int CloseOnExecAboveStdio();

}  // namespace handoff
