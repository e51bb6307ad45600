// docs/protocol.md is all that another implementation has: what of it can be computed is.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  Decoder,
  descriptorLimit,
  encode,
  payloadLimitBytes,
} from '../../../packages/handoff/src/protocol/codec.ts'
import { table } from '../../../packages/handoff/src/protocol/machine.ts'
import { type Message, messageTypes } from '../../../packages/handoff/src/protocol/messages.ts'
import { withMachine } from '../../../scripts/diagram.ts'

const page = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8')

test('the diagrams and tables are those of machine.ts', () => {
  expect(page, 'write them anew: node --import tsx scripts/diagram.ts').toBe(withMachine(page))
})

test('every effect of the table is explained', () => {
  const rows: Record<string, Record<string, { effects: readonly string[] }>>[] = [
    table.new,
    table.old,
  ]
  const effects = rows
    .flatMap((row) => Object.values(row))
    .flatMap((events) => Object.values(events))
    .flatMap((transition) => transition.effects)
  for (const effect of new Set(effects)) {
    const explained = effect.startsWith('send-') ? '`send-…`' : `\`${effect}\``
    expect(page, effect).toContain(explained)
  }
})

test('the messages stand there with their numbers', () => {
  const rows = [...page.matchAll(/^\| (\d+) +\| `(\w+)`/gm)]
  const numbers = Object.fromEntries(rows.map(([, number, name]) => [name, Number(number)]))
  expect(numbers).toEqual(messageTypes)
})

test.each<[Message, number]>([
  [{ type: 'hello', versions: [1], pid: 4711 }, 0],
  [{ type: 'listeners', first: 0 }, 3],
])('the example of %o is a frame', (message, descriptors) => {
  const frame = encode(message, descriptors)
  const written = [...page.matchAll(/^(?:[\da-f]{2} +){10,}.*$/gm)].map(([line]) =>
    line.replaceAll(/\s/g, ''),
  )
  expect(written).toContain(Buffer.from(frame).toString('hex'))
  const fds = Array.from({ length: descriptors }, (_, i) => i)
  expect(new Decoder<number>().push(frame, fds)).toEqual([{ message, descriptors: fds }])
})

test('the bounds of a frame stand there', () => {
  expect(page).toContain(`1 to ${payloadLimitBytes.toLocaleString('en').replaceAll(',', ' ')}`)
  expect(page).toContain(`0 to ${descriptorLimit}`)
})
