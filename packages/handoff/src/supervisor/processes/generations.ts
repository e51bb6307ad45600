// The processes of one worker: spawned here, or found because they report that they serve here.

import type { ChildProcess } from 'node:child_process'
import { closeAll } from '../../io/channel/wire.ts'
import type { RunDirectory } from '../../io/rendezvous/run-directory.ts'
import { spawnGeneration } from '../program/spawn.ts'
import { now } from '../registry/clock.ts'
import type { Exit } from '../registry/process-exit.ts'
import type { Report } from '../registry/process-report.ts'
import { type Change, reduce } from '../registry/reduce.ts'
import {
  emptyRegistry,
  type ProcessName,
  type ProcessRecord,
  type Registry,
} from '../registry/registry.ts'
import { resumeRegistry, snapshotRegistry, type WorkerSnapshot } from '../registry/snapshot.ts'
import { LeftoverChildren } from './leftover-children.ts'
import { isOfRun, isStartedFor, Orphans } from './orphans.ts'
import { reaper } from './reaper.ts'
import { rendezvousHolders } from './rendezvous-holders.ts'
import { openReportSocket, type ReportSocket } from './report-socket.ts'
import type { Standby } from './standby.ts'

/** The end of a process. */
export interface ProcessEnd {
  /** Its last state. */
  readonly record: ProcessRecord
  readonly wasServing: boolean
  /** Unknown for a process that is no child of the supervisor. */
  readonly exit: Exit | undefined
}

export interface GenerationsHandlers {
  /** Called after the registry has changed. Owns the descriptors. */
  onReport(pid: number, report: Report, descriptors: readonly number[]): void
  /** Called after the process has left the registry. */
  onExit(end: ProcessEnd): void
  /** All children of processes that have ended have ended, too. */
  onChildrenEnded(): void
  onError(error: Error): void
}

export class Generations {
  /** Starts the next process ahead, if that is wanted. */
  readonly standby: Standby | undefined
  readonly #handlers: GenerationsHandlers
  readonly #children = new Map<number, ChildProcess>()
  /** Children that the release before has started in this process. */
  readonly #inheritedChildren = new Set<number>()
  readonly #orphans: Orphans
  readonly #reportSocket: ReportSocket
  readonly #directory: RunDirectory
  readonly #onReaped: (pid: number, exit: Exit) => void
  readonly #leftovers: LeftoverChildren
  #registry: Registry = emptyRegistry

