import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { sendDatagram } from '../../../../packages/handoff/src/io/channel/datagram.ts'
import { loadNative } from '../../../../packages/handoff/src/io/native/addon.ts'
import { openReportSocket } from '../../../../packages/handoff/src/supervisor/processes/report-socket.ts'
import type { Report } from '../../../../packages/handoff/src/supervisor/registry/process-report.ts'
import { hasProc } from '../../../support/process-facts.ts'
import { scratchDirectory } from '../../../support/scratch.ts'
import { until } from '../../../support/until.ts'

const event = { type: 'warning', message: 'here', pid: 1, generation: 1, elapsedMs: 0 }
const text = `X_HANDOFF_EVENT=${JSON.stringify(event)}`

function listen(known: readonly number[] = []) {
  const path = join(scratchDirectory(), 'notify.sock')
  const reports: { pid: number; report: Report }[] = []
  const socket = openReportSocket(path, {
    knows: (pid) => known.includes(pid),
    onReport: (pid, report) => reports.push({ pid, report }),
    onError: (error) => {
      throw error
    },
  })
  onTestFinished(() => socket.close())
  return { path, reports }
}

test.skipIf(!hasProc)('a report has the pid that the kernel gives, not its own', async () => {
  const { path, reports } = listen()
  sendDatagram(path, text)
  await until('it is reported', () => reports.length > 0)
  expect(reports).toMatchObject([{ pid: process.pid, report: { event: { pid: process.pid } } }])
})

const addon = fileURLToPath(
  new URL('../../../../build/Release/socket_handoff.node', import.meta.url),
)

/** Sends one report as another user, over a socket that it had connected as root. */
const dropper = `
  const { send, connectUnixDatagram } = require(process.argv[1])
  const fd = connectUnixDatagram(process.argv[2])
  process.setuid(65534)
  process.stdin.once('data', () => {
    console.log(send(fd, Buffer.from(process.argv[3]), new Int32Array(0)))
    process.exit()
  })
`

test.skipIf(process.getuid?.() !== 0 || !hasProc)(
  'one that gave up root is heard if it is known, and no one else of its user (needs root)',
  async () => {
    loadNative()
    const known: number[] = []
    const { path, reports } = listen(known)
    chmodSync(dirname(path), 0o700)
    const send = async (isKnown: boolean) => {
      const child = spawn(process.execPath, ['-e', dropper, addon, path, text])
      if (isKnown) known.push(child.pid as number)
      child.stdin.write('now')
      const [sent] = await once(child.stdout.setEncoding('utf8'), 'data')
      expect(Number(sent)).toBe(text.length)
      return child.pid
    }
    await send(false)
    const pid = await send(true)
    await until('it is reported', () => reports.length > 0)
    expect(reports.map((report) => report.pid)).toEqual([pid])
  },
)
