// What `server.address()` tells of a listener that came as a descriptor.

import type { AddressInfo } from 'node:net'
import type { ManifestEntry } from '../../protocol/manifest.ts'

/** The address in Node's form; Node itself knows none of a Unix listener, and no own of a placeholder. */
export function addressOf({ protocol, address, port }: ManifestEntry): AddressInfo | string {
  if (protocol === 'unix') return address
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port }
}
