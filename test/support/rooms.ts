// The rooms of packages/handoff/src: what lives in each, and which others it may use.
//
// The architecture test holds the imports to this table, and docs/architecture.md is generated from it
// (node --import tsx scripts/architecture.ts).

export interface Room {
  /** What lives here, in one line. */
  readonly has: string
  /** The rooms that it may use, separated by spaces. */
  readonly uses: string
}

/** A room is a folder of `src`, with the rooms in it. The three doors of the package are files. */
export const rooms: Readonly<Record<string, Room>> = {
  'index.ts': {
    has: 'public names of `socket-handoff`',
    uses: 'process old generation connections io words protocol terms',
  },
  'channel.ts': { has: 'public names of `socket-handoff/channel`', uses: 'io' },
  'register.ts': { has: 'the preload, `socket-handoff/register`', uses: 'preload' },
  cli: {
    has: 'commands, and what they print',
    uses: 'supervisor io words protocol terms',
  },
  supervisor: {
    has: '`handoff run`: workers, their processes, reloads, the control socket',
    uses: 'notify io words protocol terms',
  },
  preload: {
    has: 'runs before programs without code for handoffs; reports their failures',
    uses: 'process io protocol terms',
  },
  process: {
    has: 'one process: `createHandoff`, listening, leadership, restart, signals, metrics',
    uses: 'old new notify generation connections io protocol terms',
  },
  // The two sides never import each other: they meet on the wire.
  old: {
    has: 'stages of the old process: offer, send, ramp, drain, exit',
    uses: 'talk generation connections io protocol terms',
  },
  new: {
    has: 'stages of the new process: discover, receive, adopt, ready',
    uses: 'talk generation connections io protocol terms',
  },
  talk: {
    has: 'the parts that both sides of the conversation share',
    uses: 'io protocol terms',
  },
  generation: {
    has: 'what one generation hands to the next: listeners, line, states',
    uses: 'connections io protocol terms',
  },
  connections: {
    has: 'detects connections at rest, hands them over, adopts them; by kind',
    uses: 'tls io protocol terms',
  },
  tls: {
    has: 'the records of TLS connections after their handshake: opens, seals, answers; without sockets',
    uses: 'io',
  },
  notify: {
    has: 'reports to systemd and the supervisor',
    uses: 'io words protocol terms',
  },
  io: {
    has: 'Node.js and the kernel; the only room that imports `node:` modules for effects, or the native core',
    uses: 'protocol terms',
  },
  words: { has: 'describes events and counts in sentences', uses: 'protocol terms' },
  protocol: { has: 'pure: the tables, messages, frames, the manifest', uses: 'terms' },
  terms: { has: 'errors, events, options, fates: the types that all rooms use', uses: '' },
}

/** The rooms of a room, from the top floor down: each may use those after it. `.` has the files beside them. */
export const floors: Readonly<Record<string, string>> = {
  cli: '. commands client doctor native text',
  supervisor:
    '. watch control fleet worker worker/start worker/stop place text processes registry program',
  preload: '. readiness standby bundles',
  process: '. listen warm-up',
  new: 'joining . connections state listeners',
  old: '. drain offer',
  connections: 'gate . tls http raw websocket moving tracking',
  io: 'rendezvous loopback listeners channel hooks system files node node/internals native',
}

/** Returns the names of the rooms that a room may use. */
export function usedBy(room: string): string[] {
  return rooms[room]?.uses.split(' ').filter((name) => name !== '') ?? []
}

/** The arrows of the picture: those of the table that no way over other rooms stands for. */
export function arrows(): [from: string, to: string][] {
  return Object.keys(rooms).flatMap((from) => {
    const used = usedBy(from)
    const indirect = new Set(used.flatMap((room) => allBelow(room)))
    return used.filter((to) => !indirect.has(to)).map((to): [string, string] => [from, to])
  })
}

function allBelow(room: string): string[] {
  return usedBy(room).flatMap((used) => [used, ...allBelow(used)])
}
