// docs/architecture.md shows the rooms to which the architecture test holds the imports.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { withRooms } from '../../../scripts/architecture.ts'
import { arrows, rooms, usedBy } from '../../support/rooms.ts'

const page = readFileSync(new URL('../../../docs/architecture.md', import.meta.url), 'utf8')

test('the picture and the table are those of the rooms', () => {
  expect(page, 'write them anew: node --import tsx scripts/architecture.ts').toBe(withRooms(page))
})

test('the arrows of the picture lead wherever a room may use another one, and nowhere else', () => {
  const drawnFrom = (room: string) =>
    arrows()
      .filter(([from]) => from === room)
      .map(([, to]) => to)
  for (const room of Object.keys(rooms)) {
    expect(below(room, drawnFrom), room).toEqual(below(room, usedBy))
    expect(drawnFrom(room).every((to) => usedBy(room).includes(to))).toBe(true)
  }
})

function below(room: string, next: (room: string) => string[]): string[] {
  const found = new Set<string>()
  for (const todo = next(room); todo.length > 0; ) {
    const each = todo.pop() as string
    if (!found.has(each)) todo.push(...next(each))
    found.add(each)
  }
  return [...found].sort()
}

test('each way has numbered steps, and every step names a file', () => {
  const ways = [...page.matchAll(/^## The way of .*\n\n((?:.*\n)*?)(?=\n## |$(?![\s\S]))/gm)]
  expect(ways).toHaveLength(3)
  for (const [way] of ways) {
    const steps = way.split(/^(?=\d+\. )/m).slice(1)
    expect(steps.length).toBeGreaterThan(5)
    expect(steps.map((step) => parseInt(step, 10))).toEqual(steps.map((_, at) => at + 1))
    for (const step of steps) expect(step).toMatch(/`[a-z]+\/[\w./-]+\.c?ts`/)
  }
})
