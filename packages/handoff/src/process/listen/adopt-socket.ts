// Stage adopt, new side: a datagram socket's own bind, answered by a socket that was received or bound.

import type { Socket as DatagramSocket } from 'node:dgram'
import { DatagramGate } from '../../connections/gate/datagram-gate.ts'
import { isClosedDatagram, isUdp6 } from '../../io/node/internals/datagram.ts'
import type { ListenerRequest } from '../../protocol/manifest.ts'
import { HandoffError } from '../../terms/errors.ts'
import { type Adoption, releaseHeld } from './adoption.ts'
import { resolveHost } from './resolve-host.ts'

export interface BindSocketOptions {
  port: number
  address?: string
  ipv6Only?: boolean
  reuseAddr?: boolean
  reusePort?: boolean
  /** See {@link ListenOptions.name}. */
  name?: string
}

/**
 * Binds a datagram socket.
 *
 * @returns its gate, or undefined if the program closed the socket meanwhile.
 * @throws the system's error, as Node's own bind gives it.
 */
export async function adoptSocket(
  socket: DatagramSocket,
  options: BindSocketOptions,
  adoption: Adoption,
): Promise<DatagramGate | undefined> {
  const { ipv6Only = false, port, reuseAddr, reusePort } = options
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new HandoffError(
      'ERR_HANDOFF_INVALID_OPTION',
      `cannot bind: ${String(port)} is not a port from 0 to 65535`,
    )
  }
  const [family, everyAddress] = isUdp6(socket) ? ([6, '::'] as const) : ([4, '0.0.0.0'] as const)
  const address = (await resolveHost(options.address, family)) ?? everyAddress
  await adoption.whenAddressFree()
  if (isClosedDatagram(socket)) return undefined
  adoption.checkOpen()
  const request: ListenerRequest = {
    protocol: 'udp',
    address,
    port,
    ipv6Only,
    name: port === 0 ? (options.name ?? adoption.nextName()) : '',
  }
  const held = adoption.listeners.claim(request, {
    ...(reuseAddr === undefined ? {} : { reuseAddr }),
    ...(reusePort === undefined ? {} : { reusePort }),
  })
  let gate: DatagramGate
  try {
    gate = DatagramGate.bind(socket, held, adoption.accept(), adoption.handlers)
  } catch (error) {
    releaseHeld(held, adoption)
    throw error
  }
  // Before `listening` is emitted: the program may close the socket then.
  adoption.gates.add(gate)
  await gate.emitListening()
  return gate.closed ? undefined : gate
}
