// One table of errors. Codes are permanent; docs/errors.md explains each of them.

import type { Stage } from './stage.ts'

/** The process that answers clients after the error. */
export type Serving = 'old' | 'new' | 'none'

/** The last sentence of each error's message: what to do. */
const help = {
  // The machine.
  ERR_HANDOFF_UNSUPPORTED_PLATFORM:
    'socket-handoff runs on Node.js, on Linux and macOS; start the server without it on other systems.',
  ERR_HANDOFF_ADDON_NOT_FOUND:
    'Build it here: `npx handoff build-native` (it needs a C++ compiler, make and Python 3).',
  ERR_HANDOFF_BUILD_FAILED: 'See the output of node-gyp above.',
  ERR_HANDOFF_UNKNOWN_NODE:
    'Update socket-handoff; until then it hooks listen itself, and a program may notice that.',
  ERR_HANDOFF_CLUSTER:
    'Start the file that listens without cluster: `handoff run --workers max FILE`.',
  ERR_HANDOFF_WORKER_THREAD: 'Listen in the main thread, or name the port in HANDOFF_IGNORE.',

  // Misuse.
  ERR_HANDOFF_INVALID_OPTION: 'See the options in the README.',
  ERR_HANDOFF_ALREADY_CREATED: 'Create the handoff once, and share it.',
  ERR_HANDOFF_INACTIVE:
    'Start the server under `handoff run`, or register the plugin with `enabled: true`.',
  ERR_HANDOFF_LISTEN_STATE:
    'Call listen or bind once for each server, before it listens, while the handoff is open.',

  // The rendezvous socket and the directory of the run.
  ERR_HANDOFF_RENDEZVOUS_UNSAFE: 'Nothing was removed. Remove it yourself, or choose another path.',
  ERR_HANDOFF_DIRECTORY_UNSAFE:
    'Make it a directory of your own with mode 0700, or set HANDOFF_DIR; run commands as the user that runs the server.',
  ERR_HANDOFF_DIRECTORY_UNUSABLE:
    'Make room there, or set HANDOFF_DIR to a directory that this user can write to.',
  ERR_HANDOFF_PATH_TOO_LONG:
    'The kernel limits socket paths (sun_path); set HANDOFF_DIR to a shorter one.',

  // The other process.
  ERR_HANDOFF_PEER_DENIED: 'Run both processes as the same user, or list the uid in allowUids.',
  ERR_HANDOFF_PEER_GONE: 'See the output of that process for why it ended.',
  ERR_HANDOFF_VERSION: 'Go through a release that speaks both versions.',
  ERR_HANDOFF_BUSY: 'Wait until the handoff under way has ended, then try again.',
  ERR_HANDOFF_TOO_MANY_GENERATIONS:
    'Wait until one of them has ended, or end the oldest: kill -9 and its pid.',
  ERR_HANDOFF_STOPPING: 'Start the new process after the old one has exited.',
  ERR_HANDOFF_PROTOCOL: 'Check which process connects to the rendezvous socket (docs/protocol.md).',
  ERR_HANDOFF_TRUNCATED: 'Raise the limit on open files (ulimit -n) of the receiving process.',
  ERR_HANDOFF_DESCRIPTOR_MISMATCH:
    'Check which process serves at the rendezvous socket; nothing was adopted.',

  // The new process.
  ERR_HANDOFF_TIMEOUT: 'Raise the timeout if the work really takes that long.',
  ERR_HANDOFF_LISTENER_MISSING:
    'Listen there, set HANDOFF_READY, or give the listener up: handoff reload --drop PORT|PATH.',
  ERR_HANDOFF_LISTEN_FAILED: 'Stop what holds the address, or choose another.',
  ERR_HANDOFF_UNHEALTHY: 'See the output of the new process.',
  ERR_HANDOFF_APP_FAILED: 'The new process failed before it was ready; see its output.',
  ERR_HANDOFF_EXITED: 'See the output of the new process for why it ended.',
  ERR_HANDOFF_SPAWN_FAILED:
    'Check the path of Node.js (--node), and the limits on processes and memory.',

  // TLS.
  ERR_HANDOFF_TLS_MOVED:
    "Call it before a handoff, or keep such connections in their process: tls: 'close' (docs/tls.md).",

  // State.
  ERR_HANDOFF_STATE: 'Correct its export or import; the cause has the error, if there is one.',

  // Channels.
  ERR_HANDOFF_CHANNEL_CLOSED: 'Wait until send has resolved, then close the channel.',
  ERR_HANDOFF_SEND_FAILED:
    'The cause has the system error; at ETOOMANYREFS let the peer receive first, or raise ulimit -n.',

  // Supervisor and command line.
  ERR_HANDOFF_ENTRY:
    'Give the path of a file that this Node can run, and a working directory that exists.',
  ERR_HANDOFF_NAME: 'Give its name after the command.',
  ERR_HANDOFF_NOT_RUNNING: 'Start it with `handoff run`.',
  ERR_HANDOFF_UNRESPONSIVE:
    'It may be stopped (SIGSTOP, a debugger) or short of processor time or memory; its servers serve on. Check `handoff status` before you repeat the command, since the supervisor may still carry it out.',
  ERR_HANDOFF_ALREADY_RUNNING: 'Use `handoff reload`, or choose another --name.',
  ERR_HANDOFF_UPGRADE: 'The supervisor goes on as it was.',
} as const

/** A permanent error code of socket-handoff; match on it, not on the text. */
export type HandoffErrorCode = keyof typeof help

export const errorCodes = Object.keys(help) as HandoffErrorCode[]

export interface HandoffErrorDetails {
  stage?: Stage
  serving?: Serving
  cause?: unknown
  /** Replaces the last sentence of the message. */
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
  /** The message without its last sentence; the other process gets this text. */
  readonly reason: string
  /** The stage in which the error happened; undefined outside of a handoff. */
  readonly stage: Stage | undefined
  /** The process that answers clients now; undefined if the error does not concern that. */
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

/** Makes an error from a message of the peer. An unknown code becomes ERR_HANDOFF_PEER_GONE. */
export function errorFromPeer(
  { code, reason }: { code: string; reason: string },
  details: HandoffErrorDetails,
): HandoffError {
  const known = Object.hasOwn(help, code) ? (code as HandoffErrorCode) : 'ERR_HANDOFF_PEER_GONE'
  return new HandoffError(known, reason, details)
}

/** Returns the text of a thrown value, for a log line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
