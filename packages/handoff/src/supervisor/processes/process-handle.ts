// Holds another process by a descriptor, since the kernel may reuse its number.

import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { check, loadNative, type Poll, READABLE } from '../../io/native/addon.ts'
import { close } from '../../io/native/descriptors.ts'

/** How often to check for the end of a process if the kernel does not report it, in milliseconds. */
const intervalMs = 500

/**
 * A living process that is no child of this one.
 *
 * @remarks A zombie has ended. Without pidfds (Linux before 5.3, macOS, a seccomp filter) the process is
 * identified by its number and the time of its start.
 * @see pidfd_open(2)
 */
export class ProcessHandle {
  readonly pid: number
  readonly #onEnd: () => void
  #fd: number | undefined
  #poll: Poll | undefined
  #timer: NodeJS.Timeout | undefined
  /** Of the process that had the number at first. */
  #startedAt: string | undefined
  #ended = false

  /** @param onEnd - called once, when the process has ended. It is not called by {@link open}. */
  private constructor(pid: number, onEnd: () => void) {
    this.pid = pid
    this.#onEnd = onEnd
  }

  /** Returns undefined if there is no such process, or only a zombie. */
  static open(pid: number, onEnd: () => void): ProcessHandle | undefined {
    // kill(2) takes 0 and negative numbers for groups of processes.
    if (!Number.isInteger(pid) || pid < 1) return undefined
    const handle = new ProcessHandle(pid, onEnd)
    const fd = loadNative().openProcess(pid)
    if (fd === -constants.errno.ESRCH) return undefined
    if (fd < 0) handle.#pollByNumber()
    else handle.#watch(fd)
    return handle.hasEnded ? undefined : handle
  }

  /** Asks the kernel. If the process has ended, the handle is closed and `onEnd` is not called. */
  get hasEnded(): boolean {
    if (!this.#ended && !this.#isThere()) this.close()
    return this.#ended
  }

  /**
   * Sends a signal. A process that has ended gets none.
   *
   * @throws a system error: `EPERM` if the process is another user's.
   */
  signal(signal: NodeJS.Signals): void {
    if (this.hasEnded) return
    if (this.#fd === undefined) return signalByNumber(this.pid, signal)
    const result = loadNative().signalProcess(this.#fd, constants.signals[signal])
    if (result === -constants.errno.ESRCH) return
    // A seccomp filter may allow pidfd_open and not this call.
    if (result === -constants.errno.ENOSYS) return signalByNumber(this.pid, signal)
    check(result, 'pidfd_send_signal')
  }

  /** Stops watching the process. */
  close(): void {
    this.#ended = true
    clearInterval(this.#timer)
    this.#poll?.close()
    this.#poll = undefined
    if (this.#fd !== undefined) close(this.#fd)
    this.#fd = undefined
  }

  #watch(fd: number): void {
    this.#fd = fd
    this.#poll = new (loadNative().Poll)(fd, () => this.#check())
    // The descriptor becomes readable when the process ends.
    if (this.#poll.start(READABLE) < 0) this.#pollByNumber()
  }

  #pollByNumber(): void {
    this.#startedAt = startOf(this.pid)
    this.#timer = setInterval(() => this.#check(), intervalMs)
  }

  #check(): void {
    if (!this.#ended && this.hasEnded) this.#onEnd()
  }

  #isThere(): boolean {
    if (!isThere(this.pid)) return false
    if (this.#fd !== undefined) {
      const result = loadNative().signalProcess(this.#fd, 0)
      if (result === -constants.errno.ESRCH) return false
    }
    return this.#startedAt === undefined || startOf(this.pid) === this.#startedAt
  }
}

function signalByNumber(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Returns whether a process of this number lives, whichever user owns it. */
function isThere(pid: number): boolean {
  const stat = statOf(pid)
  if (stat !== undefined) return stat[0] !== 'Z' && stat[0] !== 'X'
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Clock ticks from boot to the start of the process; undefined without /proc. */
function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19]
}

/** The fields of proc_pid_stat(5) from the state on: the name before it may hold anything. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
