import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import {
  type Datagram,
  DatagramListener,
} from '../../../packages/handoff/src/io/channel/datagram.ts'
import { UnixAcceptor } from '../../../packages/handoff/src/io/channel/unix-acceptor.ts'
import { peerCredentials } from '../../../packages/handoff/src/io/channel/unix-socket.ts'
import { bindUnix } from '../../../packages/handoff/src/io/listeners/bind-socket.ts'
import { close } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { hasProc } from '../../support/process-facts.ts'
import { closeLater, scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

const client = fileURLToPath(new URL('../../peers/channel-client.py', import.meta.url))
const hasPython = spawnSync('python3', ['--version']).status === 0

test.runIf(hasPython)('another process is known by pid, uid and gid, on either kind', async () => {
  const directory = scratchDirectory()
  const stream = join(directory, 'stream.sock')
  const notify = join(directory, 'notify.sock')
  const accepted: number[] = []
  const datagrams: Datagram[] = []
  const errors: Error[] = []
  const fail = (error: Error) => errors.push(error)
  closeLater(new UnixAcceptor(bindUnix({ path: stream }), (fd) => accepted.push(fd), fail)).start()
  closeLater(DatagramListener.bind(notify, 0o600, (d) => datagrams.push(d), fail))

  const child = spawn('python3', [client, stream, notify], {
    stdio: ['pipe', 'inherit', 'inherit'],
  })
  onTestFinished(() => {
    child.stdin.end()
    accepted.forEach(close)
  })
  await until('both arrive', () => accepted.length === 1 && datagrams.length === 1)

  const it = { pid: child.pid, uid: process.getuid?.(), gid: process.getgid?.() }
  const [fd = -1] = accepted
  expect(peerCredentials(fd)).toEqual(it)
  if (hasProc) expect(datagrams).toMatchObject([it])
  expect(datagrams[0]?.data.toString()).toBe('READY=1')
  expect(errors).toEqual([])
})
