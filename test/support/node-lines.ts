// Other lines of Node.js, where `node scripts/node-lines.mjs` has installed them.

import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const cache = process.env.HANDOFF_NODE_LINES ?? join(tmpdir(), 'socket-handoff-node-lines')

/** The executable of a line: this one's own, or that of npm's package; undefined if not there. */
export function nodeOfLine(line: string): string | undefined {
  if (process.versions.node.startsWith(`${line}.`)) return process.execPath
  const name = `node-${process.platform}-${process.arch}`
  const path = join(cache, line, 'node_modules', name, 'bin/node')
  return existsSync(path) ? path : undefined
}
