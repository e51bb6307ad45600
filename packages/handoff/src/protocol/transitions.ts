// The vocabulary of the tables: the states and events of the two roles, and the cells of a table.

export type Role = 'new' | 'old'

export type NewState =
  | 'discover'
  | 'receive'
  | 'adopt'
  | 'ready' // the commit is awaited
  | 'alone' // no old process
  | 'sharing' // accepts, and the old process does so still
  | 'serving'
  | 'aborted'

export type OldState =
  | 'serving' // no handoff is under way
  | 'offer' // a peer connected, its hello is awaited
  | 'send' // the listeners are on their way; the new process boots
  | 'commit' // accepts no more; what the application hands over is exported
  | 'ramp' // committed; both processes accept until the new one is as quick
  | 'drain' // committed; on probation, connections still open
  | 'guard' // committed and drained; on probation
  | 'linger' // committed; probation is over, connections still open
  | 'released' // a later handoff began: nothing to take back, connections still open or to pass on
  | 'stopping' // no successor: connections still open
  | 'exit'

export type NewEvent =
  | 'absent' // no process answers at the rendezvous socket
  | 'connected'
  | 'refuse' // message
  | 'older' // message: the processes of the line that may still live
  | 'mark' // message: the mark of this handoff
  | 'manifest' // message
  | 'state' // message: a value of the application
  | 'listeners' // message: a batch of descriptors
  | 'complete' // every descriptor of the manifest has arrived and was checked
  | 'ready' // the application reports that it can serve
  | 'committed' // message
  | 'shared' // message `committed`, of an old process that accepts still
  | 'connections' // message: a batch of quiescent connections
  | 'drained' // message
  | 'ramped' // message: the old process accepts no more
  | 'abort' // message, or word on the mark: the old process gave up
  | 'failure' // the application failed, or the old process broke the protocol
  | 'timeout'
  | 'eof'
  | 'succeeded' // this process has a successor: it passes on what the old process still serves
  | 'stopped' // this process stops gracefully, without a successor

export type OldEvent =
  | 'connect'
  | 'hello' // message
  | 'refuse' // the peer may not take over: its uid or its versions
  | 'ack' // message
  | 'ready' // message
  | 'share' // message `ready`, where the handoff has a ramp
  | 'exported' // the new process has every value of the application
  | 'abort' // message: the new process gave up
  | 'failure' // the new process broke the protocol, or sending failed
  | 'timeout'
  | 'eof'
  | 'adopted' // message: a batch of connections has arrived
  | 'ended' // message: connections that went over are closed
  | 'rested' // message: connections that went over are quiescent again
  | 'pace' // message: how late the event loop of the new process is
  | 'ramped' // the new process is as quick, or the time of the ramp is over
  | 'served' // word on the mark: the new process accepts
  | 'died' // end of the mark: the new process is dead, and the end of the channel will come
  | 'drained' // no connection is left
  | 'probation' // its time is over
  | 'release' // message, or word on the mark: a later handoff began
  | 'declined' // message: the new process takes no more connections
  | 'stop' // the operator stops this process

/** Whether a process serves in this state of its birth, alone or beside the old process. */
export function serves(state: NewState): state is 'serving' | 'sharing' {
  return state === 'serving' || state === 'sharing'
}

/** What an event does in a state: the next state, and the effects in their order. */
export interface Transition<State extends string, Effect extends string = string> {
  readonly to: State
  readonly effects: readonly Effect[]
}

export type Table<
  State extends string,
  Event extends string,
  Effect extends string = string,
> = Readonly<Record<State, Readonly<Partial<Record<Event, Transition<State, Effect>>>>>>

/** Makes one cell of a table; its type keeps the names, so that the compiler can read the table. */
export const go = <const State extends string, const Effects extends readonly string[]>(
  to: State,
  ...effects: Effects
): { readonly to: State; readonly effects: Effects } => ({ to, effects })
