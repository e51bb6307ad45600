// Observes the data that is read from a socket.

import type { Socket } from 'node:net'
import { shadowMethod } from '../../io/node/shadow-method.ts'

/**
 * Reports every piece of data before the listeners of the socket get it.
 *
 * @remarks A `data` listener would make the socket flow: data that comes before the program reads
 * would be lost. Data that is read by `read()` is emitted as well.
 */
export function observeData(socket: Socket, onData: (data: Buffer) => void): void {
  const emit = socket.emit as (event: string | symbol, ...args: unknown[]) => boolean
  shadowMethod(socket, 'emit', (event: string | symbol, ...args: unknown[]) => {
    if (event === 'data') onData(args[0] as Buffer)
    return Reflect.apply(emit, socket, [event, ...args])
  })
}
