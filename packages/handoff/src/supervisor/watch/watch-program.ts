// Reloads when the sources of a program change, unless the program itself changes them at each start.

import { statSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import type { HandoffEvent } from '../../terms/events.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { findEntry, packageDirectory } from '../program/entry.ts'
import { environmentFiles, programFlags } from '../program/own-flags.ts'
import type { Program } from '../program/program.ts'
import * as say from '../text/announcements.ts'
import { isWithin, ReloadLoops, type Start } from './reload-loops.ts'
import { watchSources } from './watch.ts'

/**
 * Watches the package of the entry, and the files of `--env-file` wherever they are.
 *
 * @param ignore - patterns of files that are not watched.
 */
export async function watchProgram(
  program: Program,
  ignore: readonly string[],
  fleet: Fleet,
  announce: (line: say.Announcement) => void,
): Promise<{ close(): Promise<void> }> {
  const { workingDirectory } = program
  const { path: entry, home } = findEntry(program.entry, workingDirectory)
  const directory = packageDirectory(home) ?? home
  const loops = new ReloadLoops()
  const starts = new Starts(fleet)
  const own = programFlags({ execArgv: process.execArgv, env: process.env })
  const files = environmentFiles([...own.flags, ...(program.flags ?? [])])
  const watcher = await watchSources({
    directory,
    entry,
    files: files.map((file) => resolve(workingDirectory, file)),
    ignore,
    onChange: (path) => {
      const name = relative(directory, path)
      if (loops.ignores(path)) return
      const at = changedAt(path)
      if (loops.onChange(path, at, starts.around(at))) announce(say.changesAtEachStart(name))
      else fleet.reloadSoon(`${name} changed`)
    },
    onError: (error) => announce(say.trouble(error)),
  })
  announce(say.watches(directory))
  return {
    close: () => {
      starts.close()
      return watcher.close()
    },
  }
}

/** Records when processes began to serve. */
class Starts {
  readonly #fleet: Fleet
  readonly #servedAt = new Map<number, number>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
    fleet.events.on('event', this.#onEvent).on('exit', this.#onExit)
  }

  close(): void {
    this.#fleet.events.off('event', this.#onEvent).off('exit', this.#onExit)
  }

  readonly #onEvent = (_: number, pid: number, event: HandoffEvent): void => {
    if (event.type === 'serving') this.#servedAt.set(pid, Date.now())
  }

  readonly #onExit = (_: number, pid: number): void => {
    this.#servedAt.delete(pid)
  }

  /**
   * Returns the newest process that was starting at that time; if there is none, the newest of all. The next
   * process may have started since a process wrote the file.
   */
  around(at: number | undefined): Start | undefined {
    const { processes } = this.#fleet.status()
    const starts = processes
      .sort((a, b) => a.uptimeMs - b.uptimeMs)
      .map(({ pid, uptimeMs }) => {
        return { pid, startedAt: Date.now() - uptimeMs, servedAt: this.#servedAt.get(pid) }
      })
    return starts.find((start) => isWithin(at, start)) ?? starts[0]
  }
}

/** In milliseconds since 1970; undefined if the file does not exist. */
function changedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs
}
