import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadNative } from '../../../../packages/handoff/src/io/native/addon.ts'
import type { RunDirectory } from '../../../../packages/handoff/src/io/rendezvous/run-directory.ts'
import {
  isOfRun,
  isStartedFor,
  Orphans,
} from '../../../../packages/handoff/src/supervisor/processes/orphans.ts'
import { hasProc } from '../../../support/process-facts.ts'
import { until } from '../../../support/until.ts'

/** The pid of a process that has ended. */
async function endedPid(): Promise<number> {
  const child = spawn('true')
  await once(child, 'exit')
  return child.pid as number
}

test.skipIf(process.platform !== 'linux')(
  'a process belongs to the run whose socket it was started with',
  async () => {
    const child = spawn('cat', { env: { ...process.env, NOTIFY_SOCKET: '/run/web/notify.sock' } })
    await once(child, 'spawn')
    const pid = child.pid as number
    // execve(2) closes what libuv waits for before the environment can be read.
    await until('its environment is there', () => isStartedFor('/run/web/notify.sock', pid))
    expect(isStartedFor('/run/api/notify.sock', pid)).toBe(false)
    expect(isStartedFor('/run/web/notify.sock', process.pid)).toBe(false)
    const web = { notify: '/run/web/notify.sock', rendezvous: '/run/web/rendezvous.sock' }
    const api = { notify: '/run/api/notify.sock', rendezvous: '/run/api/rendezvous.sock' }
    expect(isOfRun(web as RunDirectory, pid)).toBe(true)
    expect(isOfRun(api as RunDirectory, pid)).toBe(false)
    child.stdin.end()
    await once(child, 'exit')
    expect(isStartedFor('/run/web/notify.sock', pid)).toBe(false)
  },
)

const ours = () => true

async function spawnCat(): Promise<ChildProcess & { pid: number }> {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  return child as ChildProcess & { pid: number }
}

/** A process whose parent does not wait for it when it ends. */
async function spawnUnwaited(): Promise<number> {
  const parent = spawn('sh', ['-c', 'cat <&3 >/dev/null & echo $!; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const [line] = await once((parent.stdout as Readable).setEncoding('utf8'), 'data')
  await until('the shell is gone', () => comm(parent.pid as number) === 'cat\n')
  return Number(line)
}

function comm(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'utf8')
}

test('an end is told once, and only of what was added', async () => {
  const gone = vi.fn()
  const orphans = new Orphans(gone)
  expect(orphans.add(await endedPid(), ours), 'it has gone').toBe(false)
  expect(orphans.add(0, ours)).toBe(false)
  expect(orphans.add(process.pid, ours)).toBe(true)
  const { pid } = await spawnCat()
  expect(orphans.add(pid, ours)).toBe(true)
  orphans.refresh()
  expect(gone).not.toHaveBeenCalled()

  orphans.signal(pid, 'SIGKILL')
  await until('its end is told', () => gone.mock.calls.length > 0)
  orphans.refresh()
  expect(gone.mock.calls).toEqual([[pid]])
  expect(orphans.has(process.pid)).toBe(true)
  expect(orphans.has(pid)).toBe(false)
  orphans.signal(pid, 'SIGKILL')
  orphans.close()
})

test('a process that is not ours is let go', async () => {
  const { pid } = await spawnCat()
  const gone = vi.fn()
  const orphans = new Orphans(gone)
  expect(orphans.add(pid, () => false)).toBe(false)
  orphans.signal(pid, 'SIGKILL')
  process.kill(pid, 0)
  expect(orphans.has(pid)).toBe(false)
})

test.skipIf(!hasProc)('a zombie is dead', async () => {
  const pid = await spawnUnwaited()
  process.kill(pid, 'SIGKILL')
  await until('a zombie', () => / Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  const orphans = new Orphans(() => {})
  expect(orphans.add(pid, ours)).toBe(false)
})

test.skipIf(!hasProc).each([
  ['with pidfds', undefined],
  ['without', constants.errno.ENOSYS],
  ['where a filter denies them', constants.errno.EPERM],
])('a process that becomes a zombie has ended, %s', async (_, errno) => {
  const spy = vi.spyOn(loadNative(), 'openProcess')
  onTestFinished(() => spy.mockRestore())
  if (errno !== undefined) spy.mockReturnValue(-errno)
  const gone = vi.fn()
  const orphans = new Orphans(gone)
  const pid = await spawnUnwaited()
  expect(orphans.add(pid, ours)).toBe(true)
  orphans.signal(pid, 'SIGTERM')
  await until('its end is told', () => gone.mock.calls.length > 0)
  expect(gone.mock.calls).toEqual([[pid]])
  orphans.close()
})

test.skipIf(process.getuid?.() !== 0 || !process.seteuid)(
  'a process that is not ours to signal is an error, and lives (needs root)',
  async () => {
    const child = spawn('cat', { uid: 65_534, gid: 65_534, stdio: ['pipe', 'ignore', 'ignore'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child, 'spawn')
    const pid = child.pid as number
    const orphans = new Orphans(() => {})
    expect(orphans.add(pid, ours)).toBe(true)
    process.seteuid?.(65_533)
    try {
      expect(() => orphans.signal(pid, 'SIGKILL')).toThrow(
        expect.objectContaining({ code: 'EPERM' }),
      )
      expect(orphans.has(pid)).toBe(true)
    } finally {
      process.seteuid?.(0)
      orphans.close()
    }
  },
)

test('an end that is known by other means is told, too', () => {
  const gone = vi.fn()
  const orphans = new Orphans(gone)
  orphans.add(process.pid, ours)
  orphans.onExit(process.pid)
  orphans.onExit(process.pid)
  expect(gone.mock.calls).toEqual([[process.pid]])
})