  constructor(
    directory: RunDirectory,
    handlers: GenerationsHandlers,
    {
      resumed,
      standby,
    }: { resumed?: WorkerSnapshot | undefined; standby?: Standby | undefined } = {},
  ) {
    this.standby = standby
    this.#handlers = handlers
    this.#directory = directory
    this.#leftovers = new LeftoverChildren({
      isOfRun: (pid) => this.#knows(pid),
      onEnded: () => handlers.onChildrenEnded(),
    })
    this.#orphans = new Orphans((pid) => this.#onExit(pid, undefined))
    this.#reportSocket = openReportSocket(
      directory.notify,
      {
        knows: (pid) => this.#knows(pid),
        onReport: (pid, report, descriptors) => this.#onReport(pid, report, descriptors),
        onError: handlers.onError,
      },
      resumed?.notify,
    )
    this.#onReaped = (pid, exit) => {
      if (this.#inheritedChildren.delete(pid)) afterPoll(() => this.#onExit(pid, exit))
      else this.#orphans.onExit(pid)
    }
    reaper.on(this.#onReaped)
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

  /**
   * Starts a process, or lets the one that was started ahead go on: that gets its listeners from the process that
   * serves alone.
   *
   * @throws {@link HandoffError} of {@link spawnGeneration}.
   */
  async spawn(...how: Parameters<typeof spawnGeneration>): Promise<number> {
    const ahead = this.serving === undefined ? undefined : this.standby?.take(...how)
    const child = ahead ?? (await spawnGeneration(...how))
    const { pid } = child
    this.#children.set(pid, child)
    reaper.onSpawned(pid)
    this.change({ type: 'spawned', pid, at: now() })
    child.once('exit', (code, signal) => {
      afterPoll(() => {
        this.#children.delete(pid)
        this.#onExit(pid, { code, signal })
        reaper.onExit(pid)
      })
    })
    return pid
  }

  /** A process of another worker has taken over from this one. */
  leave(from: ProcessName, to: ProcessName): void {
    this.#addIfOfRun(from.pid)
    this.change({ type: 'left', from, to, at: now() })
  }

  /**
   * Finds the processes of this worker that hold its rendezvous socket and have not reported: an earlier
   * supervisor has started them. They are in the registry from now on.
   *
   * @returns their pids.
   */
  findSilentHolders(): number[] {
    const pids = rendezvousHolders(this.#directory.rendezvous).filter(
      (pid) => !this.#knows(pid) && this.#orphans.add(pid, () => isOfRun(this.#directory, pid)),
    )
    for (const pid of pids) this.change({ type: 'spawned', pid, at: now() })
    return pids
  }

  /** Sends a signal to every process. SIGKILL ends children of processes that have ended, too. */
  signalAll(signal: NodeJS.Signals): void {
    for (const pid of this.#registry.processes.keys()) this.signal(pid, signal)
    if (signal === 'SIGKILL') this.#leftovers.kill()
  }

  /** Sends a signal, unless the process has just ended or belongs to another run. */
  signal(pid: number, signal: NodeJS.Signals): void {
    try {
      if (this.#orphans.has(pid)) this.#orphans.signal(pid, signal)
      // As long as a child was not waited for, its number means no other process.
      else if (this.#isOurChild(pid)) process.kill(pid, signal)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ESRCH') return
      this.#handlers.onError(error as Error)
      // A process that may not be signalled is not waited for: a stop would never end.
      if (code === 'EPERM' && (signal === 'SIGKILL' || this.#orphans.has(pid))) {
        setImmediate(() => this.#forget(pid))
      }
    }
  }

  /** Whether children of processes that have ended still run. */
  get hasChildrenLeft(): boolean {
    return this.#leftovers.pending || this.standby?.isEnding === true
  }

  hasSpawned(pid: number): boolean {
    return this.#children.has(pid) || this.#inheritedChildren.has(pid)
  }

  /**
   * Makes the socket for reports anew if it was removed.
   *
   * @returns whether it was there.
   * @throws a system error.
   */
  renewReportSocket(): boolean {
    return this.#reportSocket.renew()
  }

  /** The state for the next release. */
  snapshot(): Pick<WorkerSnapshot, 'registry' | 'children' | 'remains' | 'notify'> {
    return {
      registry: snapshotRegistry(this.#registry),
      children: [...this.#children.keys(), ...this.#inheritedChildren],
      remains: this.#leftovers.snapshot(),
      notify: this.#reportSocket.fd,
    }
  }

  /** Removes processes that have ended: the end of a process that is no child may be noticed late. */
  refresh(): void {
    this.#orphans.refresh()
  }

  close(): void {
    reaper.off(this.#onReaped)
    this.standby?.close()
    this.#orphans.close()
    this.#leftovers.close()
    this.#reportSocket.close()
  }

  #onReport(pid: number, given: Report, descriptors: readonly number[]): void {
    if (!this.#knows(pid)) {
      // A process of an earlier supervisor, or one that a server has spawned itself.
      const { notify } = this.#directory
      const isAdded =
        given.event !== undefined && this.#orphans.add(pid, () => isStartedFor(notify, pid))
      if (!isAdded) return closeAll(descriptors)
    }
    const report = this.#withKnownPids(given)
    const { event } = report
    if (event !== undefined) this.change({ type: 'event', pid, event, at: now() })
    this.#handlers.onReport(pid, report, descriptors)
  }

  /** Replaces the pid of a process of another run by 0: no process is signalled by it. */
  #withKnownPids(report: Report): Report {
    const { event } = report
    if (event?.type !== 'serving' || event.replaces === null) return report
    if (this.#addIfOfRun(event.replaces.pid)) return report
    return { ...report, event: { ...event, replaces: { ...event.replaces, pid: 0 } } }
  }

  /**
   * Adds a process that another one has named, if it belongs to this run: an earlier supervisor may have
   * spawned it.
   *
   * @returns whether it belongs to this run and lives.
   */
  #addIfOfRun(pid: number): boolean {
    return this.#knows(pid) || this.#orphans.add(pid, () => isOfRun(this.#directory, pid))
  }

  #isOurChild(pid: number): boolean {
    const child = this.#children.get(pid)
    if (child === undefined) return this.#inheritedChildren.has(pid)
    return child.exitCode === null && child.signalCode === null
  }

  #forget(pid: number): void {
    if (this.#orphans.has(pid)) this.#orphans.onExit(pid)
    else this.#onExit(pid, undefined)
  }

  #knows(pid: number): boolean {
    return this.hasSpawned(pid) || this.#orphans.has(pid)
  }

  #resume({ registry, children, remains = [] }: WorkerSnapshot): void {
    this.#registry = resumeRegistry(registry)
    for (const pid of children) this.#inheritedChildren.add(pid)
    if (children.length > 0) reaper.adoptChildren()
    for (const pid of this.#registry.processes.keys()) {
      if (!this.#addIfOfRun(pid)) afterPoll(() => this.#onExit(pid, undefined))
    }
    this.#leftovers.resume(remains)
  }

  #onExit(pid: number, exit: Exit | undefined): void {
    const record = this.#registry.processes.get(pid)
    if (record === undefined) return
    const wasServing = pid === this.#registry.serving
    this.change({ type: 'exit', pid })
    this.#leftovers.end(pid)
    this.#handlers.onExit({ record, wasServing, exit })
  }
}

/**
 * Calls back after the event loop has polled its descriptors once more. The last reports of a process are
 * in the queue of the socket when it ends, but its end may be reported first.
 */
function afterPoll(callback: () => void): void {
  setImmediate(() => setImmediate(callback))
}
