// The processes of a run as they live and die: spawned here, or heard of because they serve here.

import type { ChildProcess } from 'node:child_process'
import { closeAll } from '../../io/channel/wire.ts'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { spawnGeneration } from '../program/spawn.ts'
import { now } from '../registry/clock.ts'
import type { Report } from '../registry/event.ts'
import type { Exit } from '../registry/exit.ts'
import { type Change, reduce } from '../registry/reduce.ts'
import {
  emptyRegistry,
  type ProcessName,
  type ProcessRecord,
  type Registry,
} from '../registry/registry.ts'
import { resumeRegistry, snapshotRegistry, type WorkerSnapshot } from '../registry/snapshot.ts'
import { type NotifySocket, openNotifySocket } from './notify-socket.ts'
import { isOfRun, isStartedFor, Orphans } from './orphans.ts'
import { reaper } from './reaper.ts'
import { rendezvousHolders } from './rendezvous-holders.ts'
import { Sessions } from './sessions.ts'

/** The end of a process. */
export interface End {
  /** As it was. */
  readonly record: ProcessRecord
  readonly wasServing: boolean
  /** Unknown for a process that is not our child. */
  readonly exit: Exit | undefined
}

export interface GenerationsHandlers {
  /** After the registry has taken it in. Owns the descriptors. */
  onReport(pid: number, report: Report, descriptors: readonly number[]): void
  /** After it has left the registry. */
  onGone(end: End): void
  /** Nothing is left of the processes that have gone. */
  onRemainsEnded(): void
  onError(error: Error): void
}

export class Generations {
  readonly #handlers: GenerationsHandlers
  readonly #children = new Map<number, ChildProcess>()
  /** Children of the release before in this process. */
  readonly #adopted = new Set<number>()
  readonly #orphans: Orphans
  readonly #notifySocket: NotifySocket
  readonly #directory: RunDirectory
  readonly #unfollow: () => void
  /** Children of processes that have gone. */
  readonly #remains: Sessions
  #registry: Registry = emptyRegistry

