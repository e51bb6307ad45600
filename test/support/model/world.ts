// The world of the model: three processes, the channels between them, and what the kernel keeps.
//
// One value of this type is one state of a run. It is small and flat, since millions are looked at.

import {
  type NewState,
  type OldState,
  table,
} from '../../../packages/handoff/src/protocol/machine.ts'

/** A process, as far as a handoff is concerned. */
export interface Process {
  life: 'unborn' | 'alive' | 'dead'
  /** Its state in the table of the new process, then in that of the old one. */
  newState: NewState
  oldState: OldState
  /** It takes clients from its listeners. */
  accepts: boolean
  /** It takes peers from the rendezvous socket. */
  answers: boolean
  /** Descriptors that it holds. */
  listeners: boolean
  rendezvous: boolean
  /** Under way: the gates open, values are exported, connections finish, exit hooks run. */
  opening: boolean
  exporting: boolean
  draining: boolean
  leaving: boolean
  /** A timer runs. */
  probation: boolean
  /** It has served, so that it may lead. */
  served: boolean
  leads: boolean
  /** The operator stopped it. */
  stopped: boolean
  /** It has sent `release` to the process before it. */
  released: boolean
  /** Its manifest waits until a release is in the kernel. */
  manifestWaits: boolean
  /** The first process of the line that it is in: itself, unless it has got a manifest. */
  line: number
  /** Whether `older` has come, and which processes it named: bit 0 is the first process. */
  told: boolean
  older: number
  /** The handoff in which it is the old process now; -1: none. It is the new one in its own. */
  peer: number
}

/** One direction of a channel: what the kernel has, and what the sender still has. A letter each. */
export interface Pipe {
  /** How many messages the kernel has room for. */
  readonly room: number
  kernel: string
  outbox: string
}

/** `closing`: hung up, but what was said before is not in the kernel yet. */
export type End = 'open' | 'closing' | 'closed'

/** The handoff in which a process is the new one. */
export interface Handoff {
  /** -1 until the connection is accepted. */
  old: number
  toNew: Pipe
  toOld: Pipe
  oldEnd: End
  newEnd: End
  /** The side acts on nothing any more. */
  oldDeaf: boolean
  newDeaf: boolean
  /** The new process has filled the channel with `rested`. */
  filled: boolean
  /** The new process expects no more connections: it has declined them, or the old one has none left. */
  expectsNone: boolean
  /** The old process has heard that the new one takes no more. */
  heardDeclined: boolean
  /** The new process may report its pace, once: more would do nothing but fill the channel. */
  paces: boolean
  /** The ends of the mark, and the words on it: bit 0 serves, bit 1 released, bit 2 aborted. */
  markOld: 'none' | 'held' | 'closed'
  markNew: 'none' | 'sent' | 'held' | 'closed'
  left: number
  seen: number
}

export interface World {
  processes: Process[]
  /** By the number of the new process; that of the first process is never used. */
  handoffs: Handoff[]
  /** Who has connected to the rendezvous socket and was not accepted yet, in order. */
  queue: string
  /** How many more faults may happen. */
  faults: number
  readonly paces: boolean
  /** Set where honest processes break the protocol, or the model is asked for what it does not know. */
  broken: string
}

const unborn: Process = {
  life: 'unborn',
  newState: 'discover',
  oldState: 'serving',
  accepts: false,
  answers: false,
  listeners: false,
  rendezvous: false,
  opening: false,
  exporting: false,
  draining: false,
  leaving: false,
  probation: false,
  served: false,
  leads: false,
  stopped: false,
  released: false,
  manifestWaits: false,
  line: 0,
  told: false,
  older: 0,
  peer: -1,
}

/** What is left of a process that has ended: nothing that could matter. */
export const ended: Process = { ...unborn, life: 'dead' }

const unconnected = (room: number): Handoff => ({
  old: -1,
  toNew: { room, kernel: '', outbox: '' },
  toOld: { room, kernel: '', outbox: '' },
  oldEnd: 'open',
  newEnd: 'open',
  oldDeaf: false,
  newDeaf: false,
  filled: false,
  expectsNone: false,
  heardDeclined: false,
  paces: false,
  markOld: 'none',
  markNew: 'none',
  left: 0,
  seen: 0,
})

