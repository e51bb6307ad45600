// Watches the sources, and reports each burst of changes once.

import { runsDirectory } from '../../io/rendezvous/run-directory.ts'
import { Bursts } from './bursts.ts'
import { isIgnored, isSource } from './sources.ts'

export interface WatchOptions {
  /** Watched with everything below it. */
  readonly directory: string
  /** The file that is run: watched even where git ignores it. */
  readonly entry: string
  /** Files that are watched wherever they are, such as those of `--env-file`. */
  readonly files: readonly string[]
  /** Patterns of files that are not watched. */
  readonly ignore: readonly string[]
  /** Called once for each burst, with the absolute path of one of the files. */
  onChange(path: string): void
  onError(error: unknown): void
}

/** Resolves when changes are reported from now on. */
export async function watchSources(options: WatchOptions): Promise<{ close(): Promise<void> }> {
  const { directory, entry, files, ignore, onChange, onError } = options
  const ignored = isIgnored(directory, entry, runsDirectory(), ignore)
  const bursts = new Bursts(onChange)
  const isNoSource = (path: string) => path !== entry && !isSource(path)
  // Only a run that watches needs it.
  const { watch } = await import('chokidar')
  const watcher = watch([directory, ...files], {
    ignoreInitial: true,
    ignored: (path, stats) => {
      if (files.includes(path)) return false
      return ignored(path) || (stats !== undefined && !stats.isDirectory() && isNoSource(path))
    },
  })
  watcher.on('error', onError)
  watcher.on('all', (kind, path) => {
    if (kind !== 'addDir' && kind !== 'unlinkDir') bursts.add(path)
  })
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return {
    async close() {
      bursts.close()
      await watcher.close()
    },
  }
}
