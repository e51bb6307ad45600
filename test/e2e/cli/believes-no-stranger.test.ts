import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { makeProject, type Project, serverReplying } from '../../support/cli-project.ts'
import { freePort } from '../../support/free-port.ts'
import { Output } from '../../support/output.ts'
import { hasProc } from '../../support/process-facts.ts'
import { until } from '../../support/until.ts'

const datagram = fileURLToPath(
  new URL('../../../packages/handoff/src/io/channel/datagram.ts', import.meta.url),
)

const preload = new URL('../../../packages/handoff/dist/register.js', import.meta.url).href

/** Tells the supervisor that it serves, in place of another process, and lives until its stdin ends. */
const impostor = `
  const { sendDatagram } = await import(process.argv[1])
  const event = {
    type: 'serving', replaces: JSON.parse(process.argv[3]), listeners: [],
    // Neither is believed.
    pid: 1, generation: 9, elapsedMs: 0,
  }
  sendDatagram(process.argv[2], 'READY=1\\nX_HANDOFF_EVENT=' + JSON.stringify(event))
  console.log('sent')
  process.stdin.resume()
`

async function startImpostor(
  project: Project,
  env: NodeJS.ProcessEnv,
  replaces: object | null = null,
): Promise<number> {
  const socket = join(project.runs, 'web/notify.sock')
  const args = [impostor, datagram, socket, JSON.stringify(replaces)]
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', ...args], {
    env: { ...project.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.stdin.end()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  await new Output().collect(child.stdout).waitFor(/^sent/)
  return child.pid as number
}

test.skipIf(!hasProc)('only a process that was started for this run is believed', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  const { pid } = await run.listens()

  await startImpostor(project, {})
  expect(await project.status('web')).toMatchObject({ generation: 1, processes: [{ pid }] })

  const known = await startImpostor(project, {
    NOTIFY_SOCKET: join(project.runs, 'web/notify.sock'),
  })
  await until('it is believed', async () => (await project.status('web')).serving === known)
})

/** A process of this user that has nothing to do with the run. */
async function startInnocent(): Promise<ChildProcess & { pid: number }> {
  const child = spawn('sleep', ['600'], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'spawn')
  return child as ChildProcess & { pid: number }
}

test.skipIf(!hasProc)('a pid in a message is not signalled, not even to end it', async () => {
  const project = makeProject({ 'server.mjs': serverReplying('here') })
  const run = project.run(['--name', 'web', 'server.mjs'])
  await run.listens()
  const innocent = await startInnocent()
  const known = await startImpostor(
    project,
    { NOTIFY_SOCKET: join(project.runs, 'web/notify.sock') },
    { pid: innocent.pid, generation: 8 },
  )
  await until('it is believed', async () => (await project.status('web')).serving === known)
  const { processes } = await project.status('web')
  expect(processes.map(({ pid }) => pid)).not.toContain(innocent.pid)

  expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
  expect(innocent.signalCode).toBe(null)
})

/** Whether a process may get a chosen number in a pid namespace of its own. */
const hasNamespaces =
  process.getuid?.() === 0 &&
  spawnSync('unshare', ['--pid', '--mount', '--fork', 'true']).status === 0

/** Takes over in the turn of its listen, where the preload reads without the event loop. */
const plainServer = `
  import http from 'node:http'
  const server = http.createServer((_, response) => response.end('here')).listen(process.env.PORT, () => {
    console.log('listening', process.pid, server.address().port)
  })
`

test.skipIf(!hasProc || !hasNamespaces).each([
  ['of our own', serverReplying('here')],
  ['that imports nothing', plainServer],
])(
  'an old process of another pid namespace is known by its number here, a server %s (needs root)',
  async (_, server) => {
    const project = makeProject({ 'server.mjs': server })
    project.env.PORT = String(await freePort())
    const innocent = await startInnocent()
    mkdirSync(join(project.runs, 'web'), { mode: 0o700, recursive: true })
    chmodSync(project.runs, 0o700)
    const rendezvous = join(project.runs, 'web/rendezvous.sock')
    // In its namespace it has the number of the innocent one.
    const script = `mount -t proc proc /proc; echo ${innocent.pid - 1} >/proc/sys/kernel/ns_last_pid
      "$0" --import "$1" "$2" & wait`
    const args = [process.execPath, preload, join(project.path, 'server.mjs')]
    const old = spawn(
      'unshare',
      ['--pid', '--mount', '--fork', '--kill-child', 'sh', '-c', script, ...args],
      {
        env: { ...project.env, HANDOFF_RENDEZVOUS: rendezvous },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    onTestFinished(() => void old.kill('SIGKILL'))
    const output = new Output().collect(old.stdout)
    await output.waitFor(new RegExp(`^listening ${innocent.pid} `))
    await until('others can take over', () => existsSync(rendezvous))

    const run = project.run([
      '--name',
      'web',
      '--probation',
      '60',
      '--drain-timeout',
      '1',
      'server.mjs',
    ])
    await run.listens()
    const { processes } = await until('both are known', async () => {
      const status = await project.status('web')
      return status.processes.length === 2 && status
    })
    expect(processes.map(({ pid }) => pid)).not.toContain(innocent.pid)
    expect((await project.handoff('stop', 'web')).exitCode).toBe(0)
    expect(innocent.signalCode).toBe(null)
    if (old.exitCode === null && old.signalCode === null) await once(old, 'exit')
  },
)
