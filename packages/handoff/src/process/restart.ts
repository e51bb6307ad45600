// Self-spawned handoffs: starts the replacement of this process.

import { withFreeInspectPort } from '../io/node/inspect-flags.ts'
import { processVariables } from '../io/system/process-variables.ts'
import type { Spawned, System, Timer } from '../io/system/system.ts'
import { type Deferred, deferred } from '../terms/deferred.ts'
import { HandoffError, type HandoffErrorCode, reasonOf } from '../terms/errors.ts'

/** Starts one replacement at a time, and follows it to the end of its handoff. */
export class Restart {
  readonly #system: System
  readonly #timeoutMs: number
  #outcome: Deferred<void> | undefined
  #child: Spawned | undefined
  #deadline: Timer | undefined

  constructor(system: System, timeoutMs: number) {
    this.#system = system
    this.#timeoutMs = timeoutMs
  }

  /**
   * Starts the same command again, or joins the restart under way.
   *
   * @param variables - what the replacement finds in its environment beside that of this process.
   * @returns when the replacement serves.
   * @throws {@link HandoffError} ERR_HANDOFF_SPAWN_FAILED, ERR_HANDOFF_EXITED, ERR_HANDOFF_TIMEOUT,
   * what `variables` throws, and the error of {@link end}.
   */
  run(variables: () => Readonly<Record<string, string>>): Promise<void> {
    if (this.#outcome !== undefined) return this.#outcome.promise
    const outcome = deferred<void>()
    this.#outcome = outcome
    try {
      const child = spawn(this.#system, variables())
      this.#child = child
      child.onEnd((end) => {
        // A later replacement has nothing to do with the end of this one.
        if (this.#outcome === outcome) this.end(endError(child, end))
      })
      this.#deadline = this.#system.timer(this.#timeoutMs, () => {
        child.kill() // Else it would take over later, unexpectedly.
        const reason = `the new process (pid ${child.pid}) did not connect within ${this.#timeoutMs} ms`
        this.end(failure('ERR_HANDOFF_TIMEOUT', reason))
      })
    } catch (error) {
      this.end(error as Error)
    }
    return outcome.promise
  }

  /** A process has connected. If it is the replacement, the deadlines of the handoff apply from here on. */
  connected(pid: number): void {
    if (pid === this.#child?.pid) this.#deadline?.cancel()
  }

  /**
   * The handoff with this process has ended: it serves, or the error says why not. The failure of
   * another process than the replacement changes nothing.
   */
  handoffEnded(pid: number, error?: Error): void {
    if (error === undefined || pid === this.#child?.pid) this.end(error)
  }

  /**
   * Kills the process with this pid, which hangs after its commit, if it is the replacement.
   *
   * @returns whether it is being killed. This process then takes back.
   */
  killHung(pid: number): boolean {
    const child = this.#child
    if (child === undefined || child.pid !== pid || this.#system.command.flags.some(isInspect))
      return false
    child.kill()
    return true
  }

  /** The restart has ended: the new process serves, or the error says why not. */
  end(error?: Error): void {
    this.#deadline?.cancel()
    const outcome = this.#outcome
    this.#outcome = undefined
    if (error === undefined) outcome?.resolve()
    else outcome?.reject(error)
  }
}

/** A debugger may stop the replacement at a breakpoint. */
function isInspect(flag: string): boolean {
  return flag.startsWith('--inspect')
}

function spawn(system: System, variables: Readonly<Record<string, string>>): Spawned {
  const { HANDOFF_FIRST_MODULE: first, ...others } = variables
  const env = { ...system.env, ...others }
  for (const name of processVariables) delete env[name]
  const { file, flags, args } = system.command
  const command = [file, ...withFreeInspectPort(flags, env.NODE_OPTIONS), ...args]
  // The replacement loads the same module of ours before all other preloads.
  if (first !== undefined) env.NODE_OPTIONS = [first, env.NODE_OPTIONS].filter(Boolean).join(' ')
  try {
    return system.spawn(command, { env, stdio: 'inherit', detached: true })
  } catch (cause) {
    throw failure('ERR_HANDOFF_SPAWN_FAILED', reasonOf(cause), cause)
  }
}

function endError(
  { pid }: Spawned,
  { code, signal, error }: Parameters<Parameters<Spawned['onEnd']>[0]>[0],
): HandoffError {
  if (error !== undefined) return failure('ERR_HANDOFF_SPAWN_FAILED', error.message, error)
  const how = signal === null ? `exit code ${code}` : `signal ${signal}`
  return failure('ERR_HANDOFF_EXITED', `the new process (pid ${pid}) ended with ${how}`)
}

function failure(code: HandoffErrorCode, reason: string, cause?: unknown): HandoffError {
  const details = { serving: 'old' } as const
  return new HandoffError(
    code,
    `cannot restart: ${reason}`,
    cause === undefined ? details : { ...details, cause },
  )
}
