import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test, vi } from 'vitest'
import { isAlive, isStartedFor, Orphans } from '../../packages/handoff/src/supervisor/orphans.ts'

/** The pid of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn('true')
  await once(child, 'exit')
  return child.pid as number
}

test('a process that is there is alive, whoever owns it', () => {
  expect(isAlive(process.pid)).toBe(true)
  expect(isAlive(1)).toBe(true)
})

test.skipIf(process.platform !== 'linux')(
  'a process belongs to the run whose socket it was started with',
  async () => {
    const child = spawn('cat', { env: { ...process.env, NOTIFY_SOCKET: '/run/web/notify.sock' } })
    await once(child, 'spawn')
    const pid = child.pid as number
    expect(isStartedFor('/run/web/notify.sock', pid)).toBe(true)
    expect(isStartedFor('/run/api/notify.sock', pid)).toBe(false)
    expect(isStartedFor('/run/web/notify.sock', process.pid)).toBe(false)
    child.stdin.end()
    await once(child, 'exit')
    expect(isStartedFor('/run/web/notify.sock', pid)).toBe(false)
  },
)

test('an end is told once, and only of what was added', async () => {
  const gone = vi.fn()
  const orphans = new Orphans(gone)
  const pid = await endedPid()
  orphans.check()
  expect(gone).not.toHaveBeenCalled()

  orphans.add(process.pid)
  orphans.add(pid)
  orphans.check()
  orphans.check()
  expect(gone.mock.calls).toEqual([[pid]])
  expect(orphans.has(process.pid)).toBe(true)
  expect(orphans.has(pid)).toBe(false)
  orphans.close()
})

test('it asks by itself, as long as there are any', async () => {
  const pid = await endedPid()
  vi.useFakeTimers()
  try {
    const gone = vi.fn()
    const orphans = new Orphans(gone)
    orphans.add(pid)
    vi.advanceTimersByTime(500)
    expect(gone.mock.calls).toEqual([[pid]])
    expect(vi.getTimerCount()).toBe(0)
  } finally {
    vi.useRealTimers()
  }
})

test('an end that is known by other means is told, too', () => {
  const gone = vi.fn()
  const orphans = new Orphans(gone)
  orphans.add(process.pid)
  orphans.gone(process.pid)
  orphans.gone(process.pid)
  expect(gone.mock.calls).toEqual([[process.pid]])
})
