// Locks, children, other processes, and the program of this one.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

namespace handoff {

// Takes the exclusive flock(2) of the open file. It lasts until the last dup of `fd` is closed.
// Returns 0 or -errno: EWOULDBLOCK (another one holds it), EBADF, ENOLCK.
int LockExclusively(int fd);

struct Orphan {
  int32_t pid;
  int32_t status;  // the exit code, or 128 + the signal, as shells report it
};

// Waits for children that have ended, without the `known` ones: libuv waits for those itself. Stops
// early at a known one that libuv has not yet reaped, since waitid(2) shows the same child again.
// Call this again when its exit was reported. Returns how many of `orphans` it filled, `capacity`
// at most, or -errno.
int ReapOrphans(const int32_t* known, size_t known_count, Orphan* orphans, size_t capacity);

// Returns a descriptor of the process, close-on-exec, which the caller owns. The kernel may give
// the pid to another process later, but the descriptor keeps its process. It is readable when the
// process has ended, a zombie included. Or -errno: ESRCH (there is none), ENOSYS (not Linux 5.3),
// EMFILE.
int OpenProcess(pid_t pid);

// Sends a signal to the process of the descriptor; 0 only checks it. Returns 0 or -errno: ESRCH (it
// has ended), EPERM, EBADF, EINVAL (no such signal), ENOSYS.
int SignalProcess(int process, int signal);

// Replaces the program of this process, as execve(2): pid, parent and children stay; of the
// descriptors, those of stdio and `fds` stay. `argv` and `envp` end in a null pointer. Returns only
// on failure, without a change: -errno, such as ENOENT, EACCES, ENOEXEC, E2BIG.
int BecomeProgram(const char* path, char* const* argv, char* const* envp, const int32_t* fds,
                  size_t fd_count);

// Makes every descriptor close-on-exec but those of stdio: libuv stops at the first gap above 15.
// Returns 0 or, on a kernel without close_range(2), -errno: EMFILE, ENOENT (no /proc).
int CloseOnExecAboveStdio();

}  // namespace handoff
