// A fault of Node.js that ends connections with and without handoffs, and each time by chance.

import type { EventEmitter } from 'node:events'

/**
 * Calls back before an HTTP server ends a connection since its HTTP parser was paused.
 *
 * @remarks While a long answer waits, node:http pauses the parser and the connection. Records of TLS that came in the same
 * read are opened all the same. The parser fails with the second of them ("Parse Error: Paused").
 * @see lib/_http_server.js `onParserExecuteCommon`; src/crypto/crypto_tls.cc `TLSWrap::ClearOut` (Node 20 to 26)
 */
export function onPausedParser(server: EventEmitter, callback: () => void): void {
  const { emit } = server
  server.emit = (event: string | symbol, ...args: unknown[]) => {
    const [error] = args as [{ code?: unknown } | undefined]
    if (event === 'clientError' && error?.code === 'HPE_PAUSED') callback()
    return emit.call(server, event, ...args)
  }
}
