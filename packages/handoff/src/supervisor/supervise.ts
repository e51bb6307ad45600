// Runs a supervisor, from its lock to its exit code.

import { isatty } from 'node:tty'
import { removeStaleSocket } from '../io/listeners/bind-request.ts'
import { takeInherited } from '../io/listeners/inherited-variables.ts'
import { removeKept } from '../io/listeners/kept-paths.ts'
import { closeOnExecAboveStdio } from '../io/native/descriptors.ts'
import { type RunDirectory, removeRunDirectory } from '../io/rendezvous/run-directory.ts'
import { Control } from './control/control.ts'
import { prepareUpgrade, type Release } from './control/upgrade.ts'
import { Fleet } from './fleet/fleet.ts'
import { Service } from './fleet/service.ts'
import { handleOperatorSignals } from './operator-signals.ts'
import { CodeCache } from './place/code-cache.ts'
import { openPlace, resumePlace } from './place/open-place.ts'
import { removeCache } from './place/remove-cache.ts'
import { RunFiles } from './place/run-files.ts'
import { findEntry } from './program/entry.ts'
import { compileCache, type Timeouts } from './program/environment.ts'
import type { Program } from './program/program.ts'
import { release } from './program/release.ts'
import { snapshotVersion, takeSnapshot } from './registry/snapshot.ts'
import * as say from './text/announcements.ts'
import { watchProgram } from './watch/watch-program.ts'

export interface SuperviseOptions {
  readonly name: string
  readonly program: Program
  readonly timeouts: Timeouts
  /** How many workers to start. */
  readonly workers: number
  /** Whether a reload replaces all workers but the first one in parallel. */
  readonly parallel: boolean
  /** Whether to reload when the sources change. */
  readonly watch: boolean
  /** How long after a start the next process of the first worker is started ahead, in milliseconds; undefined: not at all. */
  readonly aheadMs: number | undefined
  /** Patterns of files that are not watched. */
  readonly watchIgnore: readonly string[]
  /** How many generations of one worker may run at once. */
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
export async function supervise(options: SuperviseOptions): Promise<number> {
  const { name, program, watch } = options
  const resumed = takeSnapshot(process.env)
  if (resumed !== undefined) makeDescriptorsPrivate(options.announce)
  // The entry of a resumed run may be missing: the next reload reports that.
  if (resumed === undefined) findEntry(program.entry, program.workingDirectory)
  const { directory, lock } = resumed ? resumePlace(name, resumed.lock) : openPlace(name)
  let answerStops = () => {}
  // Runs from the last one to the first: a client of `stop` may run the same name again immediately.
  const undo: (() => unknown)[] = [
    () => answerStops(),
    () => removeRunDirectory(directory),
    () => lock.release(),
  ]
  try {
    undo.push(() => removeLeftFiles(directory))
    // Left by a run of which all processes were killed.
    if (resumed === undefined) removeKept(directory.path, removeStaleSocket)
    const service = new Service(process.env)
    undo.push(() => service.close())
    const announce = (line: say.Announcement) => {
      options.announce(line)
      if (!line.passing) service.status(line.text)
    }
    const inherited = resumed?.inherited ?? takeInherited(process.env, process.pid)
    const { timeouts, terminal } = stopOptions(options)
    const files = new RunFiles({ name, directory, lock, announce })
    const all = {
      ...options,
      timeouts,
      terminal,
      announce,
      service,
      directory,
      files,
      patient: watch,
      endsOldest: watch,
      inherited,
    }
    const fleet = new Fleet({ ...all, resumed })
    const ignoreSignals = handleOperatorSignals({
      reload: (why) => fleet.reloadSoon(why),
      stop: () => fleet.stop(),
      kill: (code) => fleet.kill(code),
    })
    undo.push(ignoreSignals, () => fleet.close())
    const codeCache = new CodeCache(directory)
    undo.push(() => codeCache.close())
    fleet.events.on('event', (_, __, { type }) => {
      if (type === 'serving') codeCache.onServing(fleet.program)
    })
    const upgrade = async (to: Release) => {
      const prepared = await prepareUpgrade(to, {
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
      await codeCache.stop()
      return prepared
    }
    const control = await Control.open({ fleet, upgrade }, directory.control, resumed?.control)
    files.addControl(control)
    undo.push(() => {
      answerStops = control.close()
    })

    if (resumed === undefined) fleet.start()
    else codeCache.onServing(fleet.program)
    if (resumed !== undefined) announce(say.upgraded(resumed.release, release))
    if (watch) {
      // The server starts meanwhile, and serves without a watcher, too.
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

/** How long a stop waits with `--watch`, in milliseconds: a developer sits before it. */
const watchPatienceMs = 2_000

/** With `--watch` and without `--drain-timeout` a stop is short. */
function stopOptions({ timeouts, watch }: SuperviseOptions) {
  const isShort = watch && timeouts.drainTimeoutMs === undefined
  return {
    timeouts: { ...timeouts, ...(isShort && { stopPatienceMs: watchPatienceMs }) },
    terminal: isatty(0) || isatty(2),
  }
}

/**
 * Makes the descriptors close-on-exec that the release before has kept open for this program. Node does so
 * only up to the first free number above 15 (uv_disable_stdio_inheritance). A generation that inherits the
 * lock would hold it after the death of the supervisor.
 */
function makeDescriptorsPrivate(announce: (line: say.Announcement) => void): void {
  try {
    closeOnExecAboveStdio()
  } catch (error) {
    announce(say.trouble(error))
  }
}

/** Removes files that processes leave if they are killed. */
function removeLeftFiles(directory: RunDirectory): void {
  removeCache(compileCache(directory))
  // Under the lock no other process is about to serve there.
  removeStaleSocket(directory.rendezvous)
  removeKept(directory.path, removeStaleSocket)
}