/** How much there is of everything. */
export interface Bounds {
  /** Generations in a row. */
  readonly processes: number
  /** Deaths, failures, stops and violations in one run, all together. */
  readonly faults: number
  /** Messages that the kernel holds in each direction of a channel. */
  readonly room: number
  /** Whether new processes report their pace in a ramp: that does nothing but take room. */
  readonly paces?: boolean
}

/** The first process serves and leads; the others are not started yet. */
export function initialWorld({ processes, faults, room, paces = false }: Bounds): World {
  const first: Process = {
    ...unborn,
    life: 'alive',
    newState: 'serving',
    accepts: true,
    answers: true,
    listeners: true,
    rendezvous: true,
    served: true,
    leads: true,
    told: true,
  }
  const others = Array.from({ length: processes - 1 }, (_, index) => ({
    ...unborn,
    line: index + 1,
  }))
  return {
    processes: [first, ...others],
    handoffs: Array.from({ length: processes }, () => unconnected(room)),
    queue: '',
    faults,
    paces,
    broken: '',
  }
}

/** A copy in which one process may act: the others are shared, and must not be changed. */
export function copyFor(world: World, by: number): World {
  const processes = world.processes.slice()
  processes[by] = { ...(world.processes[by] as Process) }
  const handoffs = world.handoffs.slice()
  for (let of = 1; of < handoffs.length; of++) {
    const handoff = handoffs[of] as Handoff
    handoffs[of] = { ...handoff, toNew: { ...handoff.toNew }, toOld: { ...handoff.toOld } }
  }
  return { ...world, processes, handoffs }
}

const enders = { open: 0, closing: 1, closed: 2 } as const
const marks = { none: 0, sent: 1, held: 2, closed: 3 } as const
const newStates = Object.keys(table.new)
const oldStates = Object.keys(table.old)

/** A text that is the same for equal worlds and for no others: short, since it is kept for each. */
export function keyOf(world: World): string {
  let key = String.fromCharCode(world.faults) + world.queue
  for (const process of world.processes) key += keyOfProcess(process)
  for (let of = 1; of < world.handoffs.length; of++) {
    key += keyOfHandoff(world.handoffs[of] as Handoff)
  }
  return key
}

function keyOfProcess(p: Process): string {
  const place = p.line + (p.life === 'alive' ? 16 : p.life === 'dead' ? 32 : 48)
  if (p.life !== 'alive') return String.fromCharCode(place)
  const states = newStates.indexOf(p.newState) * 16 + oldStates.indexOf(p.oldState)
  const flags =
    +p.accepts +
    +p.answers * 2 +
    +p.listeners * 4 +
    +p.rendezvous * 8 +
    +p.opening * 16 +
    +p.exporting * 32 +
    +p.draining * 64 +
    +p.leaving * 128 +
    +p.probation * 256 +
    +p.served * 512 +
    +p.leads * 1024 +
    +p.stopped * 2048 +
    +p.released * 4096 +
    +p.manifestWaits * 8192 +
    +p.told * 16384
  return String.fromCharCode(place, states, flags, p.older + (p.peer + 1) * 64)
}

function keyOfHandoff(h: Handoff): string {
  const flags =
    enders[h.oldEnd] +
    enders[h.newEnd] * 4 +
    +h.oldDeaf * 16 +
    +h.newDeaf * 32 +
    +h.filled * 64 +
    h.left * 128 +
    h.seen * 1024 +
    +h.paces * 8192
  const heard = +h.expectsNone + +h.heardDeclined * 2
  const ends = h.old + 1 + marks[h.markOld] * 8 + marks[h.markNew] * 32 + heard * 128
  const { toNew, toOld } = h
  const pipes = `${toNew.kernel}<${toNew.outbox}>${toOld.kernel}<${toOld.outbox}`
  return String.fromCharCode(ends, flags) + pipes
}
