// Describes events in words: the same ones in the supervisor's output, logs and the status of systemd.

import { printable } from '../protocol/printable.ts'
import type { Serving } from '../terms/errors.ts'
import type { HandoffEvent } from '../terms/events.ts'
import { plural } from '../terms/plural.ts'
import { drainedText, kindsText } from './fates-text.ts'
import { processName, withSentence } from './sentence.ts'

/** An event in words. */
export interface Description {
  /**
   * `good`: a process serves; `bad`: something failed or was lost; `info`: all is well; `detail`: of
   * interest to a person who looks for a fault.
   */
  tone: 'good' | 'bad' | 'info' | 'detail'
  /** One line without control characters. */
  text: string
}

/** Which process answers clients, as the last sentence of a failure. */
export const servingText: Readonly<Record<Serving, string>> = {
  old: 'The old process serves on.',
  new: 'The new process serves.',
  none: 'No process serves.',
}

/** The end of a ramp is not known: the old process hangs, or is stopped. */
export const mayStillAccept = 'the old process has not reported that it stopped accepting'

/**
 * Describes an event for a person: in a log, on a terminal, in a chat.
 *
 * @remarks `socket-handoff` itself uses these words wherever it shows an event. They may change with
 * any release: programs read the event.
 */
export function describe(event: HandoffEvent): Description {
  const { tone, subject, detail } = partsOf(event)
  return { tone, text: printable(`${subject}${detail}`).trim() }
}

/** The part of {@link describe}'s text that the columns of a table do not show already. */
export function detailOf(event: HandoffEvent): string {
  return printable(partsOf(event).detail)
}

interface Parts {
  readonly tone: Description['tone']
  /** The process, and what it does. */
  readonly subject: string
  readonly detail: string
}

function partsOf(event: HandoffEvent): Parts {
  const name = processName(event)
  switch (event.type) {
    case 'stage': {
      const { stage, detail } = event
      return { tone: 'detail', subject: detail === '' ? stage : `${stage}: `, detail }
    }
    case 'serving':
      return { tone: 'good', subject: `${name} serves `, detail: servesText(event) }
    case 'aborted': {
      const { stage, code, message, serving } = event
      const reason = withSentence(message, servingText[serving] ?? '').trim()
      const detail = `in ${stage}: ${reason} [${code}]`
      return { tone: 'bad', subject: `${name} aborted the handoff `, detail }
    }
    case 'taken-back': {
      // In the ramp it had never stopped.
      const what =
        event.stage === 'ramp' ? ', and had never stopped accepting' : ' and serves again'
      const subject = `${name} has taken back${what}: `
      return { tone: 'bad', subject, detail: `${event.message} [${event.code}]` }
    }
    case 'drained': {
      const { fates, counts } = event
      const tone = counts.forced > 0 ? 'bad' : 'info'
      return { tone, subject: `${name} has drained: `, detail: drainedText(fates, counts) }
    }
    case 'joined': {
      const detail = `from ${processName(event.from)} as well`
      return { tone: 'info', subject: `${name} has taken over `, detail }
    }
    case 'status': {
      const { stage, connections, open } = event
      const kinds = connections === 0 ? '' : ` (${kindsText(open)})`
      const detail = `${stage}, ${plural(connections, 'connection')}${kinds}`
      return { tone: 'detail', subject: `${name}: `, detail }
    }
    case 'warning':
      return { tone: 'bad', subject: '', detail: event.message }
  }
}

type ServingEvent = Extract<HandoffEvent, { type: 'serving' }>

function servesText({ listeners, replaces, elapsedMs }: ServingEvent): string {
  const place = listeners.length > 0 ? `on ${listeners.join(', ')} ` : ''
  const instead = replaces === null ? '' : `, in place of generation ${replaces.generation}`
  return `${place}after ${Math.round(elapsedMs)} ms${instead}`
}
