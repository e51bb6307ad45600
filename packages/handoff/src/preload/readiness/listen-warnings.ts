// Words the warnings about listeners that a program lacks.

import type { ListeningChild } from '../../io/listeners/listening-ports.ts'
import { joinedTo, type ManifestEntry, placeOf } from '../../protocol/manifest.ts'
import { type DroppedPlaces, isDropped } from './dropped-places.ts'

/** Returns the addresses on which the program has to listen and does not. */
export function missingPlaces(
  unclaimed: readonly ManifestEntry[],
  dropped: DroppedPlaces,
): string[] {
  return (
    unclaimed
      .filter((entry) => !isDropped(entry, dropped))
      // A joined listener belongs to the listener that it has joined.
      .filter(({ key }) => joinedTo(key) === undefined)
      .map(placeOf)
  )
}

/** Ports of the program that are not handed over. */
export interface Elsewhere {
  readonly ports: readonly number[]
  readonly children: readonly ListeningChild[]
}

/** @param hasOld - whether an old process listens there; if not, the supervisor kept the listeners. */
export function missingText(
  places: readonly string[],
  hasOld: boolean,
  { ports, children }: Elsewhere,
): string {
  const where = places.join(', ')
  const there = hasOld ? 'the old process does' : 'clients wait there since the last process ended'
  const text = `this process does not listen on ${where}, and ${there}`
  if (children.length > 0) return `${text}; ${childrenText(children)}`
  if (ports.length === 0) return text
  const why = hasOld
    ? ': it found its port taken by the old process, if it looks for a free one'
    : ''
  return `${text}; it listens on ${portsText(ports)} instead${why}`
}

/** Returns the warning about a program that listens on nothing. */
export function noListenerText({ children }: Elsewhere): string {
  const text = 'there is nothing to hand over: the program itself listens on no port and no path'
  if (children.length > 0) return `${text}; ${childrenText(children)}`
  return `${text} of its own (port 0 and HANDOFF_IGNORE are left to it). It runs, and a reload starts a new process and then stops the old one`
}

/** Returns the error about children of the old process whose ports this process does not serve. */
export function unservedText(lost: readonly ListeningChild[]): string {
  const all = lost.map((child) => `a child of the old process ${nameOf(child)}`)
  return `${all.join(', ')}, and no child of this process does. It ends with the old process. ${remedy}`
}

/** Returns the same as a warning, for a handoff that continues. */
export function endingChildText(lost: readonly ListeningChild[]): string {
  const all = lost.map((child) => `a child of the old process ${nameOf(child)}`)
  return `${all.join(', ')}, and ends with the old process: clients are refused there until a child of this process listens`
}

/** Returns a text for each port, to compare two sets of children. */
export function unservedPlaces(lost: readonly ListeningChild[]): string[] {
  return lost.flatMap(({ pid, ports }) => ports.map((port) => `port ${port} of pid ${pid}`))
}

function childrenText(children: readonly ListeningChild[]): string {
  const all = children.map((child) => `a child of the process ${nameOf(child)}`)
  return `${all.join(', ')}. ${remedy}`
}

const remedy = 'Start the file that listens by itself: handoff run FILE'

function nameOf({ pid, ports, command }: ListeningChild): string {
  return `(pid ${pid}: ${shorten(command.join(' '))}) listens on ${portsText(ports)}`
}

function portsText(ports: readonly number[]): string {
  return `${ports.length === 1 ? 'port' : 'ports'} ${ports.join(', ')}`
}

function shorten(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
  return plain.length <= 80 ? plain : `${plain.slice(0, 79)}…`
}
