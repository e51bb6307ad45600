// What a process leaves behind: the children of its session.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { LeftoverChildren } from '../../../../packages/handoff/src/supervisor/processes/leftover-children.ts'
import { alive, gone, hasProc } from '../../../support/process-facts.ts'
import { until } from '../../../support/until.ts'

const onLinux = test.runIf(hasProc)

/** A process that leads a session, has started this one in it, and has ended. */
async function leave(command: string): Promise<{ leader: number; left: number }> {
  const child: ChildProcess = spawn('sh', ['-c', `(${command}) >/dev/null & echo $!`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data')
  const left = Number(line)
  onTestFinished(() => {
    if (alive(left)) process.kill(left, 'SIGKILL')
  })
  if (child.exitCode === null) await once(child, 'exit')
  // From then on its traps are set.
  await until('the command runs', () => readFileSync(`/proc/${left}/comm`, 'utf8') === 'sleep\n')
  return { leader: child.pid as number, left }
}

function begin(isOfRun = (_: number) => false) {
  let ends = 0
  const sessions = new LeftoverChildren({ isOfRun, onEnded: () => ends++ })
  onTestFinished(() => sessions.close())
  return { sessions, ended: () => until('nothing is left', () => ends > 0) }
}

onLinux('end with SIGTERM', async () => {
  const { leader, left } = await leave('exec sleep 60')
  const { sessions, ended } = begin()
  sessions.end(leader)
  await ended()
  await gone(left)
  expect(sessions.pending).toBe(false)
})

onLinux('and with SIGKILL where they do not', async () => {
  const { leader, left } = await leave('trap "" TERM; exec sleep 60')
  const { sessions, ended } = begin()
  sessions.end(leader)
  expect(alive(left)).toBe(true)
  sessions.kill()
  await ended()
  await gone(left)
})

onLinux('not where a process of the run is among them', async () => {
  const { leader, left } = await leave('exec sleep 60')
  const { sessions } = begin((pid) => pid === left)
  sessions.end(leader)
  expect(sessions.pending).toBe(false)
  expect(alive(left)).toBe(true)
})

onLinux('not where their number leads another session by now', async () => {
  const leader = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  onTestFinished(() => void leader.kill('SIGKILL'))
  await once(leader, 'spawn')
  const { sessions } = begin()
  sessions.end(leader.pid as number)
  expect(sessions.pending).toBe(false)
  expect(alive(leader.pid as number)).toBe(true)
})

onLinux('of a process that has left nothing: at once', () => {
  const { sessions } = begin()
  sessions.end(2 ** 22)
  expect(sessions.pending).toBe(false)
})

onLinux('by the next release of the supervisor, when their time is over', async () => {
  const { leader, left } = await leave('trap "" TERM; exec sleep 60')
  const { sessions: before } = begin()
  before.end(leader)
  const [session] = before.snapshot()
  expect(session).toEqual({ leader, killInMs: expect.any(Number) })
  expect(session?.killInMs).toBeGreaterThan(9_000)
  before.close()

  const { sessions, ended } = begin()
  sessions.resume([{ leader, killInMs: 20 }])
  expect(sessions.pending).toBe(true)
  expect(sessions.snapshot()).toHaveLength(1)
  await ended()
  await gone(left)
  expect(sessions.snapshot()).toEqual([])
})

onLinux('and without a second SIGTERM', async () => {
  const { leader, left } = await leave('exec sleep 60')
  const { sessions } = begin()
  sessions.resume([{ leader, killInMs: 60_000 }])
  expect(sessions.pending).toBe(true)
  expect(alive(left)).toBe(true)
})

test('a session of which nothing is left is not waited for', () => {
  const onEnded = vi.fn()
  const sessions = new LeftoverChildren({ isOfRun: () => false, onEnded })
  sessions.resume([{ leader: 2 ** 22, killInMs: 0 }])
  expect(sessions.pending).toBe(false)
  expect(onEnded).not.toHaveBeenCalled()
})
