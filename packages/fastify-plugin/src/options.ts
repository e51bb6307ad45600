// Options of the plugin: those of createHandoff, and what Fastify does before it is ready.

import type { FastifyInstance, InjectOptions } from 'fastify'
import type { HandoffOptions } from 'socket-handoff'

/** A path to GET, or a whole request. */
export type WarmupRequest = string | InjectOptions

export interface FastifyHandoffOptions extends HandoffOptions {
  /**
   * Whether this server can be replaced.
   *
   * @defaultValue `true` under `handoff run`, under systemd (`NOTIFY_SOCKET`, or a socket
   * unit) and with a `rendezvousPath`; else the plugin changes nothing.
   */
  enabled?: boolean
  /**
   * Requests that a replacement injects before it is ready, so that the first real one meets warm
   * code. They run through hooks and handlers without a socket: choose ones that change nothing.
   *
   * @defaultValue none: only the application knows which of its requests are harmless.
   */
  warmup?: readonly WarmupRequest[]
  /**
   * How many requests are injected in all, round-robin over `warmup`.
   *
   * @defaultValue 300: halved the p99 of the first two seconds after a handoff; 2,000 took off a
   * quarter more.
   */
  warmupTimes?: number
  /**
   * Asked before ready. Anything but `false` is health; on `false` or an error the handoff aborts,
   * and the old process serves on.
   */
  healthCheck?: (app: FastifyInstance) => unknown
}
