// TLS connections that change process: how long one takes, how fast it is afterwards, and what it holds.
//
// What it costs while nothing is handed over is in `steady`.

import { describeMean } from '../core/statistics.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'
import { compileAskSecurely } from '../load/ask-securely.ts'
import { measureHandOver } from './tls/hand-over.ts'
import { measureMoved } from './tls/moved-connections.ts'

const columns = [
  column('each', 'a connection takes', 'µs', 0, 'mean'),
  column('perSecond', 'requests/s', '', 0),
  column('cpuMicros', 'processor time', 'µs'),
  column('perSecondRatio', 'requests/s, ratio', '', 3, 'mean'),
  column('cpuRatio', 'processor time, ratio', '', 3, 'mean'),
  column('memory', 'memory of one', 'kB', 1, 'mean'),
  column('alive', 'alive', '', 0),
]

export const tls = defineSuite<'rounds' | 'connections'>({
  name: 'tls',
  title: 'TLS connections change process',
  about:
    'How long an idle TLS connection takes from the commit to the last ack, beside one in clear text, and what each holds of the memory. ' +
    'Requests a second and processor time for a request over TLS connections that were moved, to those of others in the same process ' +
    '(the aim is 0.8 or more).',
  options: {
    rounds: { about: 'new processes, for each figure', quick: 1, full: 9 },
    connections: { about: 'idle connections', quick: 1_000, full: 2_000 },
  },
  columns,
  async *run({ options, resources, progress }) {
    const open = compileAskSecurely(resources)
    const { rounds, connections: count } = options
    progress.begin('tls', 4 * rounds)
    for (let run = 1; run <= rounds; run++) {
      const step = (text: string) => progress.step(`${text}, ${run} of ${rounds}`)
      for (const isSecure of [false, true]) {
        step(`${count} idle connections, ${isSecure ? 'TLS' : 'clear text'}`)
        yield* await measureHandOver({ count, isSecure, run, resources })
      }
      step('moved connections, TLS 1.3')
      yield* await measureMoved({ run, resources, open })
      step('moved connections, TLS 1.2')
      yield* await measureMoved({ run, resources, open, version: '1.2' })
    }
  },
  notes: (samples) =>
    ['each', 'memory', 'perSecondRatio', 'cpuRatio'].flatMap((key) => notesOf(key, samples)),
  check: (samples) =>
    samples
      .filter(({ figures }) => figures.alive !== undefined && figures.alive !== figures.opened)
      .map(({ figures }) => `only ${figures.alive} of ${figures.opened} connections were alive`),
})

/** The ranges in the table are those of single runs. */
function notesOf(key: string, samples: readonly Sample[]): string[] {
  const values = new Map<string, number[]>()
  for (const { case: name, subject, figures } of samples) {
    const value = figures[key]
    if (value === undefined) continue
    const row = `${name}, ${subject}`
    values.set(row, [...(values.get(row) ?? []), value])
  }
  const { label = '', digits = 0 } = columns.find((one) => one.key === key) ?? {}
  return [...values].map(([row, all]) => `${row}: ${label} ${describeMean(all, digits)}`)
}
