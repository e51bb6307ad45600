// Sends the descriptor of a file to whoever started it, over descriptor 3 or the one it is told.

import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Channel } from 'socket-handoff/channel'

const directory = mkdtempSync(join(tmpdir(), 'handoff-child-'))
const file = openSync(join(directory, 'hello'), 'w+')
rmSync(directory, { recursive: true })
// Node has no seek: a write at a given place leaves the position of the file at 0.
writeSync(file, 'Hello from child process!\n', 0)

const inherited = Number(process.argv[2] ?? 3)
await Channel.from(inherited).send(Buffer.from('x'), [file])
