// What the control endpoint takes: one schema for each path, by which every request is checked.

import { isAbsolute } from 'node:path'
import { HandoffError } from '../../terms/errors.ts'
import { isListenerPlace } from './listener-place.ts'
import { mostWorkers, readWorkerCount } from './worker-count.ts'

/** Reads the text of one parameter. @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION */
type Reader<T> = (text: string, name: string) => T

interface Schema {
  readonly method: 'GET' | 'POST'
  /** Every parameter that the path takes, by name. Each of them may be absent. */
  readonly parameters: Readonly<Record<string, Reader<unknown>>>
}

/** The paths of the control endpoint. */
export const schemas = {
  '/status': { method: 'GET', parameters: {} },
  '/reload': {
    method: 'POST',
    parameters: {
      wait: oneOf('exit'),
      workers: readWorkers,
      parallel: readFlag,
      drop: readPlaces,
      entry: readPath,
      cwd: readPath,
      node: readPath,
    },
  },
  '/upgrade': { method: 'POST', parameters: { command: readPath, node: readPath } },
  '/stop': { method: 'POST', parameters: {} },
} as const satisfies Record<string, Schema>

export type Path = keyof typeof schemas

/** The parameters of a request to `P`, checked. */
export type Parameters<P extends Path> = {
  readonly [Name in keyof (typeof schemas)[P]['parameters']]?: (typeof schemas)[P]['parameters'][Name] extends Reader<
    infer T
  >
    ? T
    : never
}

/** Returns the path, if the control endpoint has it. */
export function findPath(path: string): Path | undefined {
  return Object.hasOwn(schemas, path) ? (path as Path) : undefined
}

/**
 * Reads the query of a request.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_INVALID_OPTION if a parameter is unknown, is given twice or
 * has a value that its schema does not take.
 */
export function readParameters<P extends Path>(path: P, query: URLSearchParams): Parameters<P> {
  const readers: Schema['parameters'] = schemas[path].parameters
  const values = new Map<string, unknown>()
  for (const [name, text] of query) {
    const read = Object.hasOwn(readers, name) ? readers[name] : undefined
    if (read === undefined) {
      const known = Object.keys(readers).join(', ') || 'no parameter'
      throw invalid(`cannot read the request: ${path} takes ${known}, not ${quote(name)}`)
    }
    if (values.has(name)) throw invalid(`cannot read the request: ${name} is given twice`)
    values.set(name, read(text, name))
  }
  return Object.fromEntries(values) as Parameters<P>
}

/** The supervisor does not know the working directory of its client. */
function readPath(text: string, name: string): string {
  if (!isAbsolute(text)) throw invalid(`cannot use ${name}=${quote(text)}: it is no absolute path`)
  if (text.includes('\0')) throw invalid(`cannot use ${name}=${quote(text)}: it has a NUL byte`)
  return text
}

function readWorkers(text: string): number {
  const count = readWorkerCount(text)
  if (count !== undefined) return count
  throw invalid(`cannot run ${quote(text)} workers: workers takes 1 to ${mostWorkers}, or max`)
}

function readFlag(text: string, name: string): boolean {
  return oneOf('true', 'false')(text, name) === 'true'
}

/** Ports and Unix paths, with a comma between two of them, as in HANDOFF_DROP. */
function readPlaces(text: string, name: string): string[] {
  const places = text.split(',')
  if (places.every(isListenerPlace)) return places
  throw invalid(
    `cannot use ${name}=${quote(text)}: ${name} takes ports from 1 to 65535 and Unix paths`,
  )
}

function oneOf<const T extends string>(...values: T[]): Reader<T> {
  return (text, name) => {
    const value = values.find((candidate) => candidate === text)
    if (value !== undefined) return value
    throw invalid(`cannot use ${name}=${quote(text)}: ${name} takes ${values.join(' or ')}`)
  }
}

/** Shortens what a client sent: an answer need not repeat kilobytes. */
function quote(text: string): string {
  return JSON.stringify(text.length <= 100 ? text : `${text.slice(0, 100)}…`)
}

function invalid(message: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', message)
}
