// What the plugin costs while nothing is handed over: requests a second with and without it.
//
// Both servers live through the whole run and are measured in turn, so that whatever the machine
// does meanwhile meets both alike.

import { cpuTimeMs, machine, median } from './machine.ts'
import { type Connections, requestsPerSecond } from './requests-per-second.ts'
import { type Server, startBare, startWithPlugin } from './servers.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 15)
const ROUND_MS = 2_000
const CONNECTIONS = 32

interface Figure {
  perSecond: number
  /** Processor time of the server for one request: steadier than a rate on a busy machine. */
  cpuMicros: number
}

console.log(machine())
console.log(`${ROUNDS} rounds of ${ROUND_MS} ms each, ${CONNECTIONS} connections at a time`)

const bare = await startBare()
const withPlugin = await startWithPlugin()
for (const kind of ['kept', 'new'] as const) {
  await measure(bare, kind)
  await measure(withPlugin, kind) // Cold code is not what is measured.
  await compare(kind)
}
await bare.stop()
await withPlugin.stop()

async function compare(kind: Connections): Promise<void> {
  console.log(
    `\n${kind} connections      without           with     ratio (requests/s, CPU µs each)`,
  )
  const without: Figure[] = []
  const having: Figure[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    // Who goes first changes too.
    if (round % 2 === 0) having.push(await measure(withPlugin, kind))
    without.push(await measure(bare, kind))
    if (round % 2 === 1) having.push(await measure(withPlugin, kind))
    print(`round ${round}`, without.at(-1), having.at(-1))
  }
  print('median', middle(without), middle(having))
  const ratios = having.map(({ perSecond }, i) => perSecond / (without[i]?.perSecond ?? Number.NaN))
  console.log(`median of the ratios: ${median(ratios).toFixed(3)} (the aim is 0.98 or more)`)
}

async function measure({ pid, port }: Server, kind: Connections): Promise<Figure> {
  const before = cpuTimeMs(pid)
  const perSecond = await requestsPerSecond(port, kind, CONNECTIONS, ROUND_MS)
  const requests = perSecond * ((ROUND_MS * 1.1) / 1000)
  return { perSecond, cpuMicros: ((cpuTimeMs(pid) - before) / requests) * 1000 }
}

function middle(figures: readonly Figure[]): Figure {
  return {
    perSecond: median(figures.map(({ perSecond }) => perSecond)),
    cpuMicros: median(figures.map(({ cpuMicros }) => cpuMicros)),
  }
}

function print(label: string, without?: Figure, having?: Figure): void {
  if (without === undefined || having === undefined) return
  const cells = [without, having].map(({ perSecond, cpuMicros }) =>
    `${perSecond.toFixed(0)} ${cpuMicros.toFixed(1)}`.padStart(15),
  )
  const ratio = (having.perSecond / without.perSecond).toFixed(3)
  console.log(label.padEnd(16) + cells.join('') + ratio.padStart(10))
}
