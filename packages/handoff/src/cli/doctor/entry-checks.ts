// Checks the entry, its package and its dependencies.

import type { EntryFacts } from './entry-facts.ts'
import { type Finding, note, ok, problem } from './finding.ts'

export function checkEntry({ entry, trouble, loader, syntaxError }: EntryFacts): Finding {
  if (trouble !== undefined) return problem(entry, trouble.reason, trouble.help)
  if (syntaxError !== undefined) {
    return problem(entry, syntaxError, 'Correct it: a reload would abort.')
  }
  return ok(`${entry} is found${loader === undefined ? '' : `, and loaded by ${loader}`}`)
}

export function checkLibrary({ trouble, dependencies, installed }: EntryFacts): Finding[] {
  if (trouble !== undefined) return []
  const library = ['fastify-socket-handoff', 'socket-handoff'].find((name) =>
    installed.includes(name),
  )
  if (library === 'fastify-socket-handoff') return [ok(`${library} is installed`)]
  if (dependencies.includes('fastify')) {
    const what = 'fastify-socket-handoff is not installed'
    const why = 'a Fastify server gets warm-up, health check, state and WebSockets from this plugin'
    return [note(what, why, 'npm install fastify-socket-handoff, and await app.register(handoff).')]
  }
  if (library !== undefined) return [ok(`${library} is installed`)]
  return [
    note(
      'the entry uses no package of socket-handoff, and needs none',
      'its listeners and idle HTTP connections go over; state, WebSockets and raw connections do not',
      'For these: npm install socket-handoff, see the README. Otherwise nothing to do: docs/register.md.',
    ),
  ]
}

/** Package → what it means for a handoff, and what to do. */
const known: Record<string, readonly [why: string, remedy: string]> = {
  ...sharing(
    [
      'close-with-grace',
      'fastify-cli',
      'fastify-graceful-shutdown',
      'http-graceful-shutdown',
      '@godaddy/terminus',
      'http-terminator',
      'stoppable',
      'lightship',
    ],
    'it closes the server at SIGTERM, which answers requests under way with 503 or cuts them',
    'Leave the signals to socket-handoff (handoff.onExit is for what must be closed), or set signals: false and call handoff.stop().',
  ),
  '@fastify/websocket': [
    'a WebSocket goes over if its route has opted in; others are closed with 1012 and reconnect',
    'Set handoff: true on routes whose handlers keep nothing for a socket, or export its state: docs/websockets.md.',
  ],
  ws: [
    'a WebSocket goes over if its server has opted in; others are closed with 1012 and reconnect, and rooms in memory are split until then',
    'Call handoff.moveWebSockets(wss, hooks): docs/websockets.md.',
  ],
  'socket.io': [
    'its sessions and rooms are in memory: clients are closed with 1012 and reconnect, and do not reach each other across processes until then',
    'Nothing to do if clients can handle that; else use an adapter, or a short --drain-timeout: docs/limits.md.',
  ],
  ...meeting(['aedes', 'mosca', 'y-websocket', '@hocuspocus/server', 'colyseus', '@colyseus/core']),
  'uWebSockets.js': [
    'its sockets are not sockets of Node.js, and stay in the old process',
    'Use ws, or keep that server out of the handoff.',
  ],
  throng: [
    'it starts workers of node:cluster: the primary owns their sockets',
    'Start the server without it, by `handoff run --workers max`.',
  ],
}

export function checkDependencies({ dependencies }: EntryFacts): Finding[] {
  // @fastify/websocket is built on ws, and has the better advice.
  const skipped = dependencies.includes('@fastify/websocket') ? 'ws' : undefined
  return dependencies.flatMap((name) => {
    const advice = Object.hasOwn(known, name) && name !== skipped ? known[name] : undefined
    return advice === undefined ? [] : [note(name, ...advice)]
  })
}

/** Programs that restart a server, and their replacements. */
const restarters: readonly (readonly [RegExp, string])[] = [
  [/\b(nodemon|node-dev|ts-node-dev|(node|tsx) (--)?watch)\b/, '`handoff run --watch ENTRY`'],
  [/\bpm2(-runtime)?\b/, '`handoff run ENTRY`, and `handoff reload` to deploy'],
]

export function checkScripts({ scripts }: EntryFacts): Finding[] {
  return Object.entries(scripts).flatMap(([name, command]) => {
    const found = restarters.find(([pattern]) => pattern.test(command))
    if (found === undefined) return []
    const why = 'it stops the server before it starts the new one'
    return [note(`npm run ${name}: ${command}`, why, `Use ${found[1]}: docs/moving-over.md.`)]
  })
}

/** Packages whose clients reach each other through the memory of one process. */
function meeting(names: readonly string[]): Record<string, readonly [string, string]> {
  const why =
    'its clients reach each other in memory: during a drain clients of the old and of the new process do not'
  const remedy =
    'Connect them outside of the process (Redis, a database), or set --drain-timeout to a second or two: docs/limits.md.'
  return Object.fromEntries(names.map((name) => [name, [why, remedy] as const]))
}

function sharing(names: readonly string[], why: string, remedy: string) {
  return Object.fromEntries(names.map((name) => [name, [why, remedy] as const]))
}
