// Stages send and commit, old side: what the application hands over is exported and sent.

import type { States } from '../generation/states.ts'
import { valueLimitBytes, writeValueFile } from '../io/channel/value-file.ts'
import type { System } from '../io/system/system.ts'
import type { StateMessage, StateMoment } from '../protocol/messages.ts'
import { type HandoffError, reasonOf } from '../terms/errors.ts'
import { handOverError } from './failures.ts'
import type { Peer } from './peer.ts'

/**
 * How much goes in frames at one moment, in bytes; the rest in files. Far below the send buffer of
 * a Unix socket (net.core.wmem_default, 208 KiB), so that even a peer that does not read leaves
 * room for our abort.
 */
const inlineLimitBytes = 64 * 1024

export interface Exporting {
  states: States
  system: System
  peer: Peer
  timeoutMs: number
}

/**
 * Exports what goes over at this moment, and sends it.
 *
 * @returns undefined where there is nothing; else a promise that resolves when the kernel has all.
 * It rejects with {@link HandoffError} ERR_HANDOFF_STATE.
 */
export function exportStates(when: StateMoment, exporting: Exporting): Promise<void> | undefined {
  const { states, system, peer, timeoutMs } = exporting
  const exports = states.exportsAt(when)
  if (exports.length === 0) return undefined
  const late = new Set(exports.map(({ key }) => key))
  return new Promise((resolve, reject) => {
    const deadline = system.timer(timeoutMs, () => {
      const [key = ''] = late
      reject(failure(key, `it was not exported within ${timeoutMs} ms`))
    })
    const values = exports.map(async (state) => {
      const value = await exportOne(state)
      late.delete(state.key)
      return { key: state.key, ...value }
    })
    Promise.all(values)
      .then((all) => send(when, all, peer))
      .then(resolve, reject)
      .finally(() => deadline.cancel())
  })
}

interface Value {
  encoding: StateMessage['encoding']
  bytes: Uint8Array
  /** As it stands in a frame. */
  inline: unknown
}

async function exportOne({
  key,
  export: give,
}: {
  key: string
  export: () => unknown
}): Promise<Value> {
  try {
    const value = await give()
    const encoded = encode(value)
    if (encoded.bytes.length <= valueLimitBytes) return encoded
    throw new RangeError(`it has ${encoded.bytes.length} bytes, more than ${valueLimitBytes}`)
  } catch (error) {
    throw failure(key, reasonOf(error), error)
  }
}

function encode(value: unknown): Value {
  if (value instanceof Uint8Array) {
    // A copy: what the application does with its own from now on is not handed over.
    const bytes = Buffer.from(value)
    const inline = bytes.length > inlineLimitBytes ? undefined : bytes.toString('base64')
    return { encoding: 'bytes', bytes, inline }
  }
  const text: string | undefined = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`${typeof value} is neither JSON nor bytes`)
  const bytes = Buffer.from(text)
  const inline = bytes.length > inlineLimitBytes ? undefined : JSON.parse(text)
  return { encoding: 'json', bytes, inline }
}

async function send(
  when: StateMoment,
  values: readonly (Value & { key: string })[],
  peer: Peer,
): Promise<void> {
  let left = inlineLimitBytes
  for (const { key, encoding, bytes, inline } of values) {
    const size = encoding === 'bytes' ? Math.ceil(bytes.length / 3) * 4 : bytes.length
    try {
      if (size <= left) {
        left -= size
        await peer.deliver({ type: 'state', key, when, encoding, value: inline })
      } else {
        const file = await writeValueFile(bytes)
        try {
          const { length } = bytes
          await peer.deliver({ type: 'state', key, when, encoding, length }, [file.fd])
        } finally {
          await file.close()
        }
      }
    } catch (error) {
      throw failure(key, reasonOf(error), error)
    }
  }
}

function failure(key: string, reason: string, cause?: unknown): HandoffError {
  const what = `the state ${JSON.stringify(key)} could not be exported: ${reason}`
  const details = cause === undefined ? {} : { cause }
  return handOverError('ERR_HANDOFF_STATE', what, { stage: 'send', ...details })
}
