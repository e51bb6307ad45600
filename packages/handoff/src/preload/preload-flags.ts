// Finds the flags in `process.execArgv` that load our preloads.

import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { moduleFolder } from '../io/native/package-folder.ts'

/** @param preload - the value of `--import`: a name, a URL or a path. */
export function isOurs(preload: string): boolean {
  if (preload === 'socket-handoff/register') return true
  if (!/^\.{0,2}\//.test(preload)) return preload.startsWith(moduleFolder)
  try {
    return pathToFileURL(realpathSync(preload)).href.startsWith(moduleFolder)
  } catch {
    return false
  }
}
