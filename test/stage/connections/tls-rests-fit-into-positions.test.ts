// Where a TLS connection is at rest: five numbers, which go into the file of positions like those of others.

import { describe, expect, onTestFinished, test } from 'vitest'
import { PositionFile } from '../../../packages/handoff/src/io/channel/position-file.ts'
import { readProgress } from '../../../packages/handoff/src/io/native/many-connections.ts'
import { hasProc } from '../../support/process-facts.ts'
import { secretsFile } from '../../support/tls/secrets.ts'
import { until } from '../../support/until.ts'
import { handshaken } from '../support/rogue-tls.ts'
import { secureSuccessor } from '../support/secure-successor.ts'

const request = 'GET / HTTP/1.1\r\nHost: test\r\n\r\n'
const cipher = 'TLS_AES_128_GCM_SHA256'
const fields = { cipher, servername: 'localhost', authorized: true, peer: ['AAAA'] } as const

/** A new process that has one TLS connection of an old process by hand, which knows what `accepts` names. */
async function serving(
  accepts: string[],
  withFile: boolean,
  options?: Parameters<typeof handshaken>[0],
) {
  const positions = withFile ? PositionFile.create() : undefined
  if (accepts.includes('tls-positions')) positions?.useLongRecords()
  onTestFinished(() => positions?.close())
  const known = ['rested', ...accepts]
  const { hand, peer } = await secureSuccessor(
    positions === undefined ? { accepts: known } : { accepts: known, positions },
  )
  const { client, heard, fd, secrets } = await handshaken(options)
  const file = secretsFile(secrets)
  file.seal()
  hand([{ idleMs: 0, tls: fields }], file.bytes, [fd, file.fd])
  await peer.hear('adopted')
  const ask = async () => {
    const before = heard().length
    client.write(request)
    await until('the reply', () => heard().slice(before).endsWith('hello'))
  }
  /** The rest that the file has, once it is that of now. */
  const written = () =>
    until('the rest is written', () => {
      const [position] = positions?.read(1) ?? []
      return position?.read === readProgress([fd])[0]?.read ? position : undefined
    })
  return { ask, written, peer, fd }
}

describe.runIf(hasProc)('an old process that knows rests of TLS connections', () => {
  test('reads each from the file, and gets no message', async () => {
    const { ask, written, peer, fd } = await serving(['tls-positions'], true)
    for (let asked = 1; asked < 4; asked++) {
      await ask()
      // One record each way, after the two tickets.
      const tls = { progress: [0, asked, 0, 2 + asked, 0] }
      expect(await written()).toEqual({
        ...readProgress([fd])[0],
        item: { idleMs: expect.any(Number), tls },
      })
    }
    expect(peer.heard('rested')).toBeUndefined()
  })

  test('reads how often the client has changed its keys', async () => {
    const { ask, written } = await serving(['tls-positions'], true, { updates: ['own'] })
    for (let asked = 1; asked < 3; asked++) {
      await ask()
      const tls = { progress: [asked, 1, 0, 2 + asked, 0] }
      expect((await written()).item).toMatchObject({ tls })
    }
  })

  test('gets a message of the numbers alone if it has sent no file', async () => {
    const { ask, peer } = await serving(['tls-positions'], false)
    await ask()
    const [rest] = (await peer.hear('rested')).rests
    expect(rest?.item).toEqual({
      idleMs: expect.any(Number),
      tls: { progress: [0, 1, 0, 3, 0] },
    })
  })
})

test.runIf(hasProc).each([true, false])(
  'an old process of an earlier release gets messages with all that it needs; with a file: %s',
  async (withFile) => {
    const { ask, peer } = await serving([], withFile)
    await ask()
    const [rest] = (await peer.hear('rested')).rests
    expect(rest?.item).toEqual({
      idleMs: expect.any(Number),
      tls: { ...fields, progress: [0, 1, 0, 3, 0] },
    })
  },
)
