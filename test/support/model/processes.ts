// What a process of the model does: its two tables, run on the world, with every effect modelled.

import type {
  Effect,
  NewEvent,
  OldEvent,
  Role,
  table,
} from '../../../packages/handoff/src/protocol/machine.ts'
import {
  newEventsAfterMark,
  noMark,
  oldEventsAfterMark,
} from '../../../packages/handoff/src/protocol/mark.ts'
import {
  closeNewEnd,
  closeOldEnd,
  hangUpOld,
  isHeld,
  leave,
  letters,
  look,
  say,
} from './channels.ts'
import { ended, type Handoff, type Process, type World } from './world.ts'

/** The tables that run: the real ones, or some that are broken on purpose. */
export type Tables = typeof table

/** What differs between releases, and was done to mend faults. */
export interface Release {
  readonly tables: Tables
  /** Whether handoffs have a mark. */
  readonly mark: boolean
  /**
   * Whether a drain ends at its deadline, at any time. If not, it ends when the older process has no
   * connection left to pass on.
   */
  readonly deadlines: boolean
  /** Without a mark: whether a manifest waits until the release before it is in the kernel. */
  readonly waits: boolean
}

/** One process in one world, while it acts. */
export class Actor {
  readonly world: World
  readonly index: number
  readonly release: Release
  readonly #queues: Record<Role, { event: string; handoff: number }[]> = { new: [], old: [] }
  readonly #running: Record<Role, boolean> = { new: false, old: false }

  constructor(world: World, index: number, release: Release) {
    this.world = world
    this.index = index
    this.release = release
  }

  get self(): Process {
    return this.world.processes[this.index] as Process
  }

  /** The handoff in which this process is the new one. */
  get before(): Handoff {
    return this.world.handoffs[this.index] as Handoff
  }

  get hasBefore(): boolean {
    return this.index > 0
  }

  /** The handoff in which this process is the old one, if there is one. */
  get after(): Handoff | undefined {
    return this.world.handoffs[this.self.peer]
  }

  takes(role: Role, event: string): boolean {
    return this.#cell(role, event) !== undefined
  }

  /** As the runner of each side: one event after the other, each with all of its effects. */
  dispatch(role: Role, event: NewEvent | OldEvent, handoff = this.self.peer): void {
    const queue = this.#queues[role]
    queue.push({ event, handoff })
    if (this.#running[role]) return
    this.#running[role] = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      // A process that has ended acts no more.
      if (this.self.life === 'alive') this.#take(role, next.event, next.handoff)
    }
    this.#running[role] = false
  }

  /** As `Succession`, before it acts on an end or a deadline. */
  dispatchOldAfterLook(event: OldEvent | undefined): void {
    const news = this.after === undefined ? noMark : look(this.after, 'old')
    for (const next of oldEventsAfterMark(this.self.oldState, event, news)) {
      this.dispatch('old', next)
    }
  }

  /** As `Takeover`. */
  dispatchNewAfterLook(event: NewEvent): void {
    const news = look(this.before, 'new')
    for (const next of newEventsAfterMark(this.self.newState, event, news)) {
      this.dispatch('new', next)
    }
  }

  /** The process has gone, in whatever way: the kernel closes all that it had open. */
  end(): void {
    const { world, index } = this
    world.processes[index] = { ...ended, line: this.self.line }
    for (const [of, handoff] of world.handoffs.entries()) {
      if (of === index && this.hasBefore) closeNewEnd(handoff)
      if (handoff.old === index) closeOldEnd(handoff)
    }
  }

  /** Nobody hands over: this process binds what it was not given, unless somebody else has it. */
  bindTheRest(): void {
    const { self, world } = this
    for (const what of ['rendezvous', 'listeners'] as const) {
      if (self[what]) continue
      if (isHeld(world, what)) return this.end()
      self[what] = true
    }
  }

  sendManifest(): void {
    const { self, after, release } = this
    self.manifestWaits = false
    if (after === undefined) return
    say(after, 'new', letters.manifest)
    if (!release.mark) this.sendLives()
    say(after, 'new', letters.listeners)
  }

  /** As `Succession`: connections that arrive are served here, or go on to the new process. */
  get takesConnections(): boolean {
    const { after, self } = this
    if (beforeCommit.has(self.oldState)) return true
    return handsOver.has(self.oldState) && after?.oldDeaf === false && !after.heardDeclined
  }

  /** As `Intake`: the old process may pass connections on, although it is released. */
  get expectsConnections(): boolean {
    const { before, hasBefore } = this
    return hasBefore && before.newEnd === 'open' && !before.expectsNone
  }

  /** As `Intake`. */
  decline(): void {
    const { before, expectsConnections } = this
    if (expectsConnections) say(before, 'old', letters.declined)
    before.expectsNone = true
  }

  /** The older processes that still live, and this one. */
  sendLives(): void {
    const { self, after, index, world } = this
    let lives = 1 << index
    for (const [of, { life }] of world.processes.entries()) {
      if (life === 'alive') lives |= self.older & (1 << of)
    }
    if (after !== undefined) say(after, 'new', String(lives))
  }

  #cell(role: Role, event: string) {
    const { newState, oldState } = this.self
    const { tables } = this.release
    const row: Partial<Record<string, { to: string; effects: readonly Effect[] }>> =
      role === 'new' ? tables.new[newState] : tables.old[oldState]
    return row[event]
  }

  #take(role: Role, event: string, handoff: number): void {
    const cell = this.#cell(role, event)
    if (cell === undefined) return
    const { self } = this
    const wasAlone = self.newState === 'alone'
    if (role === 'new') self.newState = cell.to as Process['newState']
    else self.oldState = cell.to as Process['oldState']
    for (const effect of cell.effects) effects[effect](this, role, handoff)
    if (!wasAlone && this.self.newState === 'alone') this.bindTheRest()
  }
}

