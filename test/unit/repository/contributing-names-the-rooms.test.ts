// The table of rooms in CONTRIBUTING.md is that of the architecture test.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

/** Room → rooms that it may import, as in `uses` of the architecture test. */
function roomsOfTheTest(): Record<string, string> {
  const source = read('test/unit/repository/imports-point-downwards.test.ts')
  const [, table = ''] = /const uses: [^\n]*= \{\n(.*?)\n\}/s.exec(source) ?? []
  const rows = [...table.matchAll(/^ {2}'?([\w.]+)'?: '([\w ]*)',$/gm)]
  return Object.fromEntries(rows.map(([, room = '', rooms = '']) => [room, rooms]))
}

function roomsOfThePage(): Record<string, string> {
  const [, section = ''] = read('CONTRIBUTING.md').split('## Rooms\n')
  const rows = [...section.matchAll(/^\| `([\w.]+)\/?` +\| [^|]+ \| ([^|]+) \|$/gm)]
  return Object.fromEntries(
    rows.map(([, room = '', rooms = '']) => [room, (rooms.match(/\w+/g) ?? []).join(' ')]),
  )
}

test('CONTRIBUTING.md has each room, and the rooms that it may import', () => {
  const rooms = roomsOfTheTest()
  expect(Object.keys(rooms).length).toBeGreaterThan(10)
  expect(roomsOfThePage()).toEqual(rooms)
})
