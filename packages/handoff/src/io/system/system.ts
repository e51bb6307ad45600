// The only access to clock, environment, signals, spawn and exit. Tests replace it.

import type { SpawnOptions } from 'node:child_process'
import { Console } from 'node:console'
import { constants } from 'node:os'
import { printable } from '../../protocol/printable.ts'
import { longestMs } from '../../terms/options.ts'
import { guardPaths } from '../files/unlink-hook.ts'
import { hiddenListeners } from '../node/hidden-listeners.ts'
import { type LoopMeter, startLoopMeter } from './loop-meter.ts'

export interface Timer {
  cancel(): void
}

/** A process that was started. Its end is reported once. */
export interface Spawned {
  readonly pid: number | undefined
  /** Ends it immediately, by SIGKILL. */
  kill(): void
  onEnd(
    listener: (end: { code: number | null; signal: string | null; error?: Error }) => void,
  ): void
}

/** The end of this process: its exit code, and the uncaught exception if that is the cause. */
export interface Death {
  readonly code: number
  readonly exception?: { readonly error: unknown }
}

export interface System {
  readonly pid: number
  readonly uid: number
  readonly env: NodeJS.ProcessEnv
  /** The command that started this process: node, its flags, the entry and its arguments. */
  readonly command: {
    readonly file: string
    readonly flags: readonly string[]
    readonly args: readonly string[]
  }
  /** Monotonic milliseconds. */
  now(): number
  /** Microseconds of CLOCK_MONOTONIC, which systemd compares with its own clock. */
  monotonicUsec(): bigint
  /** Calls back once after `ms`, however long. Keeps the process alive unless `background`. */
  timer(ms: number, callback: () => void, background?: boolean): Timer
  /** Begins to measure how late the event loop of this process is. */
  measureLoop(): LoopMeter
  onSignal(
    signals: readonly NodeJS.Signals[],
    listener: (signal: NodeJS.Signals) => void,
  ): () => void
  /** Calls back when this process ends, while it can still send that to its peer. */
  onDeath(listener: (death: Death) => void): () => void
  spawn(command: readonly string[], options: SpawnOptions): Spawned
  /** Whether a debugger can stop this process at a breakpoint. */
  isInspected(): boolean
  warn(text: string): void
  exit(code: number): void
  /** Makes the program's calls that would remove a guarded path do nothing: io/files/unlink-hook.ts. */
  guardPaths?(isGuarded: (path: string) => boolean): void
}

/**
 * Calls back once after `ms`, however long that is. Never for Infinity.
 *
 * @remarks setTimeout takes 31 bits of milliseconds, and fires after 1 ms for more.
 * @param background - whether the process may end before that.
 */
export function startTimer(ms: number, callback: () => void, background = false): Timer {
  let timer: NodeJS.Timeout
  const wait = (leftMs: number) => {
    const stepMs = Math.min(leftMs, longestMs)
    timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : callback()), stepMs)
    if (background) timer.unref()
  }
  wait(ms)
  return { cancel: () => clearTimeout(timer) }
}

/** Adds listeners to signals, after or before the existing ones. */
function signalListener(first: boolean): System['onSignal'] {
  return (signals, listener) => {
    const undo = signals.map((signal) => hiddenListeners().add(signal, listener, first))
    return () => {
      for (const remove of undo) remove()
    }
  }
}

/** The flags with which this process was started. A preload removes its own from process.execArgv later. */
const flags = [...process.execArgv]

/** Not an import: a Node.js without an inspector has no such module, and most programs need none. */
function inspector(): typeof import('node:inspector') | undefined {
  // Since Node 22.3 and 20.16.
  if (process.features.inspector !== true) return undefined
  return process.getBuiltinModule?.('node:inspector')
}

/** Whether a process with this pid exists in this pid namespace. A zombie does. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

export const realSystem: System = {
  pid: process.pid,
  uid: process.getuid?.() ?? -1,
  env: process.env,
  get command() {
    return { file: process.execPath, flags, args: process.argv.slice(1) }
  },
  now: () => performance.now(),
  // libuv reads CLOCK_MONOTONIC: uv_hrtime.
  monotonicUsec: () => process.hrtime.bigint() / 1000n,
  timer: startTimer,
  measureLoop: startLoopMeter,
  onSignal: signalListener(false),
  onDeath(listener) {
    let exception: { error: unknown } | undefined
    const undo = [
      hiddenListeners().add('uncaughtExceptionMonitor', (error: unknown) => {
        const thrown = { error }
        exception = thrown
        // If a handler of the program keeps the process alive, the event loop has a next turn.
        setImmediate(() => {
          if (exception === thrown) exception = undefined
        }).unref()
      }),
      hiddenListeners().add('exit', (code: number) => {
        listener({ code, ...(exception !== undefined && { exception }) })
      }),
    ]
    return () => {
      for (const remove of undo) remove()
    }
  },
  spawn(command, options) {
    const [file = process.execPath, ...args] = command
    const child = process.getBuiltinModule('node:child_process').spawn(file, args, options)
    child.unref()
    return {
      pid: child.pid,
      kill: () => void child.kill('SIGKILL'),
      onEnd(listener) {
        child.once('error', (error) => listener({ code: null, signal: null, error }))
        child.once('exit', (code, signal) => listener({ code, signal }))
      },
    }
  },
  isInspected: () => inspector()?.url() !== undefined,
  // As console.error: a stderr that cannot be written to must not become an error of the program.
  warn: (text) => new Console(process.stderr).error('%s', printable(text)),
  exit: (code) => process.exit(code),
  guardPaths,
}

/** The program in the process of a preload. It does not know of the preload. */
export interface Program {
  /** Returns the program's own listeners to a signal, as functions that call them. */
  listeners(signal: NodeJS.Signals): (() => void)[]
  /** Listens to signals before the program does. */
  onSignal: System['onSignal']
  /** Listens to messages of the program to its parent process, whether it has one or not. */
  onSend(listener: (message: unknown) => void): () => void
  /** Whether this process was started with the flag, or with a flag of this value. */
  hasFlag(flag: string): boolean
  /** Removes flags from `process.execArgv`, which children of `child_process.fork` inherit. */
  withholdFlags(withheld: (preload: string) => boolean): void
}

export const realProgram: Program = {
  listeners: (signal) =>
    process
      .rawListeners(signal)
      .map((listener) => () => listener.call(process, signal, constants.signals[signal])),
  onSignal: signalListener(true),
  onSend(listener) {
    const { send } = process
    process.send = (message: unknown, ...rest: unknown[]) => {
      listener(message)
      if (send !== undefined) return Reflect.apply(send, process, [message, ...rest])
      const callback = rest.at(-1)
      if (typeof callback === 'function') process.nextTick(callback as () => void, null)
      return true
    }
    return () => {
      if (send === undefined) delete process.send
      else process.send = send
    }
  },
  hasFlag: (flag) => flags.includes(flag),
  withholdFlags(withheld) {
    const { execArgv } = process
    for (let i = execArgv.length - 1; i >= 0; i--) {
      const flag = execArgv[i] ?? ''
      const [, joined] = /^--(?:import|require)=(.*)$/.exec(flag) ?? []
      if (joined !== undefined && withheld(joined)) execArgv.splice(i, 1)
      else if (/^(--import|--require|-r)$/.test(flag) && withheld(execArgv[i + 1] ?? '')) {
        execArgv.splice(i, 2)
      }
    }
  },
}
