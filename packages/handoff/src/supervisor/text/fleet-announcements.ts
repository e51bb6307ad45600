// What the supervisor tells the operator of several workers.

import { withSentence } from '../../words/sentence.ts'
import type { Failure } from '../registry/start-result.ts'
import type { Announcement } from './announce.ts'

/** A line about one of several workers. */
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

/** Where a reload has stopped: the operator's first question, for each worker. */
export function standing(renewed: readonly number[], others: readonly number[]): string {
  const first = renewed.length === 0 ? 'No worker' : capital(workersText(renewed))
  const verb = renewed.length > 1 ? 'run' : 'runs'
  const old = others.length === 0 ? '' : `; ${workersText(others)} ${runs(others)} the code before`
  return `${first} ${verb} the new code${old}.`
}

/** The reload has not gone to its end. */
export function stopped(renewed: readonly number[], others: readonly number[]): Announcement {
  return { tone: 'bad', text: `the reload stops here. ${standing(renewed, others)}` }
}

export function hasLeft(to: number): Announcement {
  return { tone: 'info', text: `has handed over to worker ${to}, and has no place any more` }
}

export function stays({ code, message }: Failure): Announcement {
  return { tone: 'bad', text: `${withSentence(message, 'It serves on where it is.')} [${code}]` }
}

function runs(numbers: readonly number[]): string {
  return numbers.length > 1 ? 'run' : 'runs'
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