  constructor(directory: RunDirectory, handlers: GenerationsHandlers, resumed?: WorkerSnapshot) {
    this.#handlers = handlers
    this.#directory = directory
    this.#remains = new Sessions({
      isOfRun: (pid) => this.#knows(pid),
      onEnded: () => handlers.onRemainsEnded(),
    })
    this.#orphans = new Orphans((pid) => this.#gone(pid, undefined))
    this.#notifySocket = openNotifySocket(
      directory.notify,
      {
        knows: (pid) => this.#knows(pid),
        onReport: (pid, report, descriptors) => this.#report(pid, report, descriptors),
        onError: handlers.onError,
      },
      resumed?.notify,
    )
    this.#unfollow = reaper.follow((pid, exit) => this.#reaped(pid, exit))
    if (resumed !== undefined) this.#resume(resumed)
  }

  get registry(): Registry {
    return this.#registry
  }

  /** The process that serves. */
  get serving(): ProcessRecord | undefined {
    const { processes, serving } = this.#registry
    return serving === undefined ? undefined : processes.get(serving)
  }

  change(change: Change): void {
    this.#registry = reduce(this.#registry, change)
  }

  /** @throws {@link HandoffError} of {@link spawnGeneration}. */
  async spawn(...how: Parameters<typeof spawnGeneration>): Promise<number> {
    const child = await spawnGeneration(...how)
    const { pid } = child
    this.#children.set(pid, child)
    reaper.started(pid)
    this.change({ type: 'spawned', pid, at: now() })
    child.once('exit', (code, signal) => {
      afterPoll(() => {
        this.#children.delete(pid)
        this.#gone(pid, { code, signal })
        reaper.ended(pid)
      })
    })
    return pid
  }

  /** A process of another worker has taken over from this one. */
  left(from: ProcessName, to: ProcessName): void {
    this.#meet(from.pid)
    this.change({ type: 'left', from, to, at: now() })
  }

  /**
   * Finds the processes of this run that hold its rendezvous socket and from which nothing was heard here: an
   * earlier supervisor has started them, and they have had nothing to report since.
   *
   * @returns their pids, which are in the registry from now on.
   */
  findSilentHolders(): number[] {
    const pids = rendezvousHolders(this.#directory.rendezvous).filter(
      (pid) => !this.#knows(pid) && this.#orphans.add(pid, () => isOfRun(this.#directory, pid)),
    )
    for (const pid of pids) this.change({ type: 'spawned', pid, at: now() })
    return pids
  }

  /** Sends a signal to every process that there is. */
  signalAll(signal: NodeJS.Signals): void {
    for (const pid of this.#registry.processes.keys()) this.signal(pid, signal)
    if (signal === 'SIGKILL') this.#remains.kill()
  }

  /** Sends a signal; to a process that has just ended, or is not ours, none. */
  signal(pid: number, signal: NodeJS.Signals): void {
    try {
      if (this.#orphans.has(pid)) this.#orphans.signal(pid, signal)
      // The number of a child that nobody has waited for yet means no other process.
      else if (this.#isOurChild(pid)) process.kill(pid, signal)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ESRCH') return
      this.#handlers.onError(error as Error)
      // A process that is not ours to end is not waited for: a stop would not end either.
      if (code === 'EPERM' && (signal === 'SIGKILL' || this.#orphans.has(pid))) {
        setImmediate(() => this.#forget(pid))
      }
    }
  }

  /** Whether children of processes that have gone are left. */
  get hasRemains(): boolean {
    return this.#remains.pending
  }

  hasSpawned(pid: number): boolean {
    return this.#children.has(pid) || this.#adopted.has(pid)
  }

  /**
   * Makes the socket for reports anew if it was removed.
   *
   * @returns whether it was there.
   * @throws a system error.
   */
  renewNotifySocket(): boolean {
    return this.#notifySocket.renew()
  }

  /** What the next release needs to know. */
  snapshot(): Pick<WorkerSnapshot, 'registry' | 'children' | 'remains' | 'notify'> {
    return {
      registry: snapshotRegistry(this.#registry),
      children: [...this.#children.keys(), ...this.#adopted],
      remains: this.#remains.snapshot(),
      notify: this.#notifySocket.fd,
    }
  }

  /** Makes the registry true now: nobody tells the end of a process that is not our child. */
  check(): void {
    this.#orphans.check()
  }

  close(): void {
    this.#unfollow()
    this.#orphans.close()
    this.#remains.close()
    this.#notifySocket.close()
  }

  #report(pid: number, given: Report, descriptors: readonly number[]): void {
    if (!this.#knows(pid)) {
      // One that serves or drains after another supervisor, or was spawned by a server itself.
      const { notify } = this.#directory
      const joins =
        given.event !== undefined && this.#orphans.add(pid, () => isStartedFor(notify, pid))
      if (!joins) return closeAll(descriptors)
    }
    const report = this.#withKnownPids(given)
    const { event } = report
    if (event !== undefined) this.change({ type: 'event', pid, event, at: now() })
    this.#handlers.onReport(pid, report, descriptors)
  }

  /** A pid that is not that of a process of this run becomes 0: no process is signalled by it. */
  #withKnownPids(report: Report): Report {
    const { event } = report
    if (event?.type !== 'serving' || event.replaces === null) return report
    if (this.#meet(event.replaces.pid)) return report
    return { ...report, event: { ...event, replaces: { ...event.replaces, pid: 0 } } }
  }

  /**
   * Another process has reported of this one: an earlier supervisor may have spawned it.
   *
   * @returns whether it is one of this run, and lives.
   */
  #meet(pid: number): boolean {
    return this.#knows(pid) || this.#orphans.add(pid, () => isOfRun(this.#directory, pid))
  }

  #isOurChild(pid: number): boolean {
    const child = this.#children.get(pid)
    if (child === undefined) return this.#adopted.has(pid)
    return child.exitCode === null && child.signalCode === null
  }

  #forget(pid: number): void {
    if (this.#orphans.has(pid)) this.#orphans.gone(pid)
    else this.#gone(pid, undefined)
  }

  #knows(pid: number): boolean {
    return this.hasSpawned(pid) || this.#orphans.has(pid)
  }

  #resume({ registry, children, remains = [] }: WorkerSnapshot): void {
    this.#registry = resumeRegistry(registry)
    for (const pid of children) this.#adopted.add(pid)
    if (children.length > 0) reaper.adopt()
    for (const pid of this.#registry.processes.keys()) {
      if (!this.#meet(pid)) afterPoll(() => this.#gone(pid, undefined))
    }
    this.#remains.resume(remains)
  }

  #reaped(pid: number, exit: Exit): void {
    if (this.#adopted.delete(pid)) afterPoll(() => this.#gone(pid, exit))
    else this.#orphans.gone(pid)
  }

  #gone(pid: number, exit: Exit | undefined): void {
    const record = this.#registry.processes.get(pid)
    if (record === undefined) return
    const wasServing = pid === this.#registry.serving
    this.change({ type: 'gone', pid })
    this.#remains.end(pid)
    this.#handlers.onGone({ record, wasServing, exit })
  }
}

/**
 * Calls back when the event loop has looked at its descriptors once more: what a process sent
 * before it ended is in our socket's queue by then, but its end may be told first.
 */
function afterPoll(callback: () => void): void {
  setImmediate(() => setImmediate(callback))
}
