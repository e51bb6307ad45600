// The address of a listener, as `server.address()` returns it.

import type { AddressInfo } from 'node:net'
import type { ManifestEntry } from '../../protocol/manifest.ts'

/**
 * Returns the address of a listener in Node's form.
 *
 * @remarks Node.js does not know it: a Unix listener that came as a descriptor has no address there,
 * and a placeholder has another one.
 */
export function addressOf({ protocol, address, port }: ManifestEntry): AddressInfo | string {
  if (protocol === 'unix') return address
  return { address, family: address.includes(':') ? 'IPv6' : 'IPv4', port }
}
