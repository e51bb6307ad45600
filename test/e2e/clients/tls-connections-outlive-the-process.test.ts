import { once } from 'node:events'
import https from 'node:https'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { hasProc } from '../../support/process-facts.ts'
import { startRun } from '../../support/run.ts'
import { until } from '../../support/until.ts'

const HANDOFFS = 3

/** A client that keeps one HTTPS connection and one secure WebSocket. */
async function connect(port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3') {
  const options = { host: '127.0.0.1', port, rejectUnauthorized: false, maxVersion }
  const agent = new https.Agent({ ...options, keepAlive: true, maxSockets: 1 })
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, options)
  onTestFinished(() => {
    agent.destroy()
    socket.terminate()
  })
  await once(socket, 'open')
  let version: string | undefined
  return {
    /** Returns the pid that answers a request, and whether the connection is the one of before. */
    async ask() {
      const request = https.get({ ...options, agent })
      const [response] = await once(request, 'response')
      let text = ''
      for await (const piece of response) text += piece
      const [pid, encrypted, protocol] = text.split(' ')
      version ??= protocol
      expect([encrypted, protocol]).toEqual(['true', version])
      return { pid: Number(pid), reused: request.reusedSocket }
    },
    /** Returns the pid that answers a message. */
    async send() {
      const answer = once(socket, 'message')
      socket.send('hello')
      const [pid, text] = String((await answer)[0]).split(' ')
      expect(text).toBe('hello')
      return Number(pid)
    },
    isOpen: () => socket.readyState === WebSocket.OPEN,
  }
}

test.skipIf(!hasProc).each(['TLSv1.3', 'TLSv1.2'] as const)(
  `a %s connection and a WebSocket over it are served by ${HANDOFFS + 1} processes (Linux)`,
  async (version) => {
    const run = await startRun('secure-server.mjs')
    const client = await connect(run.target.port as number, version)
    const first = await client.ask()
    expect(await client.send()).toBe(first.pid)
    const pids = [first.pid]
    for (let handoff = 0; handoff < HANDOFFS; handoff++) {
      await run.reloadWell()
      const { pid, reused } = await client.ask()
      expect(reused, `${run.output}`).toBe(true)
      pids.push(pid)
      await until('the WebSocket has gone over', async () => (await client.send()) === pid)
    }
    expect(new Set(pids).size).toBe(HANDOFFS + 1)
    expect(client.isOpen()).toBe(true)
    await run.stop()
  },
)

test.skipIf(!hasProc)(
  'a connection that the new process has used is served by the old one if that is killed (Linux)',
  async () => {
    const run = await startRun('secure-server.mjs')
    const client = await connect(run.target.port as number, 'TLSv1.3')
    const old = await client.ask()
    await run.reloadWell()
    const next = await client.ask()
    expect(next.pid).not.toBe(old.pid)
    for (let request = 0; request < 5; request++) await client.ask()
    // What is answered after that comes after the report that the connection is at rest.
    const other = await connect(run.target.port as number, 'TLSv1.3')
    for (let request = 0; request < 2; request++) await other.ask()
    const from = run.output.lines.length
    process.kill(next.pid, 'SIGKILL')
    await run.output.waitFor(/taken back/, { from })
    expect(await client.ask(), `${run.output}`).toEqual({ pid: old.pid, reused: true })
    await run.stop()
  },
)

test('with --tls close no connection moves, and none is lost', async () => {
  const run = await startRun('secure-server.mjs', { flags: ['--tls', 'close'] })
  const client = await connect(run.target.port as number, 'TLSv1.3')
  const old = await client.ask()
  await run.reloadWell()
  expect(await client.ask()).toEqual({ pid: old.pid, reused: true })
  const next = await client.ask()
  expect(next.pid).not.toBe(old.pid)
  expect(next.reused).toBe(false)
  await run.stop()
})