const beforeCommit = new Set(['serving', 'offer', 'send', 'commit'])
const handsOver = new Set(['drain', 'linger', 'released'])

type Modelled = (actor: Actor, role: Role, handoff: number) => void

const nothing: Modelled = () => {}
const unknown: Modelled = ({ world }) => {
  world.broken = 'an effect that the model does not reach'
}

/** Every effect of the tables: one that is missing here does not compile. */
export const effects: Readonly<Record<Effect, Modelled>> = {
  'send-hello': ({ before }) => say(before, 'old', letters.hello),
  // Its set has come with the message; see `steps.ts`.
  'take-older': nothing,
  'take-mark': ({ before }) => {
    before.markNew = 'held'
  },
  'take-manifest': ({ self, before, world }) => {
    // The old process may be dead by now; it was of the line of those that it named.
    self.line = world.processes[before.old]?.line ?? self.line
  },
  'take-state': unknown,
  'take-listeners': (actor) => {
    actor.self.listeners = true
    actor.self.rendezvous = true
    say(actor.before, 'old', letters.ack)
    actor.dispatch('new', 'complete')
  },
  'close-unclaimed': nothing,
  'send-ready': ({ before }) => say(before, 'old', letters.ready),
  'import-state': nothing,
  // It answers when its gates are open. At the end of a ramp they are, unless it stops.
  'take-rendezvous': ({ self }) => {
    if (self.accepts) self.answers = true
  },
  'hold-rendezvous': nothing,
  'end-pace': ({ before }) => {
    before.paces = false
  },
  open: ({ self }) => {
    self.opening = true
  },
  'announce-serving': nothing,
  'take-connections': unknown,
  'note-drained': ({ before }) => {
    before.expectsNone = true
  },
  'send-release': ({ self, before, hasBefore }) => {
    if (self.released || !hasBefore) return
    self.released = true
    leave(before, 'new', 'released')
    say(before, 'old', letters.release)
  },
  'send-declined': (actor) => actor.decline(),
  'give-up': (actor) => actor.end(),
  'await-hello': ({ self, index, world }, _, handoff) => {
    self.peer = handoff
    ;(world.handoffs[handoff] as Handoff).old = index
  },
  'refuse-busy': ({ index, world }, _, handoff) => {
    const other = world.handoffs[handoff] as Handoff
    other.old = index
    say(other, 'new', letters.refuse)
    hangUpOld(other)
  },
  'refuse-peer': unknown,
  'send-line': (actor) => {
    const { after, release } = actor
    if (!release.mark || after === undefined) return
    actor.sendLives()
    after.markOld = 'held'
    after.markNew = 'sent'
    say(after, 'new', letters.mark)
  },
  'release-old': (actor) => actor.dispatch('new', actor.takesConnections ? 'succeeded' : 'stopped'),
  'send-manifest': (actor) => {
    const { self, release, before } = actor
    const stuck = before.toOld.outbox.includes(letters.release)
    if (!release.mark && release.waits && stuck) self.manifestWaits = true
    else actor.sendManifest()
  },
  'send-next': nothing,
  shut: ({ self }) => {
    self.accepts = false
    self.answers = false
  },
  'shut-rendezvous': ({ self }) => {
    self.answers = false
  },
  // It lasts as long as the state does.
  'start-ramp': nothing,
  'note-pace': nothing,
  'send-ramped': ({ after }) => {
    if (after !== undefined) say(after, 'new', letters.ramped)
  },
  'export-state': ({ self }) => {
    self.exporting = true
  },
  reopen: ({ self }) => {
    self.exporting = false
    self.accepts = true
    self.answers = true
  },
  'send-committed': ({ self, after }) => {
    self.exporting = false
    const letter = self.oldState === 'ramp' ? letters.shared : letters.committed
    if (after !== undefined) say(after, 'new', letter)
  },
  'start-probation': ({ self }) => {
    self.probation = true
  },
  'start-drain': ({ self }) => {
    self.draining = true
  },
  'note-adopted': unknown,
  'note-ended': unknown,
  'note-rested': nothing,
  'release-hand-over': nothing,
  'end-hand-over': ({ after }) => {
    if (after !== undefined) after.heardDeclined = true
  },
  'close-quiescent': nothing,
  'send-drained': ({ after }) => {
    if (after !== undefined && !after.oldDeaf) say(after, 'new', letters.drained)
  },
  'take-back': ({ self }) => {
    self.probation = false
    self.draining = false
    self.accepts = true
    self.answers = true
  },
  'end-listening': ({ self }) => {
    self.probation = false
    self.accepts = false
    self.answers = false
    self.listeners = false
    self.rendezvous = false
  },
  leave: ({ self }) => {
    self.leaving = true
  },
  'send-abort': ({ before, after }, role) => {
    if (role === 'new') return say(before, 'old', letters.abort)
    if (after === undefined) return
    leave(after, 'old', 'aborted')
    say(after, 'new', letters.abort)
  },
  'turn-deaf': ({ before, after }, role) => {
    if (role === 'new') before.newDeaf = true
    else if (after !== undefined) after.oldDeaf = true
  },
  'hang-up': (actor, role) => {
    const { self, before, after } = actor
    if (role === 'new') return closeNewEnd(before)
    if (after !== undefined) hangUpOld(after)
    self.peer = -1
    self.exporting = false
    self.manifestWaits = false
  },
}
