// Which flags of Node.js in `process.execArgv` load our preloads.

import { realpathSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

/** Where our own modules are. */
const packageRoot = new URL('..', import.meta.url).href

/** @param preload - the value of an `--import`: a name, an URL or a path. */
export function isOurs(preload: string): boolean {
  if (preload === 'socket-handoff/register') return true
  if (!/^\.{0,2}\//.test(preload)) return preload.startsWith(packageRoot)
  try {
    return pathToFileURL(realpathSync(preload)).href.startsWith(packageRoot)
  } catch {
    return false
  }
}
