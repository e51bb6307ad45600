// Checks of values from outside: messages, reports, requests and arguments.

/** Returns the value as a `T`, without unknown fields. @throws {@link Mismatch} */
export type Check<T> = (value: unknown, name: string) => T

/** Thrown for a wrong value. The caller turns it into an error with its own code. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch'
  /** What the value must be, such as `a whole number`. */
  readonly expected: string

  constructor(name: string, expected: string) {
    super(`${name} is not ${expected}`)
    this.expected = expected
  }
}

/** Makes a check of a test. */
export function checked<T>(expected: string, fits: (value: unknown) => boolean): Check<T> {
  return (value, name) => {
    if (!fits(value)) throw new Mismatch(name, expected)
    return value as T
  }
}

/** Makes a check of a function that reads a text, and returns undefined if it cannot. */
export function parsed<T>(expected: string, parse: (text: string) => T | undefined): Check<T> {
  return (value, name) => {
    const result = typeof value === 'string' ? parse(value) : undefined
    if (result === undefined) throw new Mismatch(name, expected)
    return result
  }
}

export const text: Check<string> = checked('a string', (value) => typeof value === 'string')

export const flag: Check<boolean> = checked('a boolean', (value) => typeof value === 'boolean')

/** A whole number from 0. */
export const count: Check<number> = checked('a whole number', isCount)

/** A number from 0. */
export const amount: Check<number> = checked(
  'a number from 0',
  (value) => typeof value === 'number' && value >= 0,
)

/** Any value but none. */
export const present: Check<unknown> = (value) => value

/** A whole number from 0 to `most`. */
export function upTo(most: number): Check<number> {
  return checked(`a whole number up to ${most}`, (value) => isCount(value) && value <= most)
}

export function oneOf<const T extends string>(...values: T[]): Check<T> {
  return checked(values.join(' or '), (value) => values.some((candidate) => candidate === value))
}

export function list<T>(item: Check<T>): Check<T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw new Mismatch(name, 'a list')
    return value.map((part) => item(part, name))
  }
}

/** An object of which any name may have a value, such as counts by kind. */
export function record<T>(item: Check<T>, key: Check<unknown> = text): Check<Record<string, T>> {
  return (value, name) => {
    const entries = Object.entries(asObject(value, name)).map(([field, part]) => {
      key(field, name)
      return [field, item(part, field)] as const
    })
    return Object.fromEntries(entries)
  }
}

export function nullable<T>(check: Check<T>): Check<T | null> {
  return (value, name) => (value === null ? null : check(value, name))
}

/** An absent value is `fallback`. */
export function withDefault<T>(check: Check<T>, fallback: T): Check<T> {
  return (value, name) => (value === undefined ? fallback : check(value, name))
}

/** A check of a field that may be absent, and is left out then. */
export interface OptionalCheck<T> extends Check<T | undefined> {
  readonly isOptional: true
}

export function optional<T>(check: Check<T>): OptionalCheck<T> {
  const lenient: Check<T | undefined> = withDefault(check, undefined as T | undefined)
  return Object.assign(lenient, { isOptional: true } as const)
}

type Shape = Readonly<Record<string, Check<unknown>>>

type OptionalName<S extends Shape> = {
  [K in keyof S]: S[K] extends OptionalCheck<unknown> ? K : never
}[keyof S]

/** What {@link object} makes of a shape. */
export type Checked<S extends Shape> = {
  [K in Exclude<keyof S, OptionalName<S>>]: ReturnType<S[K]>
} & { [K in OptionalName<S>]?: Exclude<ReturnType<S[K]>, undefined> }

/** An object with these fields. Others are left out: a later release may add some. */
export function object<S extends Shape>(shape: S): Check<Checked<S>> {
  const fields = Object.entries(shape)
  return (value, name) => {
    const given = asObject(value, name)
    const result: Record<string, unknown> = {}
    for (const [field, check] of fields) {
      const part = check(Object.hasOwn(given, field) ? given[field] : undefined, field)
      if (part !== undefined) result[field] = part
    }
    return result as Checked<S>
  }
}

/** @throws {@link Mismatch} */
export function asObject(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new Mismatch(name, 'an object')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
