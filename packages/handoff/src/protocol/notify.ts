// The text of a notification: lines of `NAME=value`, as sd_notify(3) has them.

import { printable } from './printable.ts'

/** Fields of one notification, such as `READY=1`. */
export type NotifyFields = Readonly<Record<string, string>>

/** The field that carries one HandoffEvent as JSON, beside the standard ones. */
export const eventField = 'X_HANDOFF_EVENT'

/** The field that carries the text of an uncaught exception, as a JSON string. */
export const exceptionField = 'X_HANDOFF_EXCEPTION'

/** The field that carries the last output to stderr of a process that fails, as a JSON string. */
export const wordsField = 'X_HANDOFF_LAST_WORDS'

/**
 * The field by which a process shows that its event loop turns. `1` at an interval; `0` if no more will
 * follow, since this process closes its handoff or a debugger may stop it.
 */
export const aliveField = 'X_HANDOFF_ALIVE'

/** The field that carries the length of probation, in microseconds. */
export const probationField = 'X_HANDOFF_PROBATION_USEC'

/**
 * Writes a notification. A line break would end a value early, so it becomes a space. A STATUS is made
 * printable.
 */
export function formatNotify(fields: NotifyFields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${name === 'STATUS' ? printable(value) : oneLine(value)}`)
    .join('\n')
}

function oneLine(value: string): string {
  return value.replace(/[\r\n]+/g, ' ')
}

/** Reads a notification. Lines that are not `NAME=value` are skipped, as systemd does. */
export function parseNotify(text: string): NotifyFields {
  const fields: Record<string, string> = Object.create(null)
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=')
    if (equals > 0) fields[line.slice(0, equals)] = line.slice(equals + 1)
  }
  return fields
}
