// Finds ports that would close with the children of the old process, since no child of the new process listens there.

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
 * @param isExpected - returns whether the operator drops or ignores this port.
 */
export function unservedChildPorts(
  old: number,
  isExpected: (port: number) => boolean,
): ListeningChild[] {
  const theirs = listeningInSession(old)
  if (theirs.length === 0) return []
  return unservedPorts(theirs, portsHere(), isExpected)
}

/**
 * Returns the children with the ports that this process does not serve. A helper that listens on port 0
 * has a different port in each generation, so such ports are only counted.
 */
export function unservedPorts(
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
