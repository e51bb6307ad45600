import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { alive, gone } from '../../support/process-facts.ts'
import { type Run, startRun } from '../../support/run.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

const HANDOFFS = 10

interface Job {
  what: string
  generation: number
}

function jobs(file: string): Job[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const [what = '', generation] = line.split(' ')
    return { what, generation: Number(generation) }
  })
}

/** The generations that led, in order; fails where the turns of two of them mix. */
function leaders(file: string): number[] {
  const led: number[] = []
  let ended = true
  for (const { what, generation } of jobs(file)) {
    if (what === 'leads') {
      expect(ended, `generation ${generation} leads while ${led.at(-1)} does`).toBe(true)
      led.push(generation)
    }
    expect(generation, readFileSync(file, 'utf8')).toBe(led.at(-1))
    ended = what === 'stops'
  }
  return led
}

/** Keeps the process that serves from being drained until this is called. */
async function hold(run: Run): Promise<() => void> {
  const request = http.get({
    host: '127.0.0.1',
    port: run.target.port,
    path: '/held',
    agent: false,
  })
  request.on('error', () => {}) // One of them is killed.
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  response.on('error', () => {})
  return () => request.destroy()
}

async function start(file: string): Promise<Run> {
  return await startRun('leader-server.mjs', {
    env: { JOB_FILE: file },
    flags: ['--probation', '0.1s', '--drain-timeout', '120s'],
  })
}

/** The pid of the next generation, once it serves. */
async function next(run: Run): Promise<number> {
  const from = run.output.lines.length
  await run.reloadWell()
  return await run.listening(from)
}

async function untilLeads(file: string, wanted: number): Promise<void> {
  const leads = ({ what, generation }: Job) => what === 'leads' && generation === wanted
  await until(`generation ${wanted} leads`, () => jobs(file).some(leads))
}

test(`in ${HANDOFFS} handoffs with drains of any length, one generation leads at a time`, async () => {
  const file = join(scratchDirectory(), 'jobs')
  const run = await start(file)
  const pids = [await run.listening()]
  const drains: { until: number; finish: () => void }[] = []
  for (let count = 1; count <= HANDOFFS; count++) {
    drains.push({ until: count + (count % 4), finish: await hold(run) })
    pids.push(await next(run))
    // One that drains between two others is killed.
    if (count === 7) process.kill(pids[6] as number, 'SIGKILL')
    for (const drain of drains) if (drain.until === count) drain.finish()
  }
  for (const { finish } of drains) finish()
  for (const pid of pids.slice(0, -1)) await gone(pid)
  await untilLeads(file, HANDOFFS + 1)
  const led = leaders(file)
  expect(led[0]).toBe(1)
  expect(led).toEqual([...led].sort((a, b) => a - b))
  await run.stop()
})

test('a generation between that is killed gives no leadership to the next one', async () => {
  const file = join(scratchDirectory(), 'jobs')
  const run = await start(file)
  const first = await run.listening()
  const finish = await hold(run)
  const second = await next(run)
  await hold(run)
  await next(run)
  process.kill(second, 'SIGKILL')
  await gone(second)
  expect(alive(first), 'the first one still drains').toBe(true)
  finish()
  await gone(first)
  await untilLeads(file, 3)
  expect(leaders(file)).toEqual([1, 3])
  await run.stop()
})

test('one that is killed while it leads, draining, is followed at once', async () => {
  const file = join(scratchDirectory(), 'jobs')
  const run = await start(file)
  const first = await run.listening()
  await hold(run)
  await next(run)
  process.kill(first, 'SIGKILL')
  await untilLeads(file, 2)
  const led = jobs(file).map(({ generation }) => generation)
  expect(led).toEqual([...led].sort())
  await run.stop()
})

test('a process that is started after a crash does not lead beside an older one that still drains', async () => {
  const file = join(scratchDirectory(), 'jobs')
  const run = await start(file)
  const first = await run.listening()
  const finish = await hold(run)
  const second = await next(run)
  const third = await next(run)
  // It would stay for the connections of the first, and take back.
  process.kill(second, 'SIGTERM')
  await gone(second)
  const from = run.output.lines.length
  process.kill(third, 'SIGKILL')
  await run.listening(from)
  expect(alive(first), 'the first one still drains').toBe(true)
  const done = jobs(file).length
  await until('the first one goes on with its job', () => jobs(file).length > done + 20)
  expect(leaders(file)).toEqual([1])
  finish()
  await gone(first)
  await untilLeads(file, 4)
  expect(leaders(file)).toEqual([1, 4])
  await run.stop()
})
