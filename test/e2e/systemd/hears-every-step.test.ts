// The notify protocol of real processes: every datagram, and who sent it by the kernel's word.

import { once } from 'node:events'
import { expect, test } from 'vitest'
import { storeNameOf } from '../../../packages/handoff/src/protocol/store-names.ts'
import { ask, main, makeProject, serverReplying } from '../../support/cli-project.ts'
import { FailureFile } from '../../support/failure-file.ts'
import { send } from '../../support/load/send.ts'
import { NotifyPeer } from '../../support/notify-peer.ts'
import { gone } from '../../support/process-facts.ts'
import { Service, serviceEntry } from '../../support/service.ts'
import { until } from '../../support/until.ts'

const key = storeNameOf('tcp:127.0.0.1:0#1')
const keep = `FDSTORE=1 FDNAME=${key}`

/** Who told what: `PID READY=1`. All of it must come from our own user. */
function senders(peer: NotifyPeer, from = 0): string[] {
  return peer.datagrams.slice(from).flatMap(({ fields, pid, uid }) => {
    expect(uid).toBe(process.getuid?.())
    const words = Object.keys(fields).filter((name) => !['STATUS', 'MONOTONIC_USEC'].includes(name))
    return words.length === 0
      ? []
      : [`${pid} ${words.map((name) => `${name}=${fields[name]}`).join(' ')}`]
  })
}

function monotonicUsec(): number {
  return Number(process.hrtime.bigint() / 1000n)
}

/** The default timeouts, which a service manager does not know. */
const [toStart, toStop] = ['EXTEND_TIMEOUT_USEC=60000000', 'EXTEND_TIMEOUT_USEC=30000000']

test('a bare server: start, reload, a reload that fails, stop', async () => {
  const peer = new NotifyPeer()
  const failure = new FailureFile()
  const service = new Service([process.execPath, serviceEntry], {
    env: { NOTIFY_SOCKET: peer.path, ...failure.env },
  })
  const first = await service.listens()
  await peer.hears(keep)
  expect(senders(peer)).toEqual([
    `${first.pid} ${toStart}`,
    `${first.pid} READY=1 MAINPID=${first.pid}`,
    `${first.pid} ${keep}`,
  ])

  // systemctl reload, as a unit of Type=notify-reload does it.
  const reload = peer.datagrams.length
  const asked = monotonicUsec()
  process.kill(first.pid, 'SIGHUP')
  const second = await service.listens()
  await peer.hears(`READY=1 MAINPID=${second.pid}`, reload)
  expect(senders(peer, reload)).toEqual([
    `${first.pid} RELOADING=1`,
    `${second.pid} ${toStart}`,
    `${second.pid} ${keep}`,
    // The old process accepts no more.
    `${second.pid} READY=1 MAINPID=${second.pid}`,
  ])
  const usec = Number(peer.datagrams[reload]?.fields.MONOTONIC_USEC)
  expect(usec).toBeGreaterThanOrEqual(asked)
  expect(usec).toBeLessThanOrEqual(monotonicUsec())
  expect(second.port).toBe(first.port)
  expect(peer.store).toHaveLength(1)

  const abort = peer.datagrams.length
  failure.next('throw', 'import')
  process.kill(second.pid, 'SIGHUP')
  await peer.hears('READY=1', abort)
  expect(senders(peer, abort)).toEqual([`${second.pid} RELOADING=1`, `${second.pid} READY=1`])
  expect(await ask(second.port)).toBe('hello\n')

  const stop = peer.datagrams.length
  process.kill(second.pid, 'SIGTERM')
  await gone(second.pid)
  await peer.hears('STOPPING=1', stop)
  // The store stays as it is: a restart of the unit finds it again, and clients wait meanwhile.
  expect(new Set(senders(peer, stop))).toEqual(
    new Set([`${second.pid} ${toStop}`, `${second.pid} STOPPING=1`]),
  )
  expect(peer.store).toHaveLength(1)
})

test('a server that is killed is started again on what the service manager has kept', async () => {
  const peer = new NotifyPeer()
  const env = { NOTIFY_SOCKET: peer.path }
  const { pid, port } = await new Service([process.execPath, serviceEntry], { env }).listens()
  await peer.hears(keep)

  process.kill(pid, 'SIGKILL')
  await gone(pid)
  const waiting = send({ port }, { path: '/' })

  // As systemd: LISTEN_PID is the process's own, which Node's spawn cannot know.
  const names = peer.store.map(({ name }) => name)
  const next = new Service(
    ['sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh', process.execPath, serviceEntry],
    {
      env: { ...env, LISTEN_FDS: String(names.length), LISTEN_FDNAMES: names.join(':') },
      descriptors: peer.store.map(({ fd }) => fd),
    },
  )
  expect(await next.listens()).toEqual({ pid: next.pid, port })
  expect(await waiting).toMatchObject({ kind: 'ok', pid: String(next.pid) })
  expect(`${next.output}`).not.toContain('no longer listened on')
})

