// One table of errors. Codes are permanent; docs/errors.md explains each of them.

import type { Stage } from './stage.ts'

/** Who answers clients after the error: the operator's first question. */
export type Serving = 'old' | 'new' | 'none'

/** Code → the sentence of help that closes its message. */
const help = {
  // What this machine cannot do.
  ERR_HANDOFF_UNSUPPORTED_PLATFORM:
    'socket-handoff runs in Node.js, on Linux and macOS; elsewhere start the server without it.',
  ERR_HANDOFF_ADDON_NOT_FOUND:
    'Build it here: `npx handoff build-native` (it needs a C++ compiler, make and Python 3).',
  ERR_HANDOFF_BUILD_FAILED: 'See the output of node-gyp above.',
  ERR_HANDOFF_UNKNOWN_NODE:
    'Update socket-handoff. Until then listeners are handed over by listen itself, which a program may notice.',
  ERR_HANDOFF_CLUSTER:
    'The cluster primary owns the sockets of its workers; start the file that listens without cluster, by `handoff run --workers max`.',
  ERR_HANDOFF_WORKER_THREAD: 'Listen in the main thread, or name the port in HANDOFF_IGNORE.',

  // Misuse.
  ERR_HANDOFF_INVALID_OPTION: 'See the options in the README.',
  ERR_HANDOFF_ALREADY_CREATED: 'A process has one handoff; share the first one.',
  ERR_HANDOFF_INACTIVE:
    'Start the server under `handoff run`, or register the plugin with `enabled: true`.',
  ERR_HANDOFF_LISTEN_STATE:
    'Call listen or bind once for each server, before it listens, while the handoff is open.',

  // The place where the two processes meet.
  ERR_HANDOFF_RENDEZVOUS_UNSAFE: 'Nothing was removed. Remove it yourself, or choose another path.',
  ERR_HANDOFF_DIRECTORY_UNSAFE:
    'Make it a directory of your own with mode 0700, or set HANDOFF_DIR; run commands as the user that runs the server.',
  ERR_HANDOFF_DIRECTORY_UNUSABLE:
    'Make room there, or set HANDOFF_DIR to a directory that this user can write to.',
  ERR_HANDOFF_PATH_TOO_LONG:
    'The kernel limits socket paths (sun_path); set HANDOFF_DIR to a shorter one.',

  // The other side.
  ERR_HANDOFF_PEER_DENIED: 'Run both processes as the same user, or list the uid in allowUids.',
  ERR_HANDOFF_PEER_GONE: 'See the output of that process for why it ended.',
  ERR_HANDOFF_VERSION: 'Go through a release that speaks both versions.',
  ERR_HANDOFF_BUSY: 'Wait until the handoff under way has ended, then try again.',
  ERR_HANDOFF_TOO_MANY_GENERATIONS:
    'Wait until one of them has ended, or end the oldest: kill -9 and its pid.',
  ERR_HANDOFF_STOPPING: 'The old process is stopping; start the new one when it has gone.',
  ERR_HANDOFF_PROTOCOL:
    'The peer broke the protocol (docs/protocol.md); check what connects to the rendezvous socket.',
  ERR_HANDOFF_TRUNCATED: 'Raise the limit on open files (ulimit -n) of the receiving process.',
  ERR_HANDOFF_DESCRIPTOR_MISMATCH:
    'The descriptors do not agree with the manifest; nothing was adopted.',

  // The new process.
  ERR_HANDOFF_TIMEOUT: 'Raise the timeout if the work really takes that long.',
  ERR_HANDOFF_LISTENER_MISSING:
    'Listen there, set HANDOFF_READY, or give the listener up: handoff reload --drop PORT|PATH.',
  ERR_HANDOFF_LISTEN_FAILED: 'Stop what holds the address, or choose another.',
  ERR_HANDOFF_UNHEALTHY: 'The health check of the new process refused it; see its output.',
  ERR_HANDOFF_APP_FAILED: 'The new process failed before it was ready; see its output.',
  ERR_HANDOFF_EXITED: 'See the output of the new process for why it ended.',
  ERR_HANDOFF_SPAWN_FAILED:
    'Check the path of Node.js (--node), and the limits on processes and memory.',

  // What the application hands over.
  ERR_HANDOFF_STATE: 'Its export or import failed; its cause says why, if there is one.',

  // Channels.
  ERR_HANDOFF_CHANNEL_CLOSED: 'The channel was closed before the bytes were sent.',
  ERR_HANDOFF_SEND_FAILED:
    'Its cause says why; at ETOOMANYREFS let the peer receive first, or raise ulimit -n.',

  // Supervisor and command line.
  ERR_HANDOFF_ENTRY:
    'Give the path of a file that this Node can run, and a working directory that exists.',
  ERR_HANDOFF_NAME: 'Give its name after the command.',
  ERR_HANDOFF_NOT_RUNNING: 'Start it with `handoff run`.',
  ERR_HANDOFF_UNRESPONSIVE:
    'It may be stopped (SIGSTOP, a debugger) or short of processor time or memory; its servers serve on without it. It may still do what was asked when it goes on: see `handoff status` first.',
  ERR_HANDOFF_ALREADY_RUNNING: 'Use `handoff reload`, or choose another --name.',
  ERR_HANDOFF_UPGRADE: 'The supervisor goes on as it was.',
} as const

/** A permanent error code of socket-handoff; match on this, never on the text. */
export type HandoffErrorCode = keyof typeof help

export const errorCodes = Object.keys(help) as HandoffErrorCode[]

export interface HandoffErrorDetails {
  stage?: Stage
  serving?: Serving
  cause?: unknown
  /** The sentence of help, if that of the code does not fit. */
  help?: string
}

/**
 * Every error of socket-handoff.
 *
 * @remarks The message reads `cannot <verb> <object>: <reason>. <help>`.
 */
export class HandoffError extends Error {
  override readonly name = 'HandoffError'
  readonly code: HandoffErrorCode
  /** The message without its sentence of help: what is told to the peer. */
  readonly reason: string
  /** The stage in which it happened; absent outside of a handoff. */
  readonly stage: Stage | undefined
  /** Who answers clients now. */
  readonly serving: Serving | undefined

  constructor(code: HandoffErrorCode, what: string, details: HandoffErrorDetails = {}) {
    super(
      `${what}. ${details.help ?? help[code]}`,
      'cause' in details ? { cause: details.cause } : undefined,
    )
    this.code = code
    this.reason = what
    this.stage = details.stage
    this.serving = details.serving
  }
}

/** Makes an error of what a peer told; a code of a later release counts as a fault of the peer. */
export function errorFromPeer(
  { code, reason }: { code: string; reason: string },
  details: HandoffErrorDetails,
): HandoffError {
  const known = Object.hasOwn(help, code) ? (code as HandoffErrorCode) : 'ERR_HANDOFF_PEER_GONE'
  return new HandoffError(known, reason, details)
}

/** The text of any thrown value, for a log line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
