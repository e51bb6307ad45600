// Whatever JavaScript passes to the native core, nothing happens by mistake: no descriptor is closed,
// least of all stdin, and no memory is written beside an array.

import { fstatSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadNative } from '../../../packages/handoff/src/io/native/addon.ts'
import { close, descriptorArray, dup } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { toDescriptors } from '../../../packages/handoff/src/io/native/scm-rights.ts'
import { descriptors, hasProc } from '../../support/process-facts.ts'
import { hasSecretsFiles, secretsFile } from '../../support/tls/secrets.ts'

const oddNumbers = [
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 1.5, -1.5],
  ...[2 ** 31, 2 ** 32, 2 ** 32 + 1, -(2 ** 31) - 1, -(2 ** 53), Number.MAX_VALUE],
]
const oddValues = [
  ...[undefined, null, true, '', '0', '\0', 'text', '1', Symbol('odd'), 1n, {}, [], [0], [0, 1, 2]],
  ...[() => 0, new Date(0), Object(0), { valueOf: () => 0 }, new Map(), /x/, new Error('odd')],
  ...[new ArrayBuffer(1024), new DataView(new ArrayBuffer(64)), new BigInt64Array(64)],
  ...[new Int8Array(1024), new Uint32Array(1024), new Float32Array(1024), new Int16Array(1024)],
]

/** An array whose memory has gone. */
function detached<T>(Kind: new (buffer: ArrayBuffer) => T): T {
  const buffer = new ArrayBuffer(4096)
  const array = new Kind(buffer)
  structuredClone(buffer, { transfer: [buffer] })
  return array
}

interface Resizable {
  resize(bytes: number): void
}

/** An array of which nothing is left within its buffer; TypeScript's ES2022 knows no such buffer. */
function shrunken<T>(Kind: new (buffer: ArrayBuffer) => T): T {
  const buffer: ArrayBuffer = Reflect.construct(ArrayBuffer, [4096, { maxByteLength: 8192 }])
  const array = new Kind(buffer)
  ;(buffer as unknown as Resizable).resize(0)
  return array
}

/** No open descriptor: a call with this one fails in the kernel at the latest. */
const notOpen = 2 ** 31 - 1

/** By the type of an argument: one that is right and harmless, and those that are wrong. */
const kinds: Record<string, { right: () => unknown; wrong: () => unknown[] }> = {
  number: { right: () => notOpen, wrong: () => [...oddNumbers, ...oddValues] },
  string: {
    right: () => '/nowhere/at/all',
    wrong: () => [...oddNumbers, 0, ...oddValues.filter((value) => typeof value !== 'string')],
  },
  'string[]': { right: () => [], wrong: () => [...oddNumbers, 'text', [0], [undefined], ['\0']] },
  Int32Array: {
    right: () => new Int32Array(1024),
    wrong: () => [...oddNumbers, ...oddValues, new Uint8Array(1024), new Float64Array(1024)],
  },
  Uint8Array: {
    right: () => new Uint8Array(1024),
    wrong: () => [...oddNumbers, ...oddValues, new Int32Array(1024), new Uint8ClampedArray(1024)],
  },
  Parts: {
    right: () => [new Uint8Array(10)],
    wrong: () => [
      ...[...oddNumbers, ...oddValues.filter((value) => !Array.isArray(value))],
      ...[[0], [undefined], [new Uint8Array(1), new Int32Array(1)], [[new Uint8Array(1)]]],
    ],
  },
  Float64Array: {
    right: () => new Float64Array(2048),
    wrong: () => [...oddNumbers, ...oddValues, new Int32Array(1024)],
  },
}

interface Signature {
  name: string
  types: string[]
  names: string[]
}

/** The functions of an interface, as a file of io/native has them. */
function signaturesIn(file: string): Signature[] {
  const url = new URL(`../../../packages/handoff/src/io/native/${file}`, import.meta.url)
  const found = readFileSync(fileURLToPath(url), 'utf8')
    .slice(0, 6_000)
    .matchAll(/^ {2}(\w+)\(([^)]*)\): number$/gm)
  return [...found].map(([, name = '', list = '']) => {
    const parameters = list.split(', ').filter((text) => text !== '')
    const split = parameters.map((parameter) => parameter.split(': '))
    return { name, names: split.map(([n = '']) => n), types: split.map(([, type = '']) => type) }
  })
}

const signatures = signaturesIn('addon.ts')
  // Those of Poll come first.
  .filter(({ name }) => name !== 'start' && name !== 'stop')