test('the watchdog is kept quiet by whoever serves', async () => {
  const peer = new NotifyPeer()
  const service = new Service([process.execPath, serviceEntry], {
    env: { NOTIFY_SOCKET: peer.path, WATCHDOG_USEC: '200000' },
  })
  const first = await service.listens()
  const barks = (pid: number, from = 0) =>
    senders(peer, from).filter((told) => told === `${pid} WATCHDOG=1`).length
  await expect.poll(() => barks(first.pid), { timeout: 10_000 }).toBeGreaterThan(2)

  process.kill(first.pid, 'SIGHUP')
  const second = await service.listens()
  await peer.hears(`READY=1 MAINPID=${second.pid}`)
  const from = peer.datagrams.findIndex(({ fields }) => fields.MAINPID === String(second.pid))
  await expect.poll(() => barks(second.pid, from), { timeout: 10_000 }).toBeGreaterThan(2)
  expect(barks(first.pid, from)).toBe(0)
})

test('handoff run is a service of its own: ready, reloading, ready, stopping', async () => {
  const peer = new NotifyPeer()
  const service = new Service([process.execPath, main, 'run', '--name', 'web', serviceEntry], {
    env: { NOTIFY_SOCKET: peer.path },
  })
  const first = await service.listens()
  await peer.hears('READY=1')
  expect(peer.datagrams.map(({ fields }) => fields.STATUS)).toContainEqual(
    expect.stringMatching(/^generation 1 \(pid \d+\) serves on tcp:127/),
  )
  // A crash is no reload, and needs no other word than the status.
  process.kill(first.pid, 'SIGKILL')
  const second = await service.listens()
  await service.output.waitFor(new RegExp(`pid ${second.pid}\\) serves`))

  process.kill(service.pid, 'SIGHUP')
  await service.listens()
  await until('it is ready again', () => {
    return peer.told().filter((told) => told === 'READY=1').length === 2
  })

  process.kill(service.pid, 'SIGTERM')
  await once(service.child, 'close')
  const said = ['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']
  await peer.hears('STOPPING=1')
  expect(senders(peer)).toEqual(said.map((word) => `${service.pid} ${word}`))
})

/** Two workers; the second one starts, and starts anew, when it gets a SIGUSR2. */
const heldBack = `
  if (process.env.HANDOFF_WORKER === '2') {
    console.log('waiting', process.pid)
    const idle = setInterval(() => {}, 60_000)
    await new Promise((go) => process.once('SIGUSR2', go))
    clearInterval(idle)
  }
`

test('several workers are one service: ready when all serve, one reload for all of them', async () => {
  const peer = new NotifyPeer()
  const project = makeProject({ 'server.mjs': heldBack + serverReplying('here') })
  const run = project.run(['--name', 'web', '--workers', '2', 'server.mjs'], {
    NOTIFY_SOCKET: peer.path,
  })
  const { port } = await run.listens()
  /** What has been said when only the second worker is missing, and lets it go on. */
  const heardBefore = async (generation: number) => {
    const [, waiting] = await run.prints(/^waiting (\d+)/)
    await run.says(new RegExp(`worker 1: generation ${generation} `))
    // What there was to say of that the supervisor has said before it answers this.
    expect((await project.status('web')).pid).toBe(run.pid)
    expect(await ask(port)).toBe('here')
    const said = senders(peer)
    process.kill(Number(waiting), 'SIGUSR2')
    await run.says(new RegExp(`worker 2: generation ${generation} `))
    return said
  }
  const told = (...words: string[]) => words.map((word) => `${run.pid} ${word}`)

  expect(await heardBefore(1)).toEqual([])
  await peer.hears('READY=1')

  process.kill(run.pid, 'SIGHUP')
  expect(await heardBefore(2)).toEqual(told('READY=1', 'RELOADING=1'))
  await until('the reload ends', () => senders(peer).length === 3)
  expect(senders(peer)).toEqual(told('READY=1', 'RELOADING=1', 'READY=1'))

  // A reload that fails at the second worker has an end, too.
  process.kill(run.pid, 'SIGHUP')
  const [, waiting] = await run.prints(/^waiting (\d+)/)
  process.kill(Number(waiting), 'SIGKILL')
  await run.says(/the reload stops here/)
  await until('the reload ends', () => senders(peer).length === 5)
  expect(senders(peer).slice(3)).toEqual(told('RELOADING=1', 'READY=1'))

  process.kill(run.pid, 'SIGTERM')
  expect(await run.ended()).toBe(0)
  await peer.hears('STOPPING=1')
  expect(senders(peer).slice(5)).toEqual(told('STOPPING=1'))
})
