// Everything that clients do, at once: the judge of "nothing is lost".

import { Arrivals } from './arrivals.ts'
import { Death } from './death.ts'
import type { Echoes, Pace } from './echo-client.ts'
import { KeptLoad } from './kept-load.ts'
import { Load, type Mix } from './load.ts'
import { type Recorded, Recorder } from './recorder.ts'
import { send, type Target } from './send.ts'
import { Tally } from './tally.ts'
import { WebSocketLoad } from './websocket-load.ts'

export interface WholeOptions {
  /** Of the random times. */
  seed: number
  /** HTTP/1.1 connections that are kept and never retry. */
  kept: number
  /** They rest between 0 and so many milliseconds between two requests. */
  thinkMs: number
  /** As many more that are at rest most of the time: many a handoff finds them parked. */
  resting: number
  webSockets: number
  pace: Pace
  /** New connections a second. */
  arriving: number
  /** Most new connections under way at a time. */
  arrivingLimit: number
  /** A new connection without an answer after so many milliseconds has failed. */
  deadlineMs: number
  /** Long requests under way at a time, of each kind. */
  long: Mix
  /** Whether a WebSocket that was closed is opened again. */
  reopens: boolean
  /** Whether the report has the times of each request. */
  records: boolean
}

/** As the promise names it. */
export const wholeOptions: WholeOptions = {
  seed: 1,
  kept: 64,
  thinkMs: 30,
  resting: 16,
  webSockets: 16,
  pace: { everyMs: 50 },
  arriving: 200,
  // Fewer than a listener queues.
  arrivingLimit: 400,
  deadlineMs: 60_000,
  reopens: false,
  records: false,
  long: { slow: 8, download: 2, upload: 2, slowReader: 1 },
}

/**
 * The same over TLS: a handshake costs both sides about as much as twenty requests. Where the clients get a tenth of a
 * core, all those that are due at a time took 2.5 s, and all other clients waited: fewer are under way then.
 */
export const secureOptions: WholeOptions = { ...wholeOptions, arriving: 100, arrivingLimit: 50 }

/**
 * Flags of `handoff run`: the server cuts no request before its client gives up (`deadlineMs`). On a busy machine the
 * clients are the slow ones.
 */
export const patient = ['--drain-timeout', '60s'] as const

/** Less than the 5 s after which node:http closes a connection at rest. */
const restingThinkMs = 2_000

/** What ended with killed processes so far. */
export interface Cut {
  requests: number
  kept: number
  resting: number
  webSockets: number
}

/** Connections of a kind, at the end. */
export interface Kept {
  opened: number
  /** Never closed, and the same as at the start. */
  same: number
  /** Closed although nothing excused it. */
  closed: number
  /** Closed with a process that was killed, and that may have used them. */
  cut: number
}

/** What became of it all; plain values, since it comes from another process. */
export interface Report {
  requests: number
  failed: number
  /** Of those: answered with `Connection: close`, and without an answer until the deadline. */
  dismissed: number
  timeouts: number
  /** Requests that were under way in a process that was killed. */
  cut: number
  kept: Kept
  resting: Kept
  webSockets: Kept
  echoes: Echoes
  /** New connections that were not begun: the server did not keep up. */
  heldBack: number
  /** Of the requests on kept connections. */
  durationsMs: number[]
  /** For each new connection, how many milliseconds after it was due the client began it. */
  lateMs: number[]
  /** Share of one core that the process of the clients used. */
  busy: number
  /** If the options asked for it. */
  recorded: Recorded | undefined
  /** The processes that answered. */
  pids: string[]
  /** Each failure in words, with the counts by kind: the message of a test. */
  text: string
}

export class WholeLoad {
  readonly death: Death
  readonly #target: Target
  readonly #options: WholeOptions
  readonly #tally: Tally
  readonly #kept: KeptLoad
  readonly #resting: KeptLoad
  readonly #webSockets: WebSocketLoad
  readonly #long: Load
  readonly #arrivals: Arrivals
  readonly #startedAt = performance.now()
  readonly #cpuBefore = process.cpuUsage()

