// Where a program may notice the preload: each item stands in docs/register.md, word for word.

/** A difference that is meant, or that cannot be avoided. */
export interface Exception {
  /** An item of the list "What a program may notice". */
  readonly text: string
  /** Programs of `test/fixtures/presence` that show it. They still end as they do without us. */
  readonly programs: readonly string[]
}

export const exceptions: readonly Exception[] = [
  {
    text: 'While a process that was replaced finishes what is under way, its servers say that they listen, and emit no `close` before the program closes them.',
    programs: [],
  },
  {
    text: 'An upgraded socket has a `write` and an `end` of its own, which are not enumerable.',
    programs: [],
  },
  {
    text: 'If the old process does not answer, the first `listen` or `bind` of the new one blocks its thread for up to 2 s, and then listens in a later turn; see [limits.md](limits.md#hanging).',
    programs: [],
  },
  {
    text: 'Two generations run at the same time during a handoff; see [limits.md](limits.md#processes).',
    programs: [],
  },
  {
    text: 'Removing the path of a Unix socket does nothing in a process that does not serve there, or no longer; see [limits.md](limits.md#unix-paths).',
    programs: [],
  },
  {
    text: 'The path that a killed server left behind is replaced, where Node.js alone fails with `EADDRINUSE`. A path that is too long for the kernel, which Node.js 20 cuts, is not handed over, and a warning says so.',
    programs: [],
  },
  {
    text: 'A UDP socket is the same socket in both: a multicast group that the old process has joined cannot be joined again by the new one (`EADDRINUSE`).',
    programs: [],
  },
  {
    text: 'A UDP socket is bound in a turn of its own: one that the program closes in the turns right after its `bind` does not emit `listening` first.',
    programs: ['udp-close-early.cjs'],
  },
  {
    text: 'SIGTERM and SIGINT end a program that does not listen to them [gracefully](#how-a-program-ends), with exit code 0, once it has listened.',
    programs: [],
  },
  {
    text: '`--import`, of whatever module, lets Node.js run the entry in another way: its first ticks come after its first microtasks, the frames below those of the entry are others, and Node.js itself listens to `exit` until the entry has run.',
    programs: [
      'order-of-turns.cjs',
      'process-listeners.cjs',
      'process-listeners-watched.cjs',
      'uncaught-missing.cjs',
      'uncaught-stack-entry.cjs',
    ],
  },
  {
    text: '`process.getActiveResourcesInfo()` names a timer of ours for a moment after a `listen`.',
    programs: ['process-resources.cjs'],
  },
  {
    text: '`HANDOFF_WORKER` stands in the environment under `handoff run`.',
    programs: ['child-process.cjs', 'process-facts.cjs'],
  },
  {
    text: '`cluster.fork` and a few methods of sockets, servers and the process have our source text, though the name, the length and the place that they have without us.',
    programs: ['prototypes.cjs', 'prototypes.mjs'],
  },
  {
    text: 'Under `handoff run` the preload comes before all others. By itself (`node --import socket-handoff/register`) it comes after those in `NODE_OPTIONS`, and what they listen on is not taken.',
    programs: [],
  },
]
