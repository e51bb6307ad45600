// The arrows of the design, read from the sources themselves.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { floors, rooms, usedBy } from '../../support/rooms.ts'

const root = fileURLToPath(new URL('../../../packages/handoff/src', import.meta.url))
const pluginRoot = fileURLToPath(new URL('../../../packages/fastify-plugin/src', import.meta.url))

/** A room opens on at most so many doors: files, and rooms in it. The three doors of the package are in no room. */
const mostDoors = 16

interface Import {
  from: string
  to: string
  typeOnly: boolean
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)

function importsOf(file: string, directory = root): Import[] {
  const source = readFileSync(join(directory, file), 'utf8')
  const pattern = /(?:^|\n)(import|export)\s(type\s)?[^'"]*?from\s'([^']+)'|\bimport\(\s*'([^']+)'/g
  return [...source.matchAll(pattern)].map(([statement, , type, specifier, dynamic]) => {
    const to = specifier ?? dynamic ?? ''
    const names = /\{([^}]*)\}/.exec(statement)?.[1]?.split(',') ?? []
    const named = names.map((name) => name.trim()).filter((name) => name !== '')
    return {
      from: file,
      to: to.startsWith('.') ? relative(directory, join(directory, dirname(file), to)) : to,
      typeOnly:
        type !== undefined || (named.length > 0 && named.every((name) => /^type\s/.test(name))),
    }
  })
}

const imports = files.flatMap((file) => importsOf(file))
const internal = imports.filter(({ to }) => to.endsWith('.ts'))
const show = ({ from, to }: Import) => `${from} → ${to}`

/** `connections/http/mover.ts` → `connections`, `http`; files beside the rooms of a room are in `.`. */
function placeOf(file: string): { room: string; inner: string; floor: number } {
  const [room = '', ...rest] = file.split('/')
  const inner = rest.slice(0, -1).join('/') || '.'
  return { room, inner, floor: (floors[room] ?? '.').split(' ').indexOf(inner) }
}

/** Lines of code that match, comments aside. `except`: a file, or a room with a slash at its end. */
function linesWith(pattern: RegExp, except?: string): string[] {
  return files
    .filter((file) => except === undefined || !file.startsWith(except))
    .flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line) && pattern.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )
}

test('every file lives in a room of the table', () => {
  const homeless = files.filter((file) => {
    const { room, floor } = placeOf(file)
    return !(room in rooms) || floor < 0
  })
  expect(homeless).toEqual([])
  expect(internal.length).toBeGreaterThan(files.length)
})

test('imports follow the table', () => {
  const forbidden = internal.filter(({ from, to }) => {
    const [above, below] = [placeOf(from), placeOf(to)]
    if (above.room !== below.room) return !usedBy(above.room).includes(below.room)
    return above.floor > below.floor
  })
  expect(forbidden.map(show)).toEqual([])
})

test('the table has no arrow that no import needs', () => {
  const used = new Set(internal.map(({ from, to }) => `${placeOf(from).room} ${placeOf(to).room}`))
  const idle = Object.keys(rooms).flatMap((room) =>
    usedBy(room)
      .filter((target) => !used.has(`${room} ${target}`))
      .map((target) => `${room} → ${target}`),
  )
  expect(idle).toEqual([])
})

test('no room has too many doors', () => {
  const doors = new Map<string, Set<string>>()
  for (const file of files.filter((name) => name.includes('/'))) {
    const parts = file.split('/')
    for (const [depth, door] of parts.entries()) {
      const room = parts.slice(0, depth).join('/')
      doors.set(room, (doors.get(room) ?? new Set()).add(door))
    }
  }
  const crowded = [...doors].filter(([, { size }]) => size > mostDoors)
  expect(crowded.map(([room, { size }]) => `${room}: ${size}`)).toEqual([])
})

test('nothing is imported in a circle', () => {
  const remaining = new Map(
    files.map((file) => [
      file,
      new Set(internal.filter(({ from }) => from === file).map((i) => i.to)),
    ]),
  )
  for (let size = -1; size !== remaining.size; ) {
    size = remaining.size
    for (const [file, targets] of remaining) {
      if ([...targets].every((target) => !remaining.has(target))) remaining.delete(file)
    }
  }
  expect([...remaining.keys()]).toEqual([])
})

test('the protocol is pure: nothing that it runs is of Node', () => {
  const reached = new Set(files.filter((file) => file.startsWith('protocol/')))
  for (const file of reached) {
    for (const { to, typeOnly } of importsOf(file)) if (!typeOnly) reached.add(to)
  }
  expect([...reached].filter((name) => !name.endsWith('.ts'))).toEqual([])
  const globals = /\b(process|Buffer|setTimeout|setInterval|Date|performance|console)[.(]\w/
  expect(linesWith(globals).filter((line) => reached.has(line.split(': ')[0] ?? ''))).toEqual([])
})

test('one room alone touches undocumented fields of Node', () => {
  const undocumented = /\._[a-z]|getOwnPropertySymbols|process\.binding|as [A-Z]\w+ & \{/
  // What a stream overrides is documented: https://nodejs.org/api/stream.html#implementing-a-duplex-stream
  const overridden = /super\._(write|final|destroy)\(/
  const lines = linesWith(undocumented, 'io/node/internals/')
  expect(lines.filter((line) => !overridden.test(line))).toEqual([])
})

// A bundle is another file, in another folder, than the sources in it.
test('one file alone knows where the package is', () => {
  expect(linesWith(/import\.meta/, 'io/native/package-folder.ts')).toEqual([])
})

test('one file alone loads the addon', () => {
  expect(linesWith(/\bdlopen\b/, 'io/native/addon.ts')).toEqual([])
})

// The supervisor and the command line are processes of their own, with clocks of their own.
const ofProcesses = (line: string) => !/^(supervisor|cli)\//.test(line)

test('one file alone is the door to clock, environment, signals, spawn and exit', () => {
  const world =
    /\bset(Timeout|Interval)\(|performance\.now|Date\.now|process\.(env|on|off|once|exit|kill|argv|execArgv)\b|node:child_process/
  // The environment that index.ts and the run directory read comes from outside, as an argument.
  // A timer that never runs tells the time by which Node ends silent sockets.
  const given =
    /startHandoff\(options, process\.env\)|const (socket|cache) = process\.env\.(NOTIFY_SOCKET|HANDOFF_CODE_CACHE)|env: NodeJS\.ProcessEnv = process\.env|const clock = setTimeout/
  const lines = linesWith(world, 'io/system/system.ts').filter((line) => !given.test(line))
  expect(lines.filter(ofProcesses)).toEqual([])
})

// Why is in io/files/file-stat.ts. Directories and what the supervisor looks at are no sockets.
test('one file alone looks at what may be a socket', () => {
  const looks = /\bl?f?statSync\(/
  const directories = /^io\/rendezvous\/run-directory\.ts: /
  const lines = linesWith(looks, 'io/files/file-stat.ts').filter((line) => !directories.test(line))
  expect(lines.filter(ofProcesses)).toEqual([])
})

test('nobody sleeps', () => {
  expect(linesWith(/timers\/promises|setTimeout\(\s*resolve/).filter(ofProcesses)).toEqual([])
})

test('the plugin knows the public surface alone', () => {
  const targets = readdirSync(pluginRoot)
    .flatMap((file) => importsOf(file, pluginRoot))
    .map(({ to }) => to)
    .filter((to) => !to.endsWith('.ts'))
  expect([...new Set(targets)].sort()).toEqual([
    'fastify',
    'fastify-plugin',
    'leven',
    'node:events',
    'socket-handoff',
  ])
})
