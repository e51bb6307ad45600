// Where a listener is, as operators name it: a port or a Unix path.

/** Returns whether the text can be a place: a port from 1 to 65535, or a path, which has a `/` or a `.`. */
export function isListenerPlace(text: string): boolean {
  if (/^\d+$/.test(text)) return Number(text) >= 1 && Number(text) <= 65_535
  return text === '*' || (/[/.]/.test(text) && !text.includes('\0'))
}

/** Returns those places at which no listener is, of listeners such as `tcp:127.0.0.1:3000`. */
export function placesWithout(
  listeners: readonly string[],
  places: readonly string[],
): readonly string[] {
  return places.filter(
    (place) => place !== '*' && !listeners.some((listener) => listener.endsWith(`:${place}`)),
  )
}
