// The words about a program that does not listen where it might.

import type { ListeningChild } from '../../io/listeners/listening-ports.ts'
import { joinedTo, type ManifestEntry, placeOf } from '../../protocol/manifest.ts'
import { type Dropped, isDropped } from './dropped.ts'

/** Returns where the program has to listen and does not, for people. */
export function missingPlaces(unclaimed: readonly ManifestEntry[], dropped: Dropped): string[] {
  return (
    unclaimed
      .filter((entry) => !isDropped(entry, dropped))
      // A joined listener comes with the one that it has joined.
      .filter(({ key }) => joinedTo(key) === undefined)
      .map(placeOf)
  )
}

/** Where else the program listens. */
export interface Elsewhere {
  readonly ports: readonly number[]
  readonly children: readonly ListeningChild[]
}

/** @param hasOld - whether an old process listens there; else the listeners were kept for this one. */
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

/** About a program that listens on nothing. */
export function idleText({ children }: Elsewhere): string {
  const text = 'there is nothing to hand over: the program itself listens on no port and no path'
  if (children.length > 0) return `${text}; ${childrenText(children)}`
  return `${text} of its own (port 0 and HANDOFF_IGNORE are left to it). It runs, and a reload starts a new process and then stops the old one`
}

/** About children of the old process that listen where nothing of this process does. */
export function lostText(lost: readonly ListeningChild[]): string {
  const all = lost.map((child) => `a child of the old process ${nameOf(child)}`)
  return `${all.join(', ')}, and no child of this process does. It ends with the old process. ${remedy}`
}

/** The same as one warning, if the handoff goes on. */
export function endingText(lost: readonly ListeningChild[]): string {
  const all = lost.map((child) => `a child of the old process ${nameOf(child)}`)
  return `${all.join(', ')}, and ends with the old process: clients are refused there until a child of this process listens`
}

/** What differs between two sets of them. */
export function lostPlaces(lost: readonly ListeningChild[]): string[] {
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
