// The vocabulary of the table: states, events and effects of the two roles.

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
  | 'older' // message: the processes of the line that may still live
  | 'mark' // message: the mark of this handoff
  | 'manifest' // message
  | 'state' // message: a value of the application
  | 'listeners' // message: a batch of descriptors
  | 'complete' // every descriptor of the manifest has arrived and was checked
  | 'ready' // the application says that it can serve
  | 'committed' // message
  | 'connections' // message: a batch of connections at rest
  | 'drained' // message
  | 'abort' // message, or word on the mark: the old process gave up
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
  | 'rested' // message: connections that went over stand between two requests again
  | 'served' // word on the mark: the new process accepts
  | 'died' // end of the mark: the new process is dead, and the end of the channel will come
  | 'drained' // no connection is left
  | 'probation' // its time is over
  | 'release' // message, or word on the mark: a later handoff began
  | 'stop' // the operator wants this process to end

export type Effect =
  // new side
  | 'send-hello'
  | 'take-older'
  | 'take-mark'
  | 'take-manifest'
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
  | 'send-line'
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
  | 'note-rested'
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

export interface Transition<State extends string> {
  readonly to: State
  readonly effects: readonly Effect[]
}

export type Table<State extends string, Event extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Event, Transition<State>>>>>
>

/** One cell of the table. */
export const go = <State extends string>(to: State, ...effects: Effect[]): Transition<State> => ({
  to,
  effects,
})
