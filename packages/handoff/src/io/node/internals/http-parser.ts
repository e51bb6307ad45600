// The request that the HTTP/1.1 parser of a connection is at.

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

/**
 * Returns the request of a connection that is being read, whether it was answered or not.
 *
 * @returns undefined between two requests, before a head is complete, and if this Node.js does not have
 * the fields.
 * @see lib/_http_common.js `parserOnHeadersComplete`, lib/_http_server.js `clearIncoming` (Node 20
 * to 26)
 */
export function requestBeingRead(socket: Socket): IncomingMessage | undefined {
  const incoming = latestRequest(socket)
  return incoming !== undefined && !incoming.complete ? incoming : undefined
}

/**
 * Returns the request that is about to become an upgrade: all of its head has been read.
 *
 * @returns undefined for every other request, CONNECT included.
 * @see lib/_http_server.js `onParserExecuteCommon` (Node 20 to 26)
 */
export function upgradeBeingMade(socket: Socket): IncomingMessage | undefined {
  const incoming = latestRequest(socket)
  if (incoming === undefined || incoming.method === 'CONNECT') return undefined
  return (incoming as { upgrade?: unknown }).upgrade === true ? incoming : undefined
}

/**
 * Removes a connection from the list that its server has of its HTTP/1.1 connections, which Node.js would do
 * when the socket closes. Does nothing if this Node.js does not have the method.
 *
 * @see src/node_http_parser.cc `Parser::Remove` (Node 20 to 26)
 */
export function unlistConnection(socket: Socket): void {
  const { parser } = socket as unknown as { parser?: { remove?: unknown } | null }
  if (typeof parser?.remove === 'function') parser.remove()
}

function latestRequest(socket: Socket): IncomingMessage | undefined {
  const { parser } = socket as unknown as { parser?: { incoming?: unknown } | null }
  const incoming = parser?.incoming
  // Only `node:http` makes one: without it, it is not loaded here.
  if (incoming === undefined || incoming === null) return undefined
  return incoming instanceof process.getBuiltinModule('node:http').IncomingMessage
    ? incoming
    : undefined
}
