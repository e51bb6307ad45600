// The handoff as a table: role × state × event → next state and effects. Pure data, and its reader.
//
// A process plays both roles in its life: it is born as the new process of one handoff and leaves
// as the old process of the next. The table does not know sockets, clocks or promises: whoever
// runs it feeds it events and carries out the effects, in their order.
//
// Three rules carry the whole design:
//   - Before `commit` the old process has never stopped accepting, and until `drain` nobody else
//     has begun to: every failure leads to `serving`.
//   - The end of the channel is the death of the peer: only it holds the other end. So a new
//     process whose old one died goes on alone, and an old process whose new one died takes back.
//     Who has no use for the peer any more, but lives, is deaf to it instead of hanging up.
//   - At most one process stands behind the one that serves: a handoff that begins ends the
//     probation of the generation before.

export type Role = 'new' | 'old'

export type NewState = 'discover' | 'receive' | 'adopt' | 'ready' | 'alone' | 'serving' | 'aborted'

export type OldState =
  | 'serving' // nothing under way
  | 'offer' // a peer connected, its hello is awaited
  | 'send' // the listeners are on their way; the new process boots
  | 'commit' // accepts no more; what the application hands over is exported
  | 'drain' // committed; on probation, connections still open
  | 'guard' // committed and drained; on probation
  | 'linger' // committed; probation is over, connections still open
  | 'released' // a later handoff began: nothing to take back, connections still open
  | 'stopping' // no successor: connections still open
  | 'exit'

export type NewEvent =
  | 'absent' // nobody answers at the rendezvous socket
  | 'connected'
  | 'refuse' // message
  | 'manifest' // message
  | 'older' // message: the processes of the line that may still live
  | 'state' // message: a value of the application
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
  | 'succeeded' // this process has a handoff of its own, or stops in order

export type OldEvent =
  | 'connect'
  | 'hello' // message
  | 'refuse' // the peer may not have it: its uid or its versions
  | 'ack' // message
  | 'ready' // message
  | 'exported' // the new process has every value of the application
  | 'abort' // message: the new process gave up
  | 'failure' // the new process broke the protocol, or sending failed
  | 'timeout'
  | 'eof'
  | 'adopted' // message: a batch of connections has arrived
  | 'ended' // message: connections that went over are closed
  | 'drained' // no connection is left
  | 'probation' // its time is over
  | 'release' // message: a later handoff began
  | 'stop' // the operator wants this process to end

export type Effect =
  // new side
  | 'send-hello'
  | 'take-manifest'
  | 'take-older'
  | 'take-state'
  | 'take-listeners'
  | 'close-unclaimed'
  | 'send-ready'
  | 'import-state'
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
  | 'export-state'
  | 'reopen'
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
  | 'turn-deaf'
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
    older: go('receive', 'take-older'),
    state: go('receive', 'take-state'),
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
    state: go('ready', 'take-state'),
    committed: go('serving', 'import-state', 'take-rendezvous', 'open', 'announce-serving'),
    abort: go('aborted', 'hang-up', 'give-up'),
    failure: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    timeout: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    // It died between our `ready` and its `committed`: every descriptor is here, so serve, with
    // what came of its state.
    eof: go('serving', 'hang-up', 'import-state', 'take-rendezvous', 'open', 'announce-serving'),
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
    // It broke the protocol after its commit. It is not needed any more, but must not take back;
    // and it still lives, which the open channel tells.
    abort: go('serving', 'send-release', 'turn-deaf'),
    failure: go('serving', 'send-release', 'turn-deaf'),
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
    // The generation before is let go first. Were this process killed between here and its
    // commit, a take-back there and the new process, which goes on alone, would both serve.
    hello: go('send', 'release-old', 'send-manifest'),
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
    ready: go('commit', 'shut', 'export-state'),
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
  // Nobody accepts; what comes waits in the queues. The new process begins at `committed`, not before.
  commit: {
    connect: go('commit', 'refuse-busy'),
    exported: go('drain', 'send-committed', 'start-probation', 'start-drain'),
    abort: go('serving', 'hang-up', 'reopen'),
    failure: go('serving', 'send-abort', 'hang-up', 'reopen'),
    timeout: go('serving', 'send-abort', 'hang-up', 'reopen'),
    eof: go('serving', 'hang-up', 'reopen'),
    stop: go(
      'stopping',
      'send-abort',
      'hang-up',
      'release-old',
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
    failure: go('released', 'turn-deaf', 'end-listening'),
    stop: go('released', 'close-quiescent', 'end-listening'),
  },
  guard: {
    ended: go('guard', 'note-ended'),
    probation: go('exit', 'end-listening', 'leave'),
    release: go('exit', 'end-listening', 'leave'),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    failure: go('exit', 'turn-deaf', 'end-listening', 'leave'),
    stop: go('exit', 'end-listening', 'leave'),
  },
  linger: {
    adopted: go('linger', 'note-adopted'),
    ended: go('linger', 'note-ended'),
    drained: go('exit', 'send-drained', 'end-listening', 'leave'),
    release: go('released', 'stop-hand-over', 'end-listening'),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    failure: go('released', 'turn-deaf', 'end-listening'),
    stop: go('released', 'close-quiescent', 'end-listening'),
  },
  released: {
    adopted: go('released', 'note-adopted'),
    ended: go('released', 'note-ended'),
    drained: go('exit', 'send-drained', 'leave'),
    probation: go('released'),
    release: go('released'),
    abort: go('released', 'turn-deaf'),
    failure: go('released', 'turn-deaf'),
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
    abort: go('exit', 'turn-deaf'),
    failure: go('exit', 'turn-deaf'),
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
