// Keeps the paths of Unix listeners: programs remove them before they listen, and when they exit.

import { createHash } from 'node:crypto'
import { linkSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { statOfPath } from '../files/file-stat.ts'
import { unlinkForUs } from '../files/unlink-hook.ts'

/**
 * A kept path has two files in the directory of the run: a hard link to the socket, and, with this
 * ending, a symbolic link that names the path. The second one says that the path is to be there. As
 * long as the hard link exists, the kernel gives the number of its inode to no other file: to compare
 * numbers is a proof.
 */
const recordEnding = '.path'
const linkPattern = /^kept-[0-9a-f]{8}$/

/** Where one path is kept. */
interface Place {
  /** The path itself, absolute; empty if it is not known. */
  readonly path: string
  /** The hard link; where the path is on another file system, a symbolic link to that link. */
  readonly link: string
  readonly record: string
}

/**
 * The paths of one run that must lead to its listeners. All processes of the run share them.
 *
 * @remarks What cannot be kept, on a file system without hard links, is as it would be without this.
 * @internal
 */
export class KeptPaths {
  readonly #directory: () => string | undefined
  readonly #onKeep: () => void
  /** Paths that the program of this process has removed by intent. */
  readonly #released = new Set<string>()

  /**
   * @param directory - of the run; undefined as long as there is none.
   * @param onKeep - called whenever a path is kept.
   */
  constructor(directory: () => string | undefined, onKeep: () => void = () => {}) {
    this.#directory = directory
    this.#onKeep = onKeep
  }

  /** Keeps the path, if the socket with this inode (`device:inode`) is there. */
  keep(path: string, inode: string): void {
    const place = this.#place(path)
    if (place === undefined || inodeAt(path) !== inode) return
    this.#released.delete(place.path)
    try {
      if (inodeOf(place) !== inode) {
        remove(place)
        makeLink(place)
      }
      if (!isWanted(place)) symlinkSync(place.path, place.record)
    } catch {
      // Another worker keeps it at this very moment, or it cannot be kept.
    }
    if (inodeOf(place) === inode) this.#onKeep()
  }

  /**
   * Puts the path back if nothing is there.
   *
   * @param inode - of the socket; undefined for whichever is kept.
   * @param anew - even if the program has removed the path by intent: it listens there again.
   */
  restore(path: string, inode?: string, anew = false): void {
    const place = this.#place(path)
    if (place === undefined || (inode !== undefined && inodeOf(place) !== inode)) return
    if (anew) this.#released.delete(place.path)
    if (anew || isWanted(place)) restore(place)
  }

  /** Whether a socket is at the path, and is kept. */
  has(path: string): boolean {
    const place = this.#place(path)
    if (place === undefined) return false
    const inode = inodeOf(place)
    return inode !== undefined && inode === inodeAt(place.path)
  }

  /**
   * Whether the path is to stay when this process closes its listener: the run has several workers, and
   * the others may serve at the same socket. The supervisor removes the path at the end of the run.
   */
  isShared(path: string): boolean {
    const directory = this.#directory()
    return directory !== undefined && hasManyWorkers(directory) && this.has(path)
  }

  /** The program that serves removes the path by intent: it is put back only when it listens there anew. */
  release(path: string): void {
    const place = this.#place(path)
    if (place === undefined) return
    this.#released.add(place.path)
    unlink(place.record)
  }

  /** Whether the program of this process has removed the path by intent, and not listened there anew. */
  isReleased(path: string): boolean {
    return this.#released.has(resolve(path))
  }

  /** Keeps the path no more, unless another socket is kept for it by now. */
  forget(path: string, inode: string): void {
    const place = this.#place(path)
    if (place !== undefined && inodeOf(place) === inode) remove(place)
  }

  #place(path: string): Place | undefined {
    const directory = this.#directory()
    if (directory === undefined || path === '' || /^[@\0]/.test(path)) return undefined
    const absolute = resolve(path)
    const name = createHash('sha256').update(absolute).digest('hex').slice(0, 8)
    return placeAt(directory, `kept-${name}`, absolute)
  }
}

/** Puts back all paths of a run that were removed. */
export function restoreKept(directory: string): void {
  for (const place of placesIn(directory)) if (isWanted(place)) restore(place)
}

/**
 * Removes the paths of a run to which nobody listens.
 *
 * @param isDead - whether nobody listens on the socket at this path.
 */
export function removeKept(directory: string, isDead: (path: string) => boolean): void {
  for (const place of placesIn(directory)) {
    const inode = inodeOf(place)
    if (inode !== undefined && !isDead(linkOf(place))) continue
    if (inode !== undefined && inode === inodeAt(place.path)) unlink(place.path)
    remove(place)
  }
}

/** Whether any path is kept here. */
export function keepsAny(directory: string): boolean {
  return placesIn(directory).length > 0
}

/**
 * Device and inode of the socket at a path; undefined for anything else, and where this process may not
 * look: it may have given up root.
 */
export function inodeAt(path: string): string | undefined {
  try {
    const stat = statOfPath(path)
    return stat?.isSocket() ? `${stat.dev}:${stat.ino}` : undefined
  } catch {
    return undefined
  }
}

/** Whether processes of several workers can be replaced here: each has a rendezvous socket of its own. */
function hasManyWorkers(directory: string): boolean {
  try {
    const names = readdirSync(directory)
    return names.filter((name) => /^rendezvous(-\d+)?\.sock$/.test(name)).length > 1
  } catch {
    return false
  }
}

function placesIn(directory: string): Place[] {
  try {
    return readdirSync(directory)
      .filter((name) => linkPattern.test(name))
      .map((name) => placeAt(directory, name, target(join(directory, name + recordEnding)) ?? ''))
  } catch {
    return []
  }
}

function placeAt(directory: string, name: string, path: string): Place {
  const link = join(directory, name)
  return { path, link, record: `${link}${recordEnding}` }
}

/** The hard link itself: in the directory of the run, or beside the path. */
function linkOf({ link }: Place): string {
  return target(link) ?? link
}

function isWanted({ record }: Place): boolean {
  return target(record) !== undefined
}

function inodeOf(place: Place): string | undefined {
  return inodeAt(linkOf(place))
}

/** Where a symbolic link leads to; undefined for anything else. */
function target(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined
  }
}

function makeLink({ path, link }: Place): void {
  try {
    linkSync(path, link)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    const beside = join(dirname(path), `.${basename(path)}.${basename(link)}`)
    unlink(beside)
    linkSync(path, beside)
    symlinkSync(beside, link)
  }
}

/** Never in the place of something else: link(2) fails where anything is. */
function restore(place: Place): void {
  if (inodeOf(place) === undefined) return
  try {
    linkSync(linkOf(place), place.path)
  } catch {
    // It is there; or its directory is not.
  }
}

function remove(place: Place): void {
  unlink(linkOf(place))
  unlink(place.link)
  unlink(place.record)
}

function unlink(path: string): void {
  try {
    unlinkForUs(path)
  } catch {
    // It has gone already.
  }
}
