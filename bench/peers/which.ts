// Finds programs as a shell does.

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian installs servers there, and users who are not root do not have it in PATH. */
const more = ['/usr/sbin', '/usr/local/sbin']

/** Returns the path of a program, or undefined if it is not installed. */
export function which(name: string, path = process.env.PATH ?? ''): string | undefined {
  const places = [...path.split(delimiter).filter((place) => place !== ''), ...more]
  return places.map((place) => join(place, name)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
