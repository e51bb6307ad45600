// Checks the requests to the control endpoint: one schema for each path.

import { isAbsolute } from 'node:path'
import { type Check, Mismatch, oneOf, parsed } from '../../terms/checks.ts'
import { HandoffError } from '../../terms/errors.ts'
import { listenerPlaces } from './listener-place.ts'
import { workerCount } from './worker-count.ts'

/** Absolute, since the supervisor does not know the working directory of its client. */
const path = parsed('an absolute path', (text) =>
  isAbsolute(text) && !text.includes('\0') ? text : undefined,
)

const switched: Check<boolean> = (value, name) => oneOf('true', 'false')(value, name) === 'true'

interface Schema {
  readonly method: 'GET' | 'POST'
  /** Every parameter that the path takes, by name. Each of them may be absent. */
  readonly parameters: Readonly<Record<string, Check<unknown>>>
}

/** The paths of the control endpoint. */
export const schemas = {
  '/status': { method: 'GET', parameters: {} },
  '/reload': {
    method: 'POST',
    parameters: {
      wait: oneOf('exit'),
      workers: workerCount,
      parallel: switched,
      drop: listenerPlaces,
      entry: path,
      cwd: path,
      node: path,
    },
  },
  '/upgrade': { method: 'POST', parameters: { command: path, node: path } },
  '/stop': { method: 'POST', parameters: {} },
} as const satisfies Record<string, Schema>

export type Path = keyof typeof schemas

/** The parameters of a request to `P`, checked. */
export type Parameters<P extends Path> = {
  readonly [Name in keyof (typeof schemas)[P]['parameters']]?: (typeof schemas)[P]['parameters'][Name] extends Check<
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
  const checks: Schema['parameters'] = schemas[path].parameters
  const values = new Map<string, unknown>()
  for (const [name, text] of query) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined
    if (check === undefined) {
      const known = Object.keys(checks).join(', ') || 'no parameter'
      throw invalid(`${path} takes ${known}, not ${quote(name)}`)
    }
    if (values.has(name)) throw invalid(`${name} is given twice`)
    values.set(name, read(check, text, name))
  }
  return Object.fromEntries(values) as Parameters<P>
}

function read(check: Check<unknown>, text: string, name: string): unknown {
  try {
    return check(text, name)
  } catch (error) {
    if (!(error instanceof Mismatch)) throw error
    throw invalid(`${name} is ${quote(text)}, not ${error.expected}`)
  }
}

/** Shortens what a client sent: an answer need not repeat kilobytes. */
function quote(text: string): string {
  return JSON.stringify(text.length <= 100 ? text : `${text.slice(0, 100)}…`)
}

function invalid(reason: string): HandoffError {
  return new HandoffError('ERR_HANDOFF_INVALID_OPTION', `cannot read the request: ${reason}`)
}
