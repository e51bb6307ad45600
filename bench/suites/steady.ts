// What the plugin costs while nothing is handed over: requests a second and processor time, with it over without.
//
// Two processes of the very same program differ as long as they live: by where the kernel put their memory, and by
// what the compiler made of their code. And this machine is not the same from one second to the next. So several
// processes live at the same time on one core, and are asked in turn for a few milliseconds each. A ratio is that of
// two slices that follow each other, and their median is the figure of these processes. Then others are started.

import type { Resources } from '../core/resources.ts'
import { geometricMean, mean, meanInterval, median } from '../core/statistics.ts'
import { column, defineSuite, type Sample } from '../core/suite.ts'
import { compileSlices, type Slice, type SlicesOptions } from '../load/slices.ts'
import { type HelloServer, startBare, startWithPlugin } from '../peers/hello.ts'

type Open = ReturnType<typeof compileSlices>
type Kind = Pick<SlicesOptions, 'kind' | 'isSecure'>

const WARM_UP_MS = 100
const WARM_UP_ROUNDS = 10
/** A slice has a few hundred requests. A TLS handshake takes as long as some fifty requests. */
const HANDSHAKES = { connections: 8, sliceMs: 100, share: 0.25 }
const REQUESTS = { connections: 32, sliceMs: 20, share: 1 }

const [without, again, having, uncounted, counting] = [
  'without',
  'without, again',
  'with the plugin',
  'with the plugin, --tls close',
  'counting of records',
] as const

export const steady = defineSuite<'rounds' | 'slices'>({
  name: 'steady',
  title: 'The cost of the plugin in steady state',
  about:
    'Fastify alone under `node`, twice, and with fastify-socket-handoff under `handoff run`, 32 connections at a time. All processes share a ' +
    `core, and are asked in turn for ${REQUESTS.sliceMs} ms each (new TLS connections: ${HANDSHAKES.sliceMs}, and 8 at a time). The aims are 0.99 or more of the requests a second and 1.01 or less of the processor ` +
    `time for a request. \`${again}\` shows how much two equal processes differ.`,
  options: {
    rounds: { about: 'new processes, for each kind of connections', quick: 2, full: 20 },
    slices: { about: 'slices of each process', quick: 50, full: 100 },
  },
  columns: [
    column('perSecond', 'requests/s', '', 0),
    column('cpuMicros', 'processor time', 'µs'),
    column('perSecondRatio', 'requests/s, ratio', '', 3, 'mean'),
    column('cpuRatio', 'processor time, ratio', '', 3, 'mean'),
  ],
  async *run({ options, resources, progress }) {
    const open = compileSlices(resources)
    const { rounds, slices } = options
    progress.begin('steady', 4 * rounds)
    for (let run = 1; run <= rounds; run++)
      for (const isSecure of [false, true])
        for (const kind of ['kept', 'new'] as const) {
          progress.step(`${nameOf({ kind, isSecure })}, ${run} of ${rounds}`)
          yield* await measure({ kind, isSecure }, { run, slices, resources, open })
        }
  },
  notes: (samples) =>
    [...new Set(samples.map(({ case: name = '' }) => name))].flatMap((name) =>
      [again, having, uncounted, counting].flatMap((subject) => {
        const own = samples.filter((one) => one.case === name && one.subject === subject)
        return own.length === 0 ? [] : [noteOf(`${name}, ${subject}`, own)]
      }),
    ),
})

/** The ranges in the table are those of single rounds. */
function noteOf(name: string, samples: readonly Sample[]): string {
  const of = (key: string) => {
    const values = samples.map(({ figures }) => figures[key] ?? Number.NaN)
    const [low, high] = meanInterval(values).map((value) => value.toFixed(3))
    return `${mean(values).toFixed(3)} (${low} to ${high})`
  }
  const ratios = `requests/s ${of('perSecondRatio')}, processor time ${of('cpuRatio')}`
  return `${name}: ${ratios}; 95 % intervals of ${samples.length} rounds`
}

function nameOf({ kind, isSecure }: Kind): string {
  return `${kind} connections${isSecure ? ', TLS' : ''}`
}

async function measure(
  kind: Kind,
  {
    run,
    slices,
    resources,
    open,
  }: { run: number; slices: number; resources: Resources; open: Open },
): Promise<Sample[]> {
  const subjects = [without, again, having, ...(kind.isSecure ? [uncounted] : [])] as const
  const servers = new Map<string, HelloServer>()
  try {
    // None is always the oldest.
    for (const [index] of subjects.entries()) {
      const subject = subjects[(index + run) % subjects.length] as (typeof subjects)[number]
      servers.set(subject, await start(subject, resources, kind.isSecure))
    }
    const isHandshake = kind.isSecure && kind.kind === 'new'
    const { connections, sliceMs, share } = isHandshake ? HANDSHAKES : REQUESTS
    const client = await open([...servers.values()], { ...kind, connections })
    await client.ask(WARM_UP_ROUNDS, WARM_UP_MS)
    const rounds = await client.ask(Math.ceil(slices * share), sliceMs)
    await client.close()
    const names = [...servers.keys()]
    return samplesOf(
      new Map(names.map((name, index) => [name, rounds.map((round) => round[index] as Slice)])),
    ).map((sample) => ({ ...sample, case: nameOf(kind), run }))
  } finally {
    for (const server of servers.values()) await server.stop()
  }
}

function start(subject: string, resources: Resources, isSecure: boolean): Promise<HelloServer> {
  if (subject === without || subject === again) return startBare(resources, isSecure)
  const flags = subject === uncounted ? ['--tls', 'close'] : []
  return startWithPlugin(resources, isSecure, flags)
}

function samplesOf(slices: ReadonlyMap<string, readonly Slice[]>): Omit<Sample, 'run'>[] {
  const valuesOf = (subject: string, key: keyof Slice) =>
    slices.get(subject)?.map((slice) => slice[key]) ?? []
  const ratio = (subject: string, bases: readonly string[], key: keyof Slice) => {
    const all = bases.map((base) => valuesOf(base, key))
    const ratios = valuesOf(subject, key).map(
      (value, round) => value / geometricMean(all.map((values) => values[round] ?? Number.NaN)),
    )
    // On a busy machine a process may have had no time in its slice.
    return median(ratios.filter((value) => Number.isFinite(value) && value > 0))
  }
  const ratios = (subject: string, bases: readonly string[]) => ({
    perSecondRatio: ratio(subject, bases, 'perSecond'),
    cpuRatio: ratio(subject, bases, 'cpuMicros'),
  })
  const samples = [...slices.keys()].sort().map((subject) => ({
    subject,
    figures: {
      perSecond: median(valuesOf(subject, 'perSecond')),
      cpuMicros: median(valuesOf(subject, 'cpuMicros')),
      ...(subject === again && ratios(again, [without])),
      ...(![without, again].includes(subject as never) && ratios(subject, [without, again])),
    },
  }))
  if (!slices.has(uncounted)) return samples
  return [...samples, { subject: counting, figures: ratios(having, [uncounted]) }]
}
