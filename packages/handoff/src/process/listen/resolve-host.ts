// Resolves the host of a listen, as Node.js does.

import { isIP } from 'node:net'
import { builtins } from '../../io/node/builtins.ts'

/** Whether the host needs no resolver. */
export function isLiteral(host: string | undefined): boolean {
  return host === undefined || isIP(host) !== 0
}

/** Returns the first address that the resolver gives, of this family if it is not 0. */
export function resolveHost(
  host: string | undefined,
  family: 0 | 4 | 6 = 0,
): Promise<string | undefined> {
  if (host === undefined || host === '' || isIP(host) !== 0) {
    return Promise.resolve(host === '' ? undefined : host)
  }
  return new Promise((done, fail) => {
    builtins.dns.lookup(host, family, (error, address) => (error ? fail(error) : done(address)))
  })
}
