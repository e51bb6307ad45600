// A TLS connection that arrived and has no socket yet: its secrets, and what an application may ask of it.

import { sendNow } from '../../io/native/scm-rights.ts'
import { TlsRecords } from '../../io/native/tls-records.ts'
import { HandoffError } from '../../terms/errors.ts'
import { TlsSession } from '../../tls/session.ts'
import type { Received } from '../moving/layer.ts'
import type { Arriving } from '../moving/mover.ts'
import { readTlsFields, type TlsFields } from './tls-item.ts'

export class ReceivedTls implements Received {
  /** The secrets, in native memory. */
  readonly records: TlsRecords
  readonly fields: TlsFields

  private constructor(records: TlsRecords, fields: TlsFields) {
    this.records = records
    this.fields = fields
  }

  /** @throws {@link HandoffError} ERR_HANDOFF_PROTOCOL if a part is missing or malformed. */
  static read({ item, secrets }: Pick<Arriving, 'item' | 'secrets'>): ReceivedTls {
    const { progress, ...fields } = readTlsFields(item)
    if (secrets === undefined) throw malformed()
    let records: TlsRecords | undefined
    try {
      records = new TlsRecords(secrets.file, secrets.index)
      if (progress !== undefined) records.advance(progress)
      return new ReceivedTls(records, fields)
    } catch (error) {
      records?.wipe()
      throw malformed(error)
    }
  }

  get itemFields(): object {
    return { tls: this.fields }
  }

  /** Sends close_notify, so that the client does not take the end for a truncation. */
  sayGoodbye(fd: number): void {
    try {
      sendNow(fd, new TlsSession(this.records).close())
    } catch {
      // The client has closed the connection, or reads nothing.
    }
    this.records.wipe()
  }

  forget(): void {
    this.records.wipe()
  }
}

function malformed(cause?: unknown): HandoffError {
  return new HandoffError(
    'ERR_HANDOFF_PROTOCOL',
    'cannot adopt a TLS connection: its secrets are malformed or missing',
    { cause },
  )
}
