// Notices the end of processes that are not our children: no signal tells it.

/** Stop and crash restarts wait for this word; half a second late is soon enough. */
const intervalMs = 500

/** Whether a process with this pid is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there and belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Looks after processes that an earlier supervisor, or another process, has spawned.
 *
 * @remarks It asks only while there are any.
 */
export class Orphans {
  readonly #pids = new Set<number>()
  readonly #onGone: (pid: number) => void
  #timer: NodeJS.Timeout | undefined

  constructor(onGone: (pid: number) => void) {
    this.#onGone = onGone
  }

  add(pid: number): void {
    this.#pids.add(pid)
    this.#timer ??= setInterval(() => this.check(), intervalMs)
  }

  has(pid: number): boolean {
    return this.#pids.has(pid)
  }

  /** Asks the kernel now, for a status that is true. */
  check(): void {
    for (const pid of this.#pids) if (!isAlive(pid)) this.gone(pid)
  }

  /** Its end is known by other means: PID 1 has reaped it. */
  gone(pid: number): void {
    if (!this.#pids.delete(pid)) return
    if (this.#pids.size === 0) this.close()
    this.#onGone(pid)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
