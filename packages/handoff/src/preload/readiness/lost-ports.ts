// Finds the ports on which nothing listens once the children of the old process have ended with it.

import {
  isEphemeral,
  type ListeningChild,
  listeningChildren,
  listeningInSession,
  listeningPorts,
} from '../../io/listeners/listening-ports.ts'

/**
 * Returns the children of the old process that listen on TCP ports where neither this process nor a child of
 * it does, each with these ports. Under `handoff run` the children of a process end with it.
 *
 * @param isExpected - whether the operator gives this port up.
 */
export function lostPorts(old: number, isExpected: (port: number) => boolean): ListeningChild[] {
  const theirs = listeningInSession(old)
  if (theirs.length === 0) return []
  return withoutPorts(theirs, portsHere(), isExpected)
}

/**
 * Takes the ports away that are served on here. A helper that listens on port 0 has another port in each
 * generation: such ports are only counted.
 */
export function withoutPorts(
  theirs: readonly ListeningChild[],
  here: ReadonlySet<number>,
  isExpected: (port: number) => boolean,
): ListeningChild[] {
  const known = new Set(theirs.flatMap(({ ports }) => ports))
  let replacements = [...here].filter((port) => !known.has(port) && isEphemeral(port)).length
  const isLost = (port: number) => {
    if (here.has(port) || isExpected(port)) return false
    if (!isEphemeral(port) || replacements === 0) return true
    replacements -= 1
    return false
  }
  return theirs
    .map((child) => ({ ...child, ports: child.ports.filter(isLost) }))
    .filter(({ ports }) => ports.length > 0)
}

function portsHere(): ReadonlySet<number> {
  const children = [...listeningChildren(process.pid), ...listeningInSession(process.pid)]
  return new Set([...listeningPorts(process.pid), ...children.flatMap(({ ports }) => ports)])
}
