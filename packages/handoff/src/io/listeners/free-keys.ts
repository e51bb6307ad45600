// Keys for listeners that no other listener of this process has.

import { joinedKey, keyOf, type ListenerRequest } from '../../protocol/manifest.ts'

/** Returns a key for a request. With SO_REUSEPORT several listeners may have one address. */
export function freeKey(request: ListenerRequest, taken: ReadonlySet<string>): string {
  const first = keyOf(request)
  let key = first
  for (let count = 2; taken.has(key); count++) key = `${first}#${count}`
  return key
}

/** Returns a key for a listener that joins the one with the key `to`. */
export function freeJoinedKey(to: string, taken: ReadonlySet<string>): string {
  for (let number = 2; ; number++) {
    const key = joinedKey(to, number)
    if (!taken.has(key)) return key
  }
}
