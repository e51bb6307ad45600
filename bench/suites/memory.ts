// Whether the supervisor's memory grows with each handoff: its heap, many reloads apart.

import { fileURLToPath } from 'node:url'
import { Output } from '../../test/support/output.ts'
import { HeapInspector, type HeapRow } from '../core/heap-inspector.ts'
import { column, defineSuite } from '../core/suite.ts'
import { startHandoff } from '../peers/handoff.ts'

const entry = fileURLToPath(new URL('../../test/fixtures/http-server.mjs', import.meta.url))

export const memory = defineSuite<'reloads' | 'warm' | 'parts'>({
  name: 'memory',
  isExtra: true,
  title: 'The memory of the supervisor',
  about:
    'The heap of the supervisor after a full collection, many reloads apart, and the kinds of objects that grew most. Its inspector must ' +
    'be able to listen on port 9229.',
  options: {
    reloads: { about: 'reloads in all', quick: 20, full: 1_000 },
    warm: { about: 'reloads before the first heap snapshot', quick: 10, full: 100 },
    parts: { about: 'looks at the heap after it', quick: 1, full: 5 },
  },
  columns: [
    column('reloads', 'reloads', '', 0),
    column('heap', 'heap', 'bytes', 0),
    column('resident', 'resident', 'kB', 0),
    column('each', 'more for each reload', 'bytes', 0),
  ],
  async *run({ options, resources, progress }) {
    const { reloads, warm, parts } = options
    progress.begin('memory', parts + 1)
    const output = new Output()
    const flags = ['--probation', '50ms']
    const server = await startHandoff(resources, [entry], { flags, output })
    const reload = async (count: number) => {
      for (let done = 0; done < count; done++) {
        await server.reload('--wait', 'exit')
        // The lines that the run prints are kept by this process, not by the supervisor.
        output.lines.length = 0
      }
    }
    try {
      progress.step(`${warm} reloads`)
      await reload(warm)
      const inspector = await HeapInspector.open(server.pid)
      const first = await inspector.snapshot()
      const before = await inspector.usage()
      for (let part = 0; part <= parts; part++) {
        const done = warm + Math.round(((reloads - warm) * part) / parts)
        if (part > 0) {
          progress.step(`up to ${done} reloads`)
          await reload(done - warm - Math.round(((reloads - warm) * (part - 1)) / parts))
        }
        const { usedBytes, residentKb } = part === 0 ? before : await inspector.usage()
        const each = part === 0 ? {} : { each: (usedBytes - before.usedBytes) / (done - warm) }
        const figures = { reloads: done, heap: usedBytes, resident: residentKb, ...each }
        yield { case: `after ${done} reloads`, subject: 'supervisor', run: 1, figures }
      }
      const last = await inspector.snapshot()
      progress.line('what grew most:')
      for (const row of grown(first, last).slice(0, 25)) progress.line(row)
      inspector.close()
    } finally {
      await server.stop()
    }
  },
})

function grown(first: readonly HeapRow[], last: readonly HeapRow[]): string[] {
  const before = new Map(first.map((row) => [row.name, row]))
  return last
    .map(({ name, count, bytes }) => {
      const old = before.get(name)
      return { name, count: count - (old?.count ?? 0), bytes: bytes - (old?.bytes ?? 0) }
    })
    .filter(({ bytes }) => bytes > 0)
    .sort((one, other) => other.bytes - one.bytes)
    .map(({ name, count, bytes }) => `  ${bytes} bytes, ${count} more of ${name}`)
}
