// The sentences that `handoff run` prints about several workers.

import { withSentence } from '../../words/sentence.ts'
import type { Failure } from '../registry/start-result.ts'
import type { Announcement } from './announcements.ts'

/** Prefixes a line with its worker. */
export function ofWorker(number: number, line: Announcement): Announcement {
  return { ...line, text: `worker ${number}: ${line.text}` }
}

/** `worker 2`, `workers 1, 3 and 4`. */
function workersText(numbers: readonly number[]): string {
  const sorted = [...numbers].sort((a, b) => a - b)
  const last = sorted.at(-1)
  if (sorted.length === 1) return `worker ${last}`
  return `workers ${sorted.slice(0, -1).join(', ')} and ${last}`
}

/** Which workers run the new code after a reload that has stopped. */
export function codeText(renewed: readonly number[], others: readonly number[]): string {
  const first = renewed.length === 0 ? 'No worker' : capitalised(workersText(renewed))
  const verb = renewed.length > 1 ? 'run' : 'runs'
  const old = others.length === 0 ? '' : `; ${workersText(others)} ${runs(others)} the old code`
  return `${first} ${verb} the new code${old}.`
}

export function reloadStopped(renewed: readonly number[], others: readonly number[]): Announcement {
  return { tone: 'bad', text: `the reload stops here. ${codeText(renewed, others)}` }
}

export function surplusHasLeft(to: number): Announcement {
  return { tone: 'info', text: `has handed over to worker ${to}, as a surplus worker` }
}

export function surplusStays({ code, message }: Failure): Announcement {
  const text = withSentence(message, 'This surplus worker serves on.')
  return { tone: 'bad', text: `${text} [${code}]` }
}

function runs(numbers: readonly number[]): string {
  return numbers.length > 1 ? 'run' : 'runs'
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
