// The place of a service manager: every datagram that comes, with its fields, sender and descriptors.

import { fstatSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { DatagramListener } from '../../packages/handoff/src/io/channel/datagram.ts'
import { close } from '../../packages/handoff/src/io/native/descriptors.ts'
import { eventField, parseNotify } from '../../packages/handoff/src/protocol/notify.ts'
import { storeNameOf } from '../../packages/handoff/src/protocol/store-names.ts'
import { inode, scratchDirectory } from './scratch.ts'
import { until } from './until.ts'

export interface Notified {
  /** Without the event of ours, which a service manager skips. */
  readonly fields: Record<string, string>
  /** By the kernel's word. */
  readonly pid: number
  readonly uid: number
  /** Of the descriptors. */
  readonly inodes: readonly number[]
}

/** What a service manager has in its store. */
export interface Kept {
  readonly name: string
  readonly fd: number
}

export class NotifyPeer {
  readonly path = join(scratchDirectory(), 'notify.sock')
  readonly datagrams: Notified[] = []
  /** As systemd has it: service_add_fd_store() of src/core/service.c. */
  readonly store: Kept[] = []

  /** As one that knows nothing of BARRIER=1. */
  keepsBarriers = false
  /** As one that is slow to remove what it is to remove. */
  keepsAll = false
  readonly #barriers: number[] = []

  constructor() {
    const listener = DatagramListener.bind(
      this.path,
      0o600,
      ({ data, fds, pid, uid }) => {
        const inodes = fds.map((fd) => fstatSync(fd).ino)
        const { [eventField]: _, ...fields } = parseNotify(data.toString())
        this.datagrams.push({ fields, pid, uid, inodes })
        if (this.keepsBarriers && fields.BARRIER === '1') this.#barriers.push(...fds)
        else this.#keep(fields, fds)
      },
      (error) => {
        throw error
      },
    )
    onTestFinished(() => {
      listener.close()
      this.#drop(this.store)
      this.#barriers.forEach(close)
    })
  }

  #keep({ FDSTORE, FDSTOREREMOVE, FDNAME = 'stored' }: Record<string, string>, fds: number[]) {
    if (FDSTOREREMOVE === '1' && !this.keepsAll)
      this.#drop(this.store.filter(({ name }) => name === FDNAME))
    for (const fd of fds) {
      const known = this.store.some((kept) => inode(kept.fd) === inode(fd))
      if (FDSTORE === '1' && !known) this.store.push({ name: FDNAME, fd })
      else close(fd)
    }
  }

  /** Removes late what was to be removed. */
  drop(key: string): void {
    this.#drop(this.store.filter(({ name }) => name === storeNameOf(key)))
  }

  #drop(kept: readonly Kept[]): void {
    for (const one of [...kept]) {
      this.store.splice(this.store.indexOf(one), 1)
      close(one.fd)
    }
  }

  /** What concerns a service manager, from a datagram on; its words for people and statistics left out. */
  told(from = 0): string[] {
    return this.datagrams.slice(from).flatMap(({ fields }) => {
      const { STATUS: _, MONOTONIC_USEC: __, ...rest } = fields
      const text = Object.entries(rest).map(([name, value]) => `${name}=${value}`)
      return text.length > 0 ? [text.join(' ')] : []
    })
  }

  /** Waits until the last of these has come, and gives all from a datagram on. */
  async hears(last: string, from = 0): Promise<string[]> {
    await until(`${last} is told`, () => this.told(from).includes(last))
    return this.told(from)
  }
}
