// The arrows of the design, read from the sources themselves.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../../packages/handoff/src', import.meta.url))
const pluginRoot = fileURLToPath(new URL('../../packages/fastify-plugin/src', import.meta.url))

/**
 * The rule: a file imports only from layers below its own, or from its own where that is a folder.
 * A name without a slash is one file; files of one line know nothing of each other.
 */
const layers = [
  // The public surface, and what the `handoff` command starts.
  ['index.ts', 'channel.ts', 'register.ts', 'cli/'],
  ['supervisor/'],
  // A program that imports nothing of ours.
  ['register/'],
  ['create.ts'],
  // One process: runs both sides, and all that is about neither of them.
  ['handoff.ts'],
  ['wiring.ts'],
  // What is about both sides of one process.
  ['listening.ts', 'leadership.ts', 'self-report.ts'],
  ['metrics.ts'],
  // The two sides meet on the wire only.
  ['old/', 'new/'],
  // What a side is run with, and what a process does beside its two sides.
  [
    'runner.ts',
    'holdings.ts',
    'reporter.ts',
    'service-manager.ts',
    'restart.ts',
    'signals.ts',
    'states.ts',
    'line.ts',
  ],
  // What a service manager is told, and how.
  ['stored-listeners.ts', 'watchdog.ts'],
  ['notifier.ts', 'notify-fields.ts'],
  ['connections/'],
  ['io/'],
  ['protocol/'],
  // Words that every layer speaks. They import only each other.
  [
    'errors.ts',
    'options.ts',
    'diagnostics.ts',
    'fates.ts',
    'stage.ts',
    'deferred.ts',
    'plural.ts',
    'claim.ts',
  ],
]
const words = layers.at(-1) ?? []

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

function layerOf(file: string): { level: number; part: string } {
  const level = layers.findIndex((parts) => parts.some((part) => matches(file, part)))
  return { level, part: layers[level]?.find((part) => matches(file, part)) ?? '' }
}

function matches(file: string, part: string): boolean {
  return part.endsWith('/') ? file.startsWith(part) : file === part
}

/** Lines of code that match, comments aside. */
function linesWith(pattern: RegExp, except = ''): string[] {
  return files
    .filter((file) => file !== except)
    .flatMap((file) =>
      readFileSync(join(root, file), 'utf8')
        .split('\n')
        .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line) && pattern.test(line))
        .map((line) => `${file}: ${line.trim()}`),
    )
}

test('every file has its layer', () => {
  expect(files.filter((file) => layerOf(file).level < 0)).toEqual([])
  expect(internal.length).toBeGreaterThan(files.length)
})

test('imports point downwards', () => {
  const upwards = internal.filter(({ from, to }) => {
    const [above, below] = [layerOf(from), layerOf(to)]
    if (above.part === below.part) return !above.part.endsWith('/')
    const amongWords = words.includes(from) && words.includes(to)
    return below.level <= above.level && !amongWords
  })
  expect(upwards.map(show)).toEqual([])
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

test('one file alone touches undocumented fields of Node', () => {
  const undocumented = /\._[a-z]|getOwnPropertySymbols|process\.binding|as [A-Z]\w+ & \{/
  expect(linesWith(undocumented, 'io/node-internals.ts')).toEqual([])
})

test('one file alone loads the addon', () => {
  expect(linesWith(/socket_handoff|\bdlopen\b/, 'io/native.ts')).toEqual([])
})

// The supervisor and the command line are processes of their own, with clocks of their own.
const ofProcesses = (line: string) => !/^(supervisor|cli)\//.test(line)

test('one file alone is the door to clock, environment, signals, spawn and exit', () => {
  const world =
    /\bset(Timeout|Interval)\(|performance\.now|Date\.now|process\.(env|on|off|once|exit|kill|argv|execArgv)\b|node:child_process/
  // The environment that index.ts and the run directory read comes from outside, as an argument.
  // A timer that never runs tells the time by which Node ends silent sockets.
  const given =
    /startHandoff\(options, process\.env\)|env: NodeJS\.ProcessEnv = process\.env|const clock = setTimeout/
  const lines = linesWith(world, 'io/system.ts').filter((line) => !given.test(line))
  expect(lines.filter(ofProcesses)).toEqual([])
})

// Why is in io/file-stat.ts. Directories and what the supervisor looks at are no sockets.
test('one file alone looks at what may be a socket', () => {
  const looks = /\bl?f?statSync\(/
  const directories = /^io\/run-directory\.ts: /
  const lines = linesWith(looks, 'io/file-stat.ts').filter((line) => !directories.test(line))
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
  expect([...new Set(targets)].sort()).toEqual(['fastify', 'fastify-plugin', 'socket-handoff'])
})
