// Stages send and commit, old side: exports what the application hands over, and sends it.

import type { States } from '../../generation/states.ts'
import { valueLimitBytes, writeValueFile } from '../../io/channel/value-file.ts'
import type { System } from '../../io/system/system.ts'
import type { StateMessage, StateMoment } from '../../protocol/messages.ts'
import { handoffError } from '../../talk/failures.ts'
import type { Peer } from '../../talk/peer.ts'
import { type HandoffError, reasonOf } from '../../terms/errors.ts'

/**
 * How much goes in frames at one moment, in bytes; the rest in files. Far below the send buffer of
 * a Unix socket (net.core.wmem_default, 208 KiB), so that even a peer that does not read leaves
 * room for our abort.
 */
const inlineLimitBytes = 64 * 1024

export interface Exporting {
  states: States
  system: System
  peer: Peer<'old'>
  timeoutMs: number
}

/**
 * Exports the states of this moment, and sends them.
 *
 * @returns undefined if there are none; else a promise that resolves when the kernel has all of them.
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
  /** The value as a frame contains it; undefined if it goes as a file. */
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
    // A copy, since the application may change its own from now on.
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
  peer: Peer<'old'>,
): Promise<void> {
  let left = inlineLimitBytes
  for (const { key, encoding, bytes, inline } of values) {
    const size = encoding === 'bytes' ? Math.ceil(bytes.length / 3) * 4 : bytes.length
    try {
      if (size <= left) {
        left -= size
        await peer.sendOrThrow({ type: 'state', key, when, encoding, value: inline })
      } else {
        const file = await writeValueFile(bytes)
        try {
          const { length } = bytes
          await peer.sendOrThrow({ type: 'state', key, when, encoding, length }, [file.fd])
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
  const situation = { action: 'hand over', stage: 'send', serving: 'old' } as const
  return handoffError('ERR_HANDOFF_STATE', what, situation, { cause })
}
