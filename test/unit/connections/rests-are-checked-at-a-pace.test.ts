// A check costs as much as the server has connections, so checks have a pace; rests are reported soon.

import { channel } from 'node:diagnostics_channel'
import { Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { RestReporter } from '../../../packages/handoff/src/connections/http/rest-reporter.ts'
import type { System } from '../../../packages/handoff/src/io/system/system.ts'

const finished = channel('http.server.response.finish')
const tick = () => new Promise<void>((resolve) => process.nextTick(resolve))
const turn = () => new Promise(setImmediate)

/** A watch over a server with so many connections, of which all that are used are at rest. */
function watch(size: number) {
  let now = 1_000
  const timers: { ms: number; run: () => void }[] = []
  const timer = (ms: number, run: () => void) => {
    timers.push({ ms, run })
    return { cancel() {} }
  }
  const checks: number[] = []
  const watch = new RestReporter({ now: () => now, timer } as Partial<System> as System, {
    size: () => size,
    restingAmong: (used) => {
      checks.push(used.size)
      const progress = { read: 1, written: 1 }
      return [...used].map((socket) => ({ socket, progress, item: {} }))
    },
  })
  onTestFinished(() => watch.stop())
  const rests: Socket[] = []
  const open = () => {
    const socket = new Socket()
    watch.add(socket, () => rests.push(socket))
    return socket
  }
  const pass = (ms: number) => {
    now += ms
  }
  return { watch, checks, rests, timers, open, pass }
}

function answer(...sockets: Socket[]): void {
  for (const socket of sockets) finished.publish({ socket })
}

test('the first is told at once, and who follows at the end of the turn', async () => {
  const { checks, rests, open } = watch(64)
  const [first, second, third] = [open(), open(), open()]
  answer(first)
  await tick()
  expect(rests).toEqual([first])
  answer(second, third)
  await tick()
  expect(rests).toEqual([first])
  await turn()
  expect(rests).toEqual([first, second, third])
  expect(checks).toEqual([1, 2])
})

test('a long turn is not waited for', async () => {
  const { checks, rests, open, pass } = watch(64)
  const [first, second, third] = [open(), open(), open()]
  answer(first)
  await tick()
  answer(second)
  pass(2)
  answer(third)
  await tick()
  expect(rests).toEqual([first, second, third])
  await turn()
  expect(checks).toEqual([1, 2])
})

test('a server of thousands is looked at a few times a second', async () => {
  const { checks, rests, timers, open } = watch(10_000)
  const [first, second, third] = [open(), open(), open()]
  answer(first)
  await tick()
  answer(second, third)
  await turn()
  expect(rests).toEqual([first])
  expect(timers.map(({ ms }) => ms)).toEqual([100])
  timers[0]?.run()
  expect(rests).toEqual([first, second, third])
  expect(checks).toEqual([1, 2])
})

test('a connection that nobody asked about is none of it', async () => {
  const { checks, open } = watch(1)
  open()
  answer(new Socket())
  await turn()
  expect(checks).toEqual([])
})

test('nothing is looked at, and nobody listens, once it was stopped', async () => {
  const { watch: stopped, checks, open } = watch(1)
  const socket = open()
  answer(socket)
  stopped.stop()
  await turn()
  answer(socket)
  open()
  await turn()
  expect(checks).toEqual([])
  expect(finished.hasSubscribers).toBe(false)
})
