// Known answers of RFC 8448, and the same records as an implementation with node:crypto.

import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { alertLevels, alerts } from '../../../packages/handoff/src/tls/alerts.ts'
import { TlsSession } from '../../../packages/handoff/src/tls/session.ts'
import { splitRecords } from '../../support/tls/record-splitter.ts'
import { ReferenceHalf, type Suite, secretLength, suites } from '../../support/tls/reference.ts'
import { hasSecretsFiles, recordsOf } from '../../support/tls/secrets.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

// RFC 8448, section 3: "Simple 1-RTT Handshake", from "derive write traffic keys for application data" on.
const rfc8448 = {
  client: hex('9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5'),
  server: hex('a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643'),
  data: hex(`000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
    202122232425262728292a2b2c2d2e2f3031`),
  dataOfClient: hex(`1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b4
    6b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4`),
  dataOfServer: hex(`17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90
    e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d`),
  alertOfClient: hex('1703030013c9872760655666b74d7ff1153efd6db6d0b0e3'),
  alertOfServer: hex('1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9'),
}

describe.runIf(hasSecretsFiles)('RFC 8448', () => {
  // Sequence number 0 of the server is its NewSessionTicket.
  const session = (side: 'client' | 'server') =>
    new TlsSession(
      recordsOf({
        version: 0x0304,
        suite: 0x1301,
        server: side === 'server',
        read: { secret: side === 'server' ? rfc8448.client : rfc8448.server },
        write: {
          secret: side === 'server' ? rfc8448.server : rfc8448.client,
          sequence: side === 'server' ? 1 : 0,
        },
      }),
    )

  test('the records of the server', () => {
    const server = session('server')
    const received = server.receive(Buffer.concat([rfc8448.dataOfClient, rfc8448.alertOfClient]))
    expect(Buffer.concat(received.data)).toEqual(rfc8448.data)
    expect(received.ended).toBe(true)
    expect(server.seal(rfc8448.data)).toEqual(rfc8448.dataOfServer)
    expect(server.close()).toEqual(rfc8448.alertOfServer)
  })

  test('the records of the client', () => {
    const client = session('client')
    expect(client.seal(rfc8448.data)).toEqual(rfc8448.dataOfClient)
    expect(client.close()).toEqual(rfc8448.alertOfClient)
  })
})

describe.runIf(hasSecretsFiles).each(suites)('$name', (suite: Suite) => {
  const secret = () => randomBytes(secretLength(suite))
  const sizes = [1, 2, 15, 16, 17, 1000, 16_383, 16_384, 16_385, 50_000]

  test('seals as node:crypto does', () => {
    const write = { secret: secret(), sequence: 70_000, explicitNonce: 0xfffffffffffffff0n }
    const session = new TlsSession(
      recordsOf({ version: suite.version, suite: suite.id, read: { secret: secret() }, write }),
    )
    const reference = new ReferenceHalf(suite, write.secret, 70_000n, write.explicitNonce)
    for (const size of sizes) {
      const data = randomBytes(size)
      const sealed = splitRecords(session.seal(data))
      expect(sealed).toHaveLength(Math.ceil(size / 16_384))
      for (const [i, record] of sealed.entries()) {
        const part = data.subarray(i * 16_384, (i + 1) * 16_384)
        expect(record.equals(reference.seal(23, part))).toBe(true)
      }
    }
    const alert = reference.seal(21, Buffer.of(alertLevels.warning, alerts.closeNotify))
    expect(session.close()).toEqual(alert)
  })

  test('opens what node:crypto seals', () => {
    const read = { secret: secret(), sequence: 2 ** 40 }
    const session = new TlsSession(
      recordsOf({ version: suite.version, suite: suite.id, read, write: { secret: secret() } }),
    )
    const reference = new ReferenceHalf(suite, read.secret, 2n ** 40n, 77n)
    for (const size of sizes.filter((size) => size <= 16_384)) {
      const data = randomBytes(size)
      const received = session.receive(reference.seal(23, data))
      expect(received.error).toBe(undefined)
      expect(Buffer.concat(received.data).equals(data)).toBe(true)
    }
  })
})
