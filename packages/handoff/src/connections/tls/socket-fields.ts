// Reads what the new process needs to know from a TLSSocket of Node.js.

import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { encodeChain } from './certificates.ts'
import { isCipherName } from './ciphers.ts'
import type { TlsFields } from './tls-item.ts'

/** Returns the Finished message of a TLSSocket, by which the native core knows it. */
export function finishedOf(socket: Socket): Buffer | undefined {
  return (socket as TLSSocket).getFinished?.() ?? undefined
}

/** Returns what an application can ask a TLSSocket of a server. */
export function fieldsOf(socket: TLSSocket): TlsFields {
  const { standardName } = socket.getCipher() as { standardName: string }
  if (!isCipherName(standardName)) throw new TypeError(`its cipher is ${standardName}`)
  const fields: TlsFields = { cipher: standardName }
  const { authorized, authorizationError, alpnProtocol } = socket
  const { servername } = socket as { servername?: unknown }
  if (typeof servername === 'string') fields.servername = servername
  if (typeof alpnProtocol === 'string') fields.alpnProtocol = alpnProtocol
  if (authorized) fields.authorized = true
  if (authorizationError) fields.authorizationError = String(authorizationError)
  if (socket.isSessionReused()) fields.isSessionReused = true
  const peer = encodeChain(socket.getPeerCertificate(true))
  if (peer.length > 0) fields.peer = peer
  const finished = socket.getFinished()
  const peerFinished = socket.getPeerFinished()
  if (finished !== undefined) fields.finished = finished.toString('base64')
  if (peerFinished !== undefined) fields.peerFinished = peerFinished.toString('base64')
  return fields
}
