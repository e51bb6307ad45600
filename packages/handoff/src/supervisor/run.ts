// The life of a supervisor: one for each name, from its lock to its last word.

import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { takeInherited } from '../io/activation.ts'
import { removeStale } from '../io/listeners.ts'
import { openRunDirectory, type RunDirectory } from '../io/run-directory.ts'
import * as say from './announce.ts'
import { Control } from './control.ts'
import { findEntry, packageDirectory } from './entry.ts'
import { compileCache, type Timeouts } from './environment.ts'
import { Fleet } from './fleet.ts'
import { lockSupervisor } from './lock.ts'
import type { Program } from './program.ts'
import { Service } from './service.ts'
import { listenToSignals } from './signals.ts'
import { watchSources } from './watch.ts'

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
  announce(line: say.Line): void
}

/**
 * Supervises one server until it is stopped or ends.
 *
 * @returns the exit code.
 * @throws {@link HandoffError} ERR_HANDOFF_ALREADY_RUNNING; ERR_HANDOFF_ENTRY;
 * ERR_HANDOFF_DIRECTORY_UNSAFE; ERR_HANDOFF_PATH_TOO_LONG.
 */
export async function run(options: RunOptions): Promise<number> {
  const { name, program, watch } = options
  const { path: entry } = findEntry(program.entry, program.workingDirectory)
  const directory = openRunDirectory(name)
  const lock = lockSupervisor(name, directory.lock)
  let tellWaiting = () => {}
  // The last one comes first. Whoever waited for the end may run the same name again at once.
  const undo: (() => unknown)[] = [() => tellWaiting(), () => lock.release()]
  try {
    undo.push(() => removeLeft(directory))
    const service = new Service(process.env)
    undo.push(() => service.close())
    const announce = (line: say.Line) => {
      options.announce(line)
      if (!line.passing) service.status(line.text)
    }
    const fleet = new Fleet({
      ...options,
      announce,
      service,
      directory,
      patient: watch,
      inherited: takeInherited(process.env, process.pid),
    })
    const ignoreSignals = listenToSignals({
      reload: (why) => fleet.reloadSoon(why),
      stop: () => fleet.stop(),
      kill: (code) => fleet.kill(code),
    })
    undo.push(ignoreSignals, () => fleet.close())
    const control = await Control.open(fleet, directory.control)
    undo.push(() => {
      tellWaiting = control.close()
    })

    fleet.start()
    if (watch) {
      // The server is on its way, and serves without it all the same.
      const watcher = await watchEntry(entry, fleet, announce).catch((error: unknown) =>
        announce(say.trouble(error)),
      )
      if (watcher !== undefined) undo.push(() => watcher.close())
    }
    return await fleet.ended
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

/** What only an end in order removes: a server that was killed could not. */
function removeLeft(directory: RunDirectory): void {
  rmSync(compileCache(directory), { recursive: true, force: true })
  // Under our lock nobody is about to serve there.
  removeStale(directory.rendezvous)
}

async function watchEntry(entry: string, fleet: Fleet, announce: (line: say.Line) => void) {
  const directory = packageDirectory(dirname(entry)) ?? dirname(entry)
  const watcher = await watchSources({
    directory,
    entry,
    onChange: (path) => fleet.reloadSoon(`${path} changed`),
    onError: (error) => announce(say.trouble(error)),
  })
  announce(say.watches(directory))
  return watcher
}
