// The only door to clock, environment, signals, spawn and exit. Tests replace it.

import { type SpawnOptions, spawn } from 'node:child_process'

export interface Timer {
  cancel(): void
}

/** A process that was started; its end is told once. */
export interface Spawned {
  readonly pid: number | undefined
  /** Ends it at once, whatever it does. */
  kill(): void
  onEnd(
    listener: (end: { code: number | null; signal: string | null; error?: Error }) => void,
  ): void
}

/** An uncaught error, or an exit with its code. */
export type Death = { error: unknown } | { code: number }

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
  /** Microseconds of CLOCK_MONOTONIC, which systemd compares with its own. */
  monotonicUsec(): bigint
  /** Calls back once after `ms`; keeps the process alive unless `background`. */
  timer(ms: number, callback: () => void, background?: boolean): Timer
  onSignal(
    signals: readonly NodeJS.Signals[],
    listener: (signal: NodeJS.Signals) => void,
  ): () => void
  /** Tells that this process is about to end, while it can still say so to its peer. */
  onDeath(listener: (death: Death) => void): () => void
  spawn(command: readonly string[], options: SpawnOptions): Spawned
  warn(text: string): void
  exit(code: number): void
}

export const realSystem: System = {
  pid: process.pid,
  uid: process.getuid?.() ?? -1,
  env: process.env,
  get command() {
    return { file: process.execPath, flags: process.execArgv, args: process.argv.slice(1) }
  },
  now: () => performance.now(),
  // libuv reads CLOCK_MONOTONIC: uv_hrtime.
  monotonicUsec: () => process.hrtime.bigint() / 1000n,
  timer(ms, callback, background = false) {
    const timer = setTimeout(callback, ms)
    if (background) timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  onSignal(signals, listener) {
    for (const signal of signals) process.on(signal, listener)
    return () => {
      for (const signal of signals) process.off(signal, listener)
    }
  },
  onDeath(listener) {
    const onError = (error: unknown) => listener({ error })
    const onExit = (code: number) => listener({ code })
    process.on('uncaughtExceptionMonitor', onError)
    process.on('exit', onExit)
    return () => {
      process.off('uncaughtExceptionMonitor', onError)
      process.off('exit', onExit)
    }
  },
  spawn(command, options) {
    const [file = process.execPath, ...args] = command
    const child = spawn(file, args, options)
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
  warn: (text) => process.stderr.write(`${text}\n`),
  exit: (code) => process.exit(code),
}
