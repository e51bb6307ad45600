// Keeps the paths of Unix listeners, which programs remove before they listen and when they exit.

import { linkSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { ManifestEntry } from '../../protocol/manifest.ts'
import { unlinkUnguarded } from '../files/unlink-hook.ts'
import { builtins } from '../node/builtins.ts'
import { inodeAt, unlinkOwn } from './socket-path.ts'

/**
 * A kept path has two files in the directory of the run: a hard link to the socket, and a symbolic link
 * with this ending that names the path. The symbolic link says that the path must exist. As long as the
 * hard link exists, the kernel gives the number of its inode to no other file: equal numbers prove that
 * two files are the same.
 */
const recordEnding = '.path'
const linkPattern = /^kept-[0-9a-f]{8}$/

/** The files by which one path is kept. */
interface Place {
  /** The path itself, absolute; empty if it is not known. */
  readonly path: string
  /** The hard link; if the path is on another file system, a symbolic link to that link. */
  readonly link: string
  readonly record: string
}

/**
 * The paths of one run that must lead to its listeners. All processes of the run share them.
 *
 * @remarks On a file system without hard links no path can be kept, and programs may remove theirs.
 * @internal
 */
export class KeptPaths {
  readonly #directory: () => string | undefined
  readonly #onKeep: () => void
  /** Paths that the program of this process has removed on purpose. */
  readonly #released = new Set<string>()

  /**
   * @param directory - the directory of the run; undefined as long as there is none.
   * @param onKeep - called whenever a path is kept.
   */
  constructor(directory: () => string | undefined, onKeep: () => void = () => {}) {
    this.#directory = directory
    this.#onKeep = onKeep
  }

  /** Keeps the path if the socket with this inode (`device:inode`) is there. */
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
   * @param inode - the inode of the socket; undefined for the one that is kept.
   * @param anew - whether the program listens there again. Restores a path that it removed on purpose.
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
   * Whether the path must stay when this process closes its listener: the run has several workers, and
   * the others may serve at the same socket. The supervisor removes the path at the end of the run.
   */
  isShared(path: string): boolean {
    const directory = this.#directory()
    return directory !== undefined && hasManyWorkers(directory) && this.has(path)
  }

  /** The program that serves removes the path on purpose: restores it only if it listens there again. */
  release(path: string): void {
    const place = this.#place(path)
    if (place === undefined) return
    this.#released.add(place.path)
    unlink(place.record)
  }

  /** Whether the program of this process has removed the path on purpose, and not listened there again. */
  isReleased(path: string): boolean {
    return this.#released.has(resolve(path))
  }

  /** Keeps the path no longer, unless another socket is kept for it by now. */
  forget(path: string, inode: string): void {
    const place = this.#place(path)
    if (place !== undefined && inodeOf(place) === inode) remove(place)
  }

  /**
   * Restores the path of a listener if it is missing, and keeps it. The path of a socket unit has no inode
   * in its entry: it is the unit's.
   *
   * @param anew - whether the program has just asked for the listener.
   */
  keepEntry({ protocol, address, inode }: ManifestEntry, anew = false): void {
    if (protocol !== 'unix') return
    this.restore(address, inode, anew)
    if (inode !== undefined) this.keep(address, inode)
  }

  /** Removes the path of a listener, and keeps it no more; not if other workers may serve there. */
  removeEntry(entry: ManifestEntry): void {
    const { protocol, address, inode } = entry
    if (protocol === 'unix' && this.isShared(address)) return
    unlinkOwn(entry)
    if (protocol === 'unix' && inode !== undefined) this.forget(address, inode)
  }

  #place(path: string): Place | undefined {
    const directory = this.#directory()
    if (directory === undefined || path === '' || /^[@\0]/.test(path)) return undefined
    const absolute = resolve(path)
    const name = builtins.crypto.createHash('sha256').update(absolute).digest('hex').slice(0, 8)
    return placeAt(directory, `kept-${name}`, absolute)
  }
}

/** Restores all paths of a run that were removed. */
export function restoreKept(directory: string): void {
  for (const place of placesIn(directory)) if (isWanted(place)) restore(place)
}

/**
 * Removes the paths of a run to which no process listens.
 *
 * @param isDead - returns whether no process listens on the socket at a path.
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

/** Whether the run has several workers: each has a rendezvous socket of its own. */
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

/** Never replaces another file: link(2) fails if anything is at the path. */
function restore(place: Place): void {
  if (inodeOf(place) === undefined) return
  try {
    linkSync(linkOf(place), place.path)
  } catch {
    // The path exists, or its directory does not.
  }
}

function remove(place: Place): void {
  unlink(linkOf(place))
  unlink(place.link)
  unlink(place.record)
}

function unlink(path: string): void {
  try {
    unlinkUnguarded(path)
  } catch {
    // It was removed already.
  }
}
