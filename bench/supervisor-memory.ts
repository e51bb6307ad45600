// Whether the supervisor's memory grows with each handoff: heap snapshots of it, many reloads apart.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cli, spawnCli } from '../test/support/cli.ts'
import { Output } from '../test/support/output.ts'
import { HeapInspector, type HeapRow } from './heap-inspector.ts'
import { machine } from './machine.ts'

const RELOADS = Number(process.env.RELOADS ?? 1000)
/** Until then caches fill and code is compiled. */
const WARM = Number(process.env.WARM ?? Math.min(100, RELOADS / 4))
const SAMPLES = 5

const directory = mkdtempSync(join(tmpdir(), 'handoff-memory-'))
const env = { HANDOFF_DIR: directory }
const entry = fileURLToPath(new URL('../test/fixtures/http-server.mjs', import.meta.url))
const supervisor = spawnCli(['run', '--name', 'memory', '--probation', '50ms', entry], { env })
const output = new Output()
if (supervisor.stdout) output.collect(supervisor.stdout)
if (supervisor.stderr) output.collect(supervisor.stderr)
const ended = once(supervisor, 'close')
try {
  await output.waitFor(/^listening/)
  console.log(machine())
  await reload(WARM)
  const inspector = await HeapInspector.open(supervisor)
  const first = await inspector.snapshot()
  const startedAt = await report(inspector, WARM)
  const step = Math.round((RELOADS - WARM) / SAMPLES)
  let used = startedAt
  for (let done = WARM; done < RELOADS; ) {
    const count = Math.min(step, RELOADS - done)
    await reload(count)
    done += count
    used = await report(inspector, done)
  }
  const last = await inspector.snapshot()
  const each = (used - startedAt) / (RELOADS - WARM)
  console.log(`${each.toFixed(0)} bytes a handoff, from ${WARM} to ${RELOADS}; what grew most:`)
  for (const row of grown(first, last).slice(0, 25)) console.log(row)
  inspector.close()
} finally {
  await cli(['stop', 'memory'], env)
  await ended
  rmSync(directory, { recursive: true, force: true })
}

async function reload(count: number): Promise<void> {
  for (let done = 0; done < count; done++) {
    const { exitCode, stderr } = await cli(['reload', 'memory', '--wait', 'exit'], env)
    if (exitCode !== 0) throw new Error(`a reload failed:\n${stderr}`)
    // What the run prints is ours to keep, not the supervisor's.
    output.lines.length = 0
  }
}

async function report(inspector: HeapInspector, reloads: number): Promise<number> {
  const { usedBytes, residentKb } = await inspector.usage()
  console.log(
    `${reloads} reloads: heap ${usedBytes} bytes after a collection, RSS ${residentKb} kB`,
  )
  return usedBytes
}

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
