// Other ways to pass as many connections: the floor for the suite `connections`.

import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Resources } from '../core/resources.ts'
import { column, defineSuite } from '../core/suite.ts'
import { compile } from '../load/ask.ts'

const programs = new URL('../programs/', import.meta.url)

export const passing = defineSuite<'connections' | 'rounds'>({
  name: 'passing',
  isExtra: true,
  title: 'Passing descriptors, without a handoff',
  about:
    'A C program that only passes as many descriptors, acked, and `child.send(message, socket)` of Node.js.',
  options: {
    connections: { about: 'connections', quick: 10_000, full: 10_000 },
    rounds: { about: 'times', quick: 1, full: 3 },
  },
  columns: [column('ms', 'time', 'ms', 0)],
  async *run({ options, resources, progress }) {
    progress.begin('passing', 2 * options.rounds)
    const program = compile('pass-descriptors.c', resources, programs.href)
    const name = `${options.connections.toLocaleString('en')} connections`
    for (let run = 1; run <= options.rounds; run++) {
      progress.step('a C program')
      const inC = Number(execFileSync(program, [`${options.connections}`], { encoding: 'utf8' }))
      yield { case: name, subject: 'a C program', run, figures: { ms: inC } }
      progress.step('child.send')
      const ms = await byChildSend(options.connections, resources)
      yield { case: name, subject: 'child.send(message, socket)', run, figures: { ms } }
    }
  },
})

async function byChildSend(count: number, resources: Resources): Promise<number> {
  const program = fileURLToPath(new URL('child-send.mjs', programs))
  const parent = resources.spawn(process.execPath, [program, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (parent.stdout === null) throw new Error('cannot read the output of child-send.mjs')
  const lines = createInterface({ input: parent.stdout })[Symbol.asyncIterator]()
  const next = async () => Number((await lines.next()).value)
  const port = await next()
  const sockets: net.Socket[] = []
  for (let begun = 0; begun < count; begun += 200) {
    const batch = Array.from({ length: Math.min(200, count - begun) }, () => net.connect(port))
    await Promise.all(batch.map((socket) => once(socket, 'connect')))
    for (const socket of batch) socket.on('error', () => {}) // Reset when both processes end.
    sockets.push(...batch)
  }
  const ms = await next()
  for (const socket of sockets) socket.destroy()
  return ms
}
