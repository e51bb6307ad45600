// A process's world under the test's control: its clock, environment, signals, children and end.

import type { LoopMeter } from '../../../packages/handoff/src/io/system/loop-meter.ts'
import type {
  Death,
  Spawned,
  System,
  Timer,
} from '../../../packages/handoff/src/io/system/system.ts'

type End = Parameters<Parameters<Spawned['onEnd']>[0]>[0]

/** A child that was asked for; it ends when the test says so. */
export interface FakeChild extends Spawned {
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
  killed: boolean
  end(how: Partial<End>): void
}

let lastPid = 1_000

export class FakeSystem implements System {
  readonly pid = ++lastPid
  uid = process.getuid?.() ?? -1
  env: NodeJS.ProcessEnv = {}
  inspected = false
  command = { file: '/usr/bin/node', flags: [] as string[], args: ['server.js'] }
  /** How late the event loop is. */
  loopDelay = { meanMs: 0, mostMs: 0 }
  /** How many meters of the event loop run. */
  loopMeters = 0
  readonly warnings: string[] = []
  readonly exits: number[] = []
  readonly children: FakeChild[] = []
  readonly #timers = new Set<{ at: number; callback: () => void }>()
  readonly #signals = new Map<NodeJS.Signals, Set<(signal: NodeJS.Signals) => void>>()
  readonly #deaths = new Set<(death: Death) => void>()
  #now = 0

  now(): number {
    return this.#now
  }

  monotonicUsec(): bigint {
    return BigInt(Math.round(this.#now * 1000))
  }

  measureLoop(): LoopMeter {
    this.loopMeters += 1
    const stop = () => {
      this.loopMeters -= 1
    }
    return { take: () => this.loopDelay, stop }
  }

  timer(ms: number, callback: () => void): Timer {
    const timer = { at: this.#now + ms, callback }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  /** How many timers have not run and were not cancelled. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  /** Lets time pass: each timer that is due runs, at its own time and in order. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#now = due.at
      this.#timers.delete(due)
      due.callback()
    }
    this.#now = end
  }

  onSignal(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void) {
    for (const signal of signals) {
      const listeners = this.#signals.get(signal) ?? new Set()
      this.#signals.set(signal, listeners.add(listener))
    }
    return () => {
      for (const signal of signals) this.#signals.get(signal)?.delete(listener)
    }
  }

  /** @returns whether anyone listened. */
  signal(signal: NodeJS.Signals): boolean {
    const listeners = [...(this.#signals.get(signal) ?? [])]
    for (const listener of listeners) listener(signal)
    return listeners.length > 0
  }

  onDeath(listener: (death: Death) => void) {
    this.#deaths.add(listener)
    return () => void this.#deaths.delete(listener)
  }

  /** The process ends by itself, as far as it can tell. @returns whether anyone listened. */
  die(death: Death): boolean {
    for (const listener of this.#deaths) listener(death)
    return this.#deaths.size > 0
  }

  spawn(command: readonly string[], { env = {} }: { env?: NodeJS.ProcessEnv }): Spawned {
    const listeners: ((end: End) => void)[] = []
    const child: FakeChild = {
      // The kernel says this of every peer of a test.
      pid: process.pid,
      command,
      env,
      killed: false,
      kill: () => {
        child.killed = true
      },
      onEnd: (listener) => void listeners.push(listener),
      end: (how) => {
        for (const listener of listeners) listener({ code: null, signal: null, ...how })
      },
    }
    this.children.push(child)
    return child
  }

  isInspected(): boolean {
    return this.inspected
  }

  warn(text: string): void {
    this.warnings.push(text)
  }

  exit(code: number): void {
    this.exits.push(code)
  }
}
