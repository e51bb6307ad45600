// The handoff as a table: role × state × event → next state and effects. Pure data, and its reader.
//
// A process plays both roles in its life: it is born as the new process of one handoff and leaves
// as the old process of the next. The table does not know sockets, clocks or promises: whoever
// runs it feeds it events and carries out the effects, in their order.
//
// Two rules carry the whole design:
//   - Before `drain` the old process has never stopped accepting: every failure leads to `serving`.
//   - The end of the channel is the death of the peer: only it holds the other end. So a new
//     process whose old one died goes on alone, and an old process whose new one died takes back.

export type Role = 'new' | 'old'

export type NewState = 'discover' | 'receive' | 'adopt' | 'ready' | 'alone' | 'serving' | 'aborted'

export type OldState =
  | 'serving' // nothing under way
  | 'offer' // a peer connected, its hello is awaited
  | 'send' // the listeners are on their way; the new process boots
  | 'drain' // committed; on probation, connections still open
  | 'guard' // committed and drained; on probation
  | 'linger' // committed; probation is over, connections still open
  | 'released' // a later handoff committed: nothing to take back, connections still open
  | 'stopping' // no successor: connections still open
  | 'exit'

export type NewEvent =
  | 'absent' // nobody answers at the rendezvous socket
  | 'connected'
  | 'refuse' // message
  | 'manifest' // message
  | 'listeners' // message: a batch of descriptors
  | 'complete' // every descriptor of the manifest has arrived and was checked
  | 'ready' // the application says that it can serve
  | 'committed' // message
  | 'connections' // message: a batch of connections at rest
  | 'drained' // message
  | 'abort' // message: the old process gave up
  | 'failure' // the application failed, or the old process broke the protocol
  | 'timeout'
  | 'eof'
  | 'succeeded' // this process committed to its own successor, or stops in order

export type OldEvent =
  | 'connect'
  | 'hello' // message
  | 'refuse' // the peer may not have it: its uid or its versions
  | 'ack' // message
  | 'ready' // message
  | 'abort' // message: the new process gave up
  | 'failure' // the new process broke the protocol, or sending failed
  | 'timeout'
  | 'eof'
  | 'adopted' // message: a batch of connections has arrived
  | 'ended' // message: connections that went over are closed
  | 'drained' // no connection is left
  | 'probation' // its time is over
  | 'release' // message: a later generation committed
  | 'stop' // the operator wants this process to end

export type Effect =
  // new side
  | 'send-hello'
  | 'take-manifest'
  | 'take-listeners'
  | 'close-unclaimed'
  | 'send-ready'
  | 'take-rendezvous'
  | 'open'
  | 'announce-serving'
  | 'take-connections'
  | 'note-drained'
  | 'send-release'
  | 'give-up'
  // old side
  | 'await-hello'
  | 'refuse-busy'
  | 'refuse-peer'
  | 'send-manifest'
  | 'send-next'
  | 'release-old'
  | 'shut'
  | 'send-committed'
  | 'start-probation'
  | 'start-drain'
  | 'note-adopted'
  | 'note-ended'
  | 'stop-hand-over'
  | 'close-quiescent'
  | 'send-drained'
  | 'take-back'
  | 'end-listening'
  | 'leave'
  // both
  | 'send-abort'
  | 'hang-up'

interface Transition<State extends string> {
  readonly to: State
  readonly effects: readonly Effect[]
}

type Table<State extends string, Event extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Event, Transition<State>>>>>
>

const go = <State extends string>(to: State, ...effects: Effect[]): Transition<State> => ({
  to,
  effects,
})

const newTable: Table<NewState, NewEvent> = {
  discover: {
    absent: go('alone'),
    connected: go('discover', 'send-hello'),
    refuse: go('aborted', 'hang-up', 'give-up'),
    manifest: go('receive', 'take-manifest'),
    abort: go('aborted', 'hang-up', 'give-up'),
    failure: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    timeout: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    eof: go('alone', 'hang-up'),
  },
  receive: {
    listeners: go('receive', 'take-listeners'),
    complete: go('adopt'),
    abort: go('aborted', 'hang-up', 'give-up'),
    failure: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    timeout: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    eof: go('alone', 'hang-up'),
  },
  adopt: {
    ready: go('ready', 'close-unclaimed', 'send-ready'),
    abort: go('aborted', 'hang-up', 'give-up'),
    failure: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    timeout: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    eof: go('alone', 'hang-up'),
  },
  ready: {
    committed: go('serving', 'take-rendezvous', 'open', 'announce-serving'),
    abort: go('aborted', 'hang-up', 'give-up'),
    failure: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    timeout: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    // It died between our `ready` and its `committed`: every descriptor is here, so serve.
    eof: go('serving', 'hang-up', 'take-rendezvous', 'open', 'announce-serving'),
  },
  // The first generation, or one whose old process died before it could commit.
  alone: {
    ready: go('serving', 'close-unclaimed', 'take-rendezvous', 'open', 'announce-serving'),
    failure: go('aborted', 'give-up'),
    timeout: go('aborted', 'give-up'),
  },
  serving: {
    connections: go('serving', 'take-connections'),
    drained: go('serving', 'note-drained'),
    succeeded: go('serving', 'send-release'),
    // It broke the protocol after its commit. It is not needed any more, but must not take back.
    abort: go('serving', 'send-release', 'hang-up'),
    failure: go('serving', 'send-release', 'hang-up'),
    eof: go('serving', 'hang-up'),
  },
  aborted: {},
}