const methodsOfRecords = signaturesIn('native-tls-records.ts')

const call = (name: string, args: unknown[]) =>
  (loadNative() as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.(...args)

const stdio = () => [0, 1, 2].map((fd) => fstatSync(fd, { bigint: true }).ino)

describe('the native core', () => {
  let before: unknown
  let open: unknown
  beforeAll(() => {
    before = stdio()
    if (hasProc) open = descriptors(process.pid).length
  })
  afterAll(() => {
    expect(stdio()).toEqual(before)
    if (hasProc) expect(descriptors(process.pid).length).toBe(open)
  })

  test('has the functions that its interface names, and no other', () => {
    const exported = Object.keys(loadNative()).filter(
      (name) => name !== 'Poll' && name !== 'TlsRecords',
    )
    expect(exported.sort()).toEqual(signatures.map(({ name }) => name).sort())
  })

  test.each(signatures.filter(({ types }) => types.length > 0))(
    '$name refuses what is odd',
    ({ name, types }) => {
      for (const [position, type] of types.entries()) {
        const { wrong = () => [] } = kinds[type] ?? {}
        expect(wrong().length, type).toBeGreaterThan(0)
        for (const odd of wrong()) {
          const args = types.map((other, index) =>
            index === position ? odd : kinds[other]?.right(),
          )
          expect([type, odd, (call(name, args) as number) < 0]).toEqual([type, odd, true])
        }
      }
    },
  )

  test.each(signatures.filter(({ types }) => types.length > 0))(
    '$name refuses calls with too little',
    ({ name, types }) => {
      for (let count = 0; count < types.length; count++) {
        expect(
          call(
            name,
            types.slice(0, count).map((type) => kinds[type]?.right()),
          ),
        ).toBeLessThan(0)
      }
      expect(
        call(
          name,
          types.map(() => undefined),
        ),
      ).toBeLessThan(0)
    },
  )

  const outputs: [string, unknown[]][] = [
    ['socketPair', [0, new Int32Array(1)]],
    ['socketPair', [0, new Int32Array(0)]],
    ['socketPair', [0, detached(Int32Array)]],
    ['socketPair', [0, shrunken(Int32Array)]],
    ['receive', [0, new Uint8Array(0), new Int32Array(253), new Int32Array(7)]],
    ['receive', [0, new Uint8Array(10), new Int32Array(252), new Int32Array(7)]],
    ['receive', [0, new Uint8Array(10), new Int32Array(253), new Int32Array(6)]],
    ['receive', [0, detached(Uint8Array), new Int32Array(253), new Int32Array(7)]],
    ['receive', [0, shrunken(Uint8Array), new Int32Array(253), new Int32Array(7)]],
    ['peerCredentials', [0, new Int32Array(2)]],
    ['describe', [0, new Int32Array(6), new Uint8Array(128)]],
    ['describe', [0, new Int32Array(7), new Uint8Array(100)]],
    ['dupEach', [new Int32Array(2), new Int32Array(1)]],
    ['dupEach', [new Int32Array(2), shrunken(Int32Array)]],
    ['readProgress', [new Int32Array(2), new Float64Array(3)]],
    ['readSilence', [new Int32Array(2), new Int32Array(1)]],
    ['takeReady', [0, new Int32Array(0)]],
  ]
  test.each(outputs)('%s refuses an array that is too short', (name, args) => {
    expect(call(name, args)).toBe(-22)
  })

  test('takes an array over shared memory', () => {
    const fds = new Int32Array(new SharedArrayBuffer(8))
    expect(call('socketPair', [0, fds])).toBe(0)
    for (const fd of fds) close(fd)
  })

  test.each([...oddNumbers, -1, ...oddValues].map((value) => [value]))(
    'a poll of %s never begins',
    (odd) => {
      const { Poll } = loadNative()
      const poll = new Poll(odd as number, () => {})
      expect(poll.start(1)).toBeLessThan(0)
      poll.close()
      const other = new Poll(notOpen, odd as () => void)
      expect(other.start(1)).toBeLessThan(0)
      other.close()
    },
  )

  test('a poll refuses events that libuv has not', () => {
    const { Poll } = loadNative()
    const ends = new Int32Array(2)
    expect(call('socketPair', [0, ends])).toBe(0)
    const poll = new Poll(ends[0] as number, () => {})
    for (const odd of [0, 4, 8, 16, ...oddNumbers, ...oddValues]) {
      expect(poll.start(odd as number)).toBeLessThan(0)
    }
    expect(poll.start(3)).toBe(0)
    poll.close()
    for (const end of ends) close(end)
  })
})

describe.runIf(hasSecretsFiles)('the records of a TLS connection', () => {
  const secret = new Uint8Array(32).fill(1)
  const secrets = { version: 0x0304, suite: 0x1301, read: { secret }, write: { secret } }
  const records = (file: { fd: number }, index: number) =>
    new (loadNative().TlsRecords)(file.fd, index) as unknown as Record<string, typeof Math.min>

  test('have the methods that their interface names, and no other', () => {
    const { prototype } = loadNative().TlsRecords
    const methods = Object.getOwnPropertyNames(prototype).filter((name) => name !== 'constructor')
    expect(methods.sort()).toEqual(methodsOfRecords.map(({ name }) => name).sort())
  })

  test.each(methodsOfRecords)('$name refuses what is odd', ({ name, types }) => {
    const object = records(secretsFile(secrets), 0)
    for (const [position, type] of types.entries()) {
      for (const odd of kinds[type]?.wrong() ?? []) {
        const args = types.map((other, index) => (index === position ? odd : kinds[other]?.right()))
        const result = object[name]?.(...(args as number[]))
        expect([type, odd, name === 'writeSecrets' && result === -9 ? -22 : result]).toEqual([
          type,
          odd,
          -22,
        ])
      }
      const fewer = types.slice(0, position).map((other) => kinds[other]?.right())
      expect(object[name]?.(...(fewer as number[]))).toBeLessThan(0)
    }
  })

  test.each([
    ['open', [new Uint8Array(9), 0, new Int32Array(8)]],
    ['open', [new Uint8Array(9), 10, new Int32Array(9)]],
    ['open', [detached(Uint8Array), 1, new Int32Array(9)]],
    ['seal', [23, [], new Uint8Array(100), 101]],
    ['progress', [new Float64Array(4)]],
    ['advance', [new Float64Array(4)]],
    ['advance', [Float64Array.of(33, 0, 0, 0, 0)]],
    ['advance', [Float64Array.of(0, 0, 33, 0, 0)]],
    ...[Number.NaN, -1, 0.5, 2 ** 53, Number.POSITIVE_INFINITY].flatMap((odd) =>
      [0, 1, 2, 3, 4].map((index) => [
        'advance',
        [new Float64Array(5).fill(odd, index, index + 1)],
      ]),
    ),
  ] as [string, number[]][])('%s refuses arguments that do not fit', (name, args) => {
    expect(records(secretsFile(secrets), 0)[name]?.(...args)).toBe(-22)
  })

  test('have no room for what is sealed in a buffer that is too small', () => {
    const object = records(secretsFile(secrets), 0)
    const args = [23, new Uint8Array(10), new Uint8Array(40), 9] as unknown as number[]
    expect(object.seal?.(...args)).toBe(-105)
    expect(object.seal?.(...[...args.slice(0, 3), 8])).toBe(32)
  })

  test('seal and open nothing without secrets, or once these are wiped', () => {
    const file = secretsFile(secrets)
    const wiped = records(file, 0)
    expect(wiped.wipe?.()).toBe(0)
    expect(records(file, 1).suite?.()).toBe(-71)
    for (const { name, types } of methodsOfRecords.filter(({ name }) => name !== 'wipe')) {
      const args = types.map((type) => kinds[type]?.right()) as number[]
      expect([name, wiped[name]?.(...args)]).toEqual([name, -125])
      for (const odd of [...oddNumbers, ...oddValues]) {
        const none = records({ fd: odd as number }, 0)
        expect([odd, name, none[name]?.(...args)]).toEqual([odd, name, -9])
        expect(records(file, odd as number)[name]?.(...args)).toBeLessThan(0)
      }
    }
  })
})

test('what can be no descriptor is none on its way to the kernel', () => {
  const odd = oddNumbers as number[]
  expect([...descriptorArray([...odd, undefined as never, 7])]).toEqual([
    ...odd.map(() => -1),
    -1,
    7,
  ])
  for (const value of [...odd, -1, '0', undefined, null]) {
    expect(() => toDescriptors([value as number])).toThrow(
      expect.objectContaining({ code: 'ERR_HANDOFF_INVALID_OPTION' }),
    )
    for (const act of [close, dup]) {
      expect(() => act(value as number)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    }
  }
})
