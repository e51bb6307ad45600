// The command line of the program that all peers in Node.js run.

import { fileURLToPath } from 'node:url'

export const appFile = fileURLToPath(new URL('server.mjs', import.meta.url))

/** Without a signal handler: what it does at SIGTERM does not matter. */
export function appCommand(mode?: 'plugin' | 'stops'): string[] {
  return mode === undefined ? [appFile] : [appFile, mode]
}
