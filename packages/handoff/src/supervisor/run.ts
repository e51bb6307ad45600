// The life of a supervisor: one for each name, from its lock to its last word.

import { rmSync } from 'node:fs'
import { isatty } from 'node:tty'
import { removeStaleSocket } from '../io/listeners/bind-request.ts'
import { takeInherited } from '../io/listeners/inherited-variables.ts'
import { removeKept } from '../io/listeners/kept-paths.ts'
import { closeOnExecAboveStdio } from '../io/native/descriptors.ts'
import { openRunDirectory, type RunDirectory } from '../io/rendezvous/run-directory.ts'
import { Control } from './control/control.ts'
import { prepareUpgrade, type Release } from './control/upgrade.ts'
import { Fleet } from './fleet/fleet.ts'
import { Service } from './fleet/service.ts'
import { lockSupervisor, resumeLock } from './place/lock.ts'
import { Premises } from './place/premises.ts'
import { findEntry } from './program/entry.ts'
import { compileCache, type Timeouts } from './program/environment.ts'
import type { Program } from './program/program.ts'
import { release } from './program/release.ts'
import { snapshotVersion, takeSnapshot } from './registry/snapshot.ts'
import { listenToSignals } from './signals.ts'
import * as say from './text/announce.ts'
import { watchProgram } from './watch/watch-program.ts'

export interface RunOptions {
  readonly name: string
  readonly program: Program
  readonly timeouts: Timeouts
  /** How many workers there are to be at first. */
  readonly workers: number
  /** Whether a reload replaces all workers but the first one at once. */
  readonly parallel: boolean
  /** Whether to reload when the sources change. */
  readonly watch: boolean
  /** Patterns of files that are not watched. */
  readonly watchIgnore: readonly string[]
  /** How many generations of one worker there may be at once. */
  readonly maxGenerations: number
  announce(line: say.Announcement): void
}

/**
 * Supervises one server until it is stopped or ends.
 *
 * @returns the exit code.
 * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING; ERR_HANDOFF_ENTRY;
 * ERR_HANDOFF_DIRECTORY_UNSAFE; ERR_HANDOFF_DIRECTORY_UNUSABLE; ERR_HANDOFF_PATH_TOO_LONG.
 */
export async function run(options: RunOptions): Promise<number> {
  const { name, program, watch } = options
  const resumed = takeSnapshot(process.env)
  if (resumed !== undefined) keepDescriptorsToOurselves(options.announce)
  // What was started once may be gone; the next reload says so.
  if (resumed === undefined) findEntry(program.entry, program.workingDirectory)
  const directory = openRunDirectory(name)
  const lock = resumed
    ? resumeLock(name, directory.lock, resumed.lock)
    : lockSupervisor(name, directory.lock)
  let tellWaiting = () => {}
  // The last one comes first. Whoever waited for the end may run the same name again at once.
  const undo: (() => unknown)[] = [() => tellWaiting(), () => lock.release()]
  try {
    undo.push(() => removeLeft(directory))
    // What a run left that was killed as a whole.
    if (resumed === undefined) removeKept(directory.path, removeStaleSocket)
    const service = new Service(process.env)
    undo.push(() => service.close())
    const announce = (line: say.Announcement) => {
      options.announce(line)
      if (!line.passing) service.status(line.text)
    }
    const inherited = resumed?.inherited ?? takeInherited(process.env, process.pid)
    const { timeouts, terminal } = stopOptions(options)
    const premises = new Premises({ name, directory, lock, announce })
    const all = {
      ...options,
      timeouts,
      terminal,
      announce,
      service,
      directory,
      premises,
      patient: watch,
      endsOldest: watch,
      inherited,
    }
    const fleet = new Fleet({ ...all, resumed })
    const ignoreSignals = listenToSignals({
      reload: (why) => fleet.reloadSoon(why),
      stop: () => fleet.stop(),
      kill: (code) => fleet.kill(code),
    })
    undo.push(ignoreSignals, () => fleet.close())
    const upgrade = (to: Release) =>
      prepareUpgrade(to, {
        name,
        snapshot: () => ({
          version: snapshotVersion,
          release,
          ...fleet.snapshot(),
          lock: lock.fd,
          control: control.fd,
          inherited,
        }),
      })
    const control = await Control.open({ fleet, upgrade }, directory.control, resumed?.control)
    premises.opens(control)
    undo.push(() => {
      tellWaiting = control.close()
    })

    if (resumed === undefined) fleet.start()
    else announce(say.upgraded(resumed.release, release))
    if (watch) {
      // The server is on its way, and serves without it all the same.
      const { inForce = program } = resumed?.workers[0] ?? {}
      const watcher = await watchProgram(inForce, options.watchIgnore, fleet, announce).catch(
        (error: unknown) => announce(say.trouble(error)),
      )
      if (watcher !== undefined) undo.push(() => watcher.close())
    }
    return await fleet.ended
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

/** How long `--watch` waits at a stop, in milliseconds: somebody sits before it. */
const watchPatienceMs = 2_000

/** How a stop goes: with `--watch`, and no other word of the operator, it is short. */
function stopOptions({ timeouts, watch }: RunOptions) {
  const isShort = watch && timeouts.drainTimeoutMs === undefined
  return {
    timeouts: { ...timeouts, ...(isShort && { stopPatienceMs: watchPatienceMs }) },
    terminal: isatty(0) || isatty(2),
  }
}

/**
 * The release before has kept its descriptors open for this program. Node makes them close-on-exec
 * only up to the first number above 15 that is free (uv_disable_stdio_inheritance); what a generation
 * inherits, it would keep when this process dies: the lock among others.
 */
function keepDescriptorsToOurselves(announce: (line: say.Announcement) => void): void {
  try {
    closeOnExecAboveStdio()
  } catch (error) {
    announce(say.trouble(error))
  }
}

/** What only an end in order removes: a server that was killed could not. */
function removeLeft(directory: RunDirectory): void {
  rmSync(compileCache(directory), { recursive: true, force: true })
  // Under our lock nobody is about to serve there.
  removeStaleSocket(directory.rendezvous)
  removeKept(directory.path, removeStaleSocket)
}