  private constructor(
    target: Target,
    options: WholeOptions,
    parts: {
      death: Death
      tally: Tally
      kept: KeptLoad
      resting: KeptLoad
      webSockets: WebSocketLoad
    },
  ) {
    this.#target = target
    this.#options = options
    this.death = parts.death
    this.#tally = parts.tally
    this.#kept = parts.kept
    this.#resting = parts.resting
    this.#webSockets = parts.webSockets
    this.#long = new Load(target, options.long, { tally: this.#tally, restMs: 0 })
    this.#arrivals = new Arrivals(
      target,
      {
        perSecond: options.arriving,
        limit: options.arrivingLimit,
        deadlineMs: options.deadlineMs,
      },
      this.#tally,
    )
  }

  static async start(target: Target, options: WholeOptions): Promise<WholeLoad> {
    const { seed, thinkMs, pace, reopens } = options
    const death = new Death()
    const tally = new (options.records ? Recorder : Tally)(death.judge)
    const common = { target, tally, death }
    const kept = await KeptLoad.start({ ...common, seed, count: options.kept, thinkMs })
    const resting = await KeptLoad.start({
      ...common,
      seed: seed + options.kept,
      count: options.resting,
      thinkMs: restingThinkMs,
    })
    const { port = 0, ca } = target
    const count = options.webSockets
    const webSockets = await WebSocketLoad.start({ port, ca, count, pace, death, reopens })
    return new WholeLoad(target, options, { death, tally, kept, resting, webSockets })
  }

  /** Resolves when each kept connection and each WebSocket has had so many more answers. */
  async more(answers: number): Promise<void> {
    await Promise.all([this.#kept.more(answers), this.#webSockets.more(answers)])
  }

  /**
   * The old process serves again, and has closed what it closes. What this process was told of it
   * by the kernel it has seen once a request that begins now is answered.
   */
  async settle(): Promise<Cut> {
    this.#tally.add('settling', await send(this.#target, { path: '/', text: 'hello\n' }))
    this.death.settle()
    return {
      requests: this.#tally.total('cut'),
      kept: this.#kept.cut,
      resting: this.#resting.cut,
      webSockets: this.#webSockets.cut,
    }
  }

  /** Lets all that is under way end, then closes the connections. */
  async stop(): Promise<Report> {
    await Promise.all([this.#long.stop(), this.#arrivals.stop()])
    // These last: node:http closes what has been at rest for 5 s, and long requests may take longer.
    const [failures] = await Promise.all([
      this.#webSockets.stop(),
      this.#kept.stop(),
      this.#resting.stop(),
    ])
    const report = this.#report(failures)
    this.#kept.close()
    this.#resting.close()
    await this.#webSockets.close()
    return report
  }

  #report(failures: string[]): Report {
    const { requests, failed } = this.#tally
    const { user, system } = process.cpuUsage(this.#cpuBefore)
    const [kept, resting, webSockets, tally] = [
      this.#kept,
      this.#resting,
      this.#webSockets,
      this.#tally,
    ]
    return {
      requests,
      failed,
      dismissed: tally.total('dismissed'),
      timeouts: tally.total('timeout'),
      cut: tally.total('cut'),
      kept: { opened: this.#options.kept, ...countsOf(kept) },
      resting: { opened: this.#options.resting, ...countsOf(resting) },
      webSockets: { opened: this.#options.webSockets, ...countsOf(webSockets) },
      echoes: webSockets.echoes,
      heldBack: this.#arrivals.heldBack,
      durationsMs: kept.durationsMs,
      lateMs: this.#arrivals.lateMs,
      busy: (user + system) / 1000 / (performance.now() - this.#startedAt),
      recorded: tally instanceof Recorder ? tally.recorded : undefined,
      pids: [...new Set([...tally.pids.keys(), ...webSockets.pids])],
      text: [`${tally}`, ...kept.failures, ...resting.failures, ...failures].join('\n'),
    }
  }
}

function countsOf({ same, closed, cut }: KeptLoad | WebSocketLoad): Omit<Kept, 'opened'> {
  return { same, closed, cut }
}