const oldTable: Table<OldState, OldEvent> = {
  serving: {
    connect: go('offer', 'await-hello'),
    // A service that is stopped is not dead: the generation before must not take back.
    stop: go('stopping', 'release-old', 'shut', 'end-listening', 'close-quiescent', 'start-drain'),
  },
  offer: {
    connect: go('offer', 'refuse-busy'),
    hello: go('send', 'send-manifest'),
    refuse: go('serving', 'refuse-peer', 'hang-up'),
    abort: go('serving', 'hang-up'),
    failure: go('serving', 'send-abort', 'hang-up'),
    timeout: go('serving', 'send-abort', 'hang-up'),
    eof: go('serving', 'hang-up'),
    stop: go(
      'stopping',
      'send-abort',
      'hang-up',
      'release-old',
      'shut',
      'end-listening',
      'close-quiescent',
      'start-drain',
    ),
  },
  send: {
    connect: go('send', 'refuse-busy'),
    ack: go('send', 'send-next'),
    // The commit. The generation before is let go first: were this process killed between the
    // two, a take-back there and a takeover by the new process would make two that serve.
    ready: go('drain', 'release-old', 'shut', 'send-committed', 'start-probation', 'start-drain'),
    abort: go('serving', 'hang-up'),
    failure: go('serving', 'send-abort', 'hang-up'),
    timeout: go('serving', 'send-abort', 'hang-up'),
    eof: go('serving', 'hang-up'),
    stop: go(
      'stopping',
      'send-abort',
      'hang-up',
      'release-old',
      'shut',
      'end-listening',
      'close-quiescent',
      'start-drain',
    ),
  },
  drain: {
    adopted: go('drain', 'note-adopted'),
    ended: go('drain', 'note-ended'),
    drained: go('guard', 'send-drained'),
    probation: go('linger'),
    release: go('released', 'stop-hand-over', 'end-listening'),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    // The new process is alive, and serves, but it broke the protocol: leave it the listeners.
    failure: go('released', 'hang-up', 'end-listening'),
    stop: go('released', 'close-quiescent', 'end-listening'),
  },
  guard: {
    ended: go('guard', 'note-ended'),
    probation: go('exit', 'end-listening', 'leave'),
    release: go('exit', 'end-listening', 'leave'),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    failure: go('exit', 'hang-up', 'end-listening', 'leave'),
    stop: go('exit', 'end-listening', 'leave'),
  },
  linger: {
    adopted: go('linger', 'note-adopted'),
    ended: go('linger', 'note-ended'),
    drained: go('exit', 'send-drained', 'end-listening', 'leave'),
    release: go('released', 'stop-hand-over', 'end-listening'),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    failure: go('released', 'hang-up', 'end-listening'),
    stop: go('released', 'close-quiescent', 'end-listening'),
  },
  released: {
    adopted: go('released', 'note-adopted'),
    ended: go('released', 'note-ended'),
    drained: go('exit', 'send-drained', 'leave'),
    probation: go('released'),
    release: go('released'),
    abort: go('released', 'hang-up'),
    failure: go('released', 'hang-up'),
    eof: go('released', 'hang-up'),
    stop: go('released', 'close-quiescent'),
  },
  stopping: {
    connect: go('stopping', 'refuse-busy'),
    drained: go('exit', 'leave'),
    stop: go('stopping'),
  },
  // Its hooks run. Whatever happens on the channel now changes nothing.
  exit: {
    ended: go('exit'),
    abort: go('exit', 'hang-up'),
    failure: go('exit', 'hang-up'),
    eof: go('exit', 'hang-up'),
    release: go('exit'),
    stop: go('exit'),
  },
}

export interface Roles {
  new: { state: NewState; event: NewEvent }
  old: { state: OldState; event: OldEvent }
}

/** The whole protocol as data, for the diagram of docs/protocol.md and for generated tests. */
export const table: {
  readonly [R in Role]: Table<Roles[R]['state'], Roles[R]['event']>
} = { new: newTable, old: oldTable }

/**
 * Looks up what an event does.
 *
 * @returns undefined where the table has no such event in this state: an error of whoever sent
 * it, which changes nothing.
 */
export function step<R extends Role>(
  role: R,
  state: Roles[R]['state'],
  event: Roles[R]['event'],
): Transition<Roles[R]['state']> | undefined {
  const row = table[role][state] as Partial<Record<string, Transition<Roles[R]['state']>>>
  return row[event]
}
