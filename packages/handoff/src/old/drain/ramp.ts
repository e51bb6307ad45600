// Stage ramp, old side: decides how long both processes accept, and how many connections go over meanwhile.

import type { Holdings } from '../../generation/holdings.ts'
import type { States } from '../../generation/states.ts'
import { type LoopMeter, noLoopMeter } from '../../io/system/loop-meter.ts'
import type { System, Timer } from '../../io/system/system.ts'
import type { OldState } from '../../protocol/machine.ts'
import { placeOf } from '../../protocol/manifest.ts'
import type { Messages } from '../../protocol/messages.ts'
import type { Settings } from '../../terms/options.ts'
import { PaceJudge } from './pace-judge.ts'
import { SlowStart } from './slow-start.ts'

/** A new process whose last report is older hangs, or is far from quick, in milliseconds. */
const mostSilentMs = 500

export interface RampContext {
  readonly system: Pick<System, 'timer' | 'now' | 'measureLoop'>
  readonly settings: Pick<Settings, 'rampMs'>
  readonly holdings: Pick<Holdings, 'gates' | 'connections' | 'accepted'>
  readonly states: Pick<States, 'exportsAt'>
}

export interface RampHandlers {
  /** Returns how many connections are on their way to the new process, and how many can still go. */
  moving(): { readonly pending: number; readonly left: number }
  /** The ramp ends. It goes on if the new process has not begun to serve, or has died. */
  onEnd(): void
}

export class Ramp {
  readonly #context: RampContext
  readonly #handlers: RampHandlers
  #meter: LoopMeter = noLoopMeter
  /** How many connections this process had accepted when the handoff began. */
  #acceptedBefore = 0
  #judge = new PaceJudge()
  #slowStart = new SlowStart()
  #deadline: Timer | undefined
  #reportedAt = Number.NEGATIVE_INFINITY
  #isOver = false

  constructor(context: RampContext, handlers: RampHandlers) {
    this.#context = context
    this.#handlers = handlers
  }

  /**
   * Returns why both processes may not accept for a while; undefined if they may. A datagram must reach one
   * process alone, and so must a request after a state of the application was exported.
   *
   * @param isWanted - whether the new process knows ramps, and wants one.
   */
  obstacle(isWanted: boolean): string | undefined {
    const { settings, holdings, states } = this.#context
    if (settings.rampMs === 0) return 'rampMs is 0'
    if (!isWanted) return 'the new process knows or wants none'
    const [state] = states.exportsAt('commit')
    if (state !== undefined)
      return `the state ${JSON.stringify(state.key)} is exported at the commit`
    const udp = [...holdings.gates].find(({ held }) => held.entry.protocol === 'udp')
    return udp === undefined ? undefined : `${placeOf(udp.held.entry)} is a datagram socket`
  }

  /** The old side has entered this state. */
  follow(state: OldState): void {
    if (state === 'send') this.#measure()
    else if (state !== 'ramp') this.#stop()
  }

  /** A handoff that may have a ramp begins: measures this process while it serves alone. */
  #measure(): void {
    const { system, settings, holdings } = this.#context
    if (settings.rampMs === 0) return
    this.#meter = system.measureLoop()
    this.#acceptedBefore = holdings.accepted
  }

  /** Both processes accept from now on. Returns what limits the connections that go over. */
  begin(): SlowStart {
    const { system, settings } = this.#context
    this.#judge = new PaceJudge(this.#meter.take())
    this.#slowStart = new SlowStart()
    this.#reportedAt = Number.NEGATIVE_INFINITY
    this.#isOver = false
    this.#deadline = system.timer(settings.rampMs, () => {
      this.#isOver = true
      // A process that hangs cannot serve alone: its next report, or its end, ends the ramp.
      if (system.now() - this.#reportedAt <= mostSilentMs) this.#handlers.onEnd()
    })
    return this.#slowStart
  }

  /** The new process has reported how late its event loop is. This one is measured in the same time. */
  notePace({ meanUs, mostUs }: Messages['pace']): void {
    const judge = this.#judge
    this.#reportedAt = this.#context.system.now()
    judge.take({ meanMs: meanUs / 1_000, mostMs: mostUs / 1_000 }, this.#meter.take())
    const isHeldBack = this.#isHeldBack
    if (this.#isOver || this.#isIdle || (judge.isQuick && !isHeldBack)) this.#handlers.onEnd()
    else if (judge.mayWiden && isHeldBack) this.#widen()
  }

  #widen(): void {
    this.#judge.beginStep()
    this.#slowStart.widen()
  }

  /** Whether nothing can show how quick the new process is: no client has come, and none is here. */
  get #isIdle(): boolean {
    const { accepted, connections } = this.#context.holdings
    return (
      connections === 0 &&
      accepted === this.#acceptedBefore &&
      this.#handlers.moving().pending === 0
    )
  }

  /**
   * Whether the new process does not have all connections yet that it could have. Those on which a response
   * takes long, such as a stream of events, do not count: they may stay for hours.
   */
  get #isHeldBack(): boolean {
    const { hasRefused, room } = this.#slowStart
    return hasRefused && this.#handlers.moving().left > room
  }

  /** Lets all connections go over that may. */
  #stop(): void {
    this.#meter.stop()
    this.#meter = noLoopMeter
    this.#deadline?.cancel()
    this.#slowStart.end()
  }
}
