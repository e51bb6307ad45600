// Compares requests on connections that came from another process with those on others of the same process.

import type { Resources } from '../../core/resources.ts'
import type { Sample } from '../../core/suite.ts'
import type { OpenSecurely, SecureConnections, SecureRequest } from '../../load/ask-securely.ts'
import { Generation } from '../../peers/generation.ts'
import { type Measured, mean, measure, ratios } from './measure.ts'

const CONNECTIONS = 32
const [WARM_UP_MS, MS] = [300, 400]

/** Replies and bodies of 256 KiB make 16 records of the largest size. */
const requests: Readonly<Record<string, SecureRequest>> = {
  'small requests': { path: '/', bytes: 0 },
  'downloads of 256 KiB': { path: '/large', bytes: 0 },
  'uploads of 256 KiB': { path: '/', bytes: 262_144 },
}

interface Comparison {
  readonly run: number
  readonly resources: Resources
  readonly open: OpenSecurely
  /** Of TLS. The latest if it is absent. */
  readonly version?: '1.2'
}

export async function measureMoved(comparison: Comparison): Promise<Sample[]> {
  const { resources, open, version } = comparison
  const directory = resources.directory()
  let process = new Generation(resources, directory, { isSecure: true })
  const opened: SecureConnections[] = []
  try {
    const port = await process.port()
    await process.event('serving')
    const moved = await open(port, CONNECTIONS, version)
    opened.push(moved)
    await moved.ask(WARM_UP_MS)
    const next = new Generation(resources, directory, { isSecure: true })
    await process.exited
    process = next
    opened.push(await open(port, CONNECTIONS, version))
    const samples: Sample[] = []
    for (const [name, request] of Object.entries(requests)) {
      samples.push(...(await compare(opened, process.pid, name, request, comparison)))
    }
    return samples
  } finally {
    for (const each of opened) await each.close()
    await process.stop()
  }
}

async function compare(
  opened: readonly SecureConnections[],
  pid: number,
  name: string,
  request: SecureRequest,
  { run, version }: Comparison,
): Promise<Sample[]> {
  const one = (index: number, ms: number) =>
    measure(opened[index] as SecureConnections, pid, ms, request)
  // Both kinds have warm code before either is measured.
  for (const index of [0, 1, 0, 1]) await one(index, WARM_UP_MS)
  const figures: Measured[][] = [[], []]
  for (const index of run % 2 === 0 ? [1, 0, 0, 1] : [0, 1, 1, 0]) {
    figures[index]?.push(await one(index, MS))
  }
  const [moved, others] = figures.map(mean) as [Measured, Measured]
  const of = { case: `${name}, TLS ${version ?? '1.3'}`, run }
  return [
    { ...of, subject: 'not moved', figures: { ...others } },
    { ...of, subject: 'moved', figures: { ...moved, ...ratios(moved, others) } },
  ]
}
