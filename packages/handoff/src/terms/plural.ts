// Writes counts in sentences.

/** `1 listener`, `3 listeners`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
