// Reads where a listener is, as operators write it: a port or a Unix path.

import { parsed } from '../../terms/checks.ts'

const expected = 'a port from 1 to 65535 or a Unix path'

/** One place. A comma separates places in HANDOFF_DROP, so that a path cannot have one. */
export const listenerPlace = parsed(expected, (text) =>
  isListenerPlace(text) && !text.includes(',') ? text : undefined,
)

/** Places with a comma between two of them, as in HANDOFF_DROP. */
export const listenerPlaces = parsed(`${expected}, or several with commas`, (text) => {
  const places = text.split(',')
  return places.every(isListenerPlace) ? places : undefined
})

/** A path has a `/` or a `.`; `*` is every place. */
function isListenerPlace(text: string): boolean {
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 65_535
  return text === '*' || (/[/.]/.test(text) && !text.includes('\0'))
}

/** Returns the places where none of the listeners is, such as `tcp:127.0.0.1:3000`. */
export function placesWithout(
  listeners: readonly string[],
  places: readonly string[],
): readonly string[] {
  return places.filter(
    (place) => place !== '*' && !listeners.some((listener) => listener.endsWith(`:${place}`)),
  )
}
