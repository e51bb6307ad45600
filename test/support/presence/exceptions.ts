// Where a program may notice the preload: each item stands in docs/register.md, word for word.

/** A difference that is meant, or that cannot be avoided. */
export interface Exception {
  /** An item of the list "What a program may notice". */
  readonly text: string
  /** Programs of `test/fixtures/presence` that show it. They are equal but for {@link Exception.hidden}. */
  readonly programs: readonly string[]
  /** What may differ in their output, and what stands in its place for the comparison. */
  readonly hidden?: readonly (readonly [RegExp, string])[]
}

/** The output of a program without what it may notice. */
export function withoutExceptions(program: string, output: string): string {
  const hidden = exceptions
    .filter(({ programs }) => programs.includes(program))
    .flatMap((exception) => exception.hidden ?? [])
  return hidden.reduce((text, [pattern, instead]) => text.replace(pattern, instead), output)
}

export const exceptions: readonly Exception[] = [
  {
    text: 'While a replaced process finishes requests under way, its servers have `listening` set, and emit no `close` before the program closes them.',
    programs: [],
  },
  {
    text: 'An upgraded socket has its own `write` and `end`, which are not enumerable.',
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
    text: 'Removing the path of a Unix socket has no effect in a process that does not serve there (any more); see [limits.md](limits.md#unix-paths).',
    programs: [],
  },
  {
    text: 'The path of a killed server is replaced; Node.js alone fails with `EADDRINUSE`. A path that is too long for the kernel, which Node.js 20 truncates, is not handed over, with a warning.',
    programs: [],
  },
  {
    text: 'Both processes have the same UDP socket: the new one cannot join a multicast group that the old one has joined (`EADDRINUSE`).',
    programs: [],
  },
  {
    text: 'A UDP socket is bound in a later turn. If the program closes it right after `bind`, it does not emit `listening` first.',
    programs: ['udp-close-early.cjs'],
    hidden: [[/^socket [12] listening\n/gm, '']],
  },
  {
    text: 'SIGTERM and SIGINT end a program that does not listen to them [gracefully](#how-a-program-ends), with exit code 0, once it has listened.',
    programs: [],
  },
  {
    text: 'With any `--import` Node.js runs the entry differently: its first ticks come after its first microtasks, the stack has other frames below the entry, and Node.js itself listens to `exit` until the entry has run.',
    programs: [
      'order-of-turns.cjs',
      'process-listeners.cjs',
      'process-listeners-watched.cjs',
      'uncaught-missing.cjs',
      'uncaught-stack-entry.cjs',
    ],
    hidden: [
      [/^(before|between|after) (second )?microtask\n/gm, ''],
      [/ exit \d \d \d,|,exit$/gm, ''],
      [/^removed exit\n/gm, ''],
      [/^node:internal\/modules\/cjs\/loader:\d+\n.*\n.*\n/gm, ''],
      [/^ *\^$/gm, ''],
      [/ \d+ lines matching cause stack trace /g, ''],
    ],
  },
  {
    text: 'Clients that wait in the queue of a server are accepted several in a turn of the event loop: all but the first in a tick (`process.nextTick`), as `async_hooks` and the lower end of a stack show.',
    programs: ['queue-accepted.cjs'],
    hidden: [[/^resource .*\n/gm, '']],
  },
  {
    text: '`process.getActiveResourcesInfo()` shows a timer of socket-handoff for some milliseconds after a `listen`.',
    programs: ['process-resources.cjs'],
    // Before that, closed files of the module loader.
    hidden: [[/^(start|listening|later) .*\n/gm, '']],
  },
  {
    text: 'On Node.js 22 and later `globalThis` has symbols of undici before the first use of `fetch`, since an ES module that imports `node:http` loads it.',
    programs: ['process-facts.cjs'],
    hidden: [[/,Symbol\(undici\.globalDispatcher\.\d\)/g, '']],
  },
  {
    text: '`HANDOFF_WORKER` is in the environment under `handoff run`.',
    programs: ['child-process.cjs', 'process-facts.cjs'],
    hidden: [
      [/\[ 'HANDOFF_WORKER' \]/g, '[]'],
      [/, 'HANDOFF_WORKER'/g, ''],
      // Closed files of the module loader.
      [/^(requests|resources) .*\n/gm, ''],
    ],
  },
  {
    text: '`cluster.fork` and a few methods of sockets, servers and the process have the source text of socket-handoff; name, length and place are unchanged.',
    programs: ['prototypes.cjs', 'prototypes.mjs'],
    hidden: [
      [/^((?:fork|_listen2|bind|setNoDelay|_destroy): .* )\d+ length,name(,prototype)?/gm, '$1'],
      [/^( \d) \d+$/gm, '$1'],
      [/^removeListener: .*\n/gm, ''],
      // Made when an ES module imports node:fs.
      [/^(Dir|opendir|opendirSync): .*\n/gm, ''],
    ],
  },
  {
    text: 'Under `handoff run` the preload runs before all others. With `node --import socket-handoff/register` it runs after those in `NODE_OPTIONS`, whose listeners are not handed over.',
    programs: [],
  },
]
