// A client of Node.js goes on with a session in the middle of its connection: with OpenSSL at the other end.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { serveRealClient } from '../../support/tls/real-client.ts'
import { isTls13, suites } from '../../support/tls/reference.ts'
import { hasSecretsFiles } from '../../support/tls/secrets.ts'

describe.runIf(hasSecretsFiles).each(suites)('$name', (suite) => {
  test('gets back what it writes', async () => {
    // The first data comes after a KeyUpdate where there is one.
    const { client } = await serveRealClient(suite, isTls13(suite))
    const echo: AsyncIterator<Buffer> = client[Symbol.asyncIterator]()
    for (const size of [1, 100, 16_384, 16_385, 300_000]) {
      const sent = randomBytes(size)
      client.write(sent)
      const chunks: Buffer[] = []
      for (let left = size; left > 0; ) {
        const chunk: Buffer = (await echo.next()).value
        chunks.push(chunk)
        left -= chunk.length
      }
      expect(Buffer.concat(chunks).equals(sent)).toBe(true)
    }
    client.destroy()
  })

  test('ends, and sees the end', async () => {
    const served = await serveRealClient(suite)
    served.client.resume()
    served.client.end()
    await once(served.client, 'finish')
    expect(served.ended).toBe(true)
    served.send(served.session.close())
    await once(served.client, 'end')
    expect(served.session.close()).toHaveLength(0)
    expect(() => served.session.seal(Buffer.from('late'))).toThrow(
      expect.objectContaining({ code: 'ERR_SSL_PROTOCOL_IS_SHUTDOWN' }),
    )
  })

  test('gets the alert', async () => {
    const { client, inject } = await serveRealClient(suite)
    const failed = once(client, 'error')
    inject(Buffer.concat([Buffer.of(23, 3, 3, 0, 40), randomBytes(40)]))
    const [error] = (await failed) as [NodeJS.ErrnoException]
    expect(error.code).toMatch(/ALERT_BAD_RECORD_MAC$/)
  })

  test.runIf(!isTls13(suite))('does not renegotiate', async () => {
    const served = await serveRealClient(suite)
    served.client.resume()
    const failed = once(served.client, 'error')
    served.client.renegotiate({}, () => {})
    const [error] = (await failed) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ERR_SSL_NO_RENEGOTIATION')
  })
})
