// The old process's half of the table: from serving to exit, and back if a handoff fails.

import { go, type OldEvent, type OldState, type Table } from './transitions.ts'

/** A stop while a handoff is under way: there will be no successor. */
const stopUnderWay = go(
  'stopping',
  'send-abort',
  'hang-up',
  'release-old',
  'shut',
  'end-listening',
  'close-quiescent',
  'start-drain',
)

export const oldTable = {
  serving: {
    connect: go('offer', 'await-hello'),
    // A stop is no death: the generation before must not take back.
    stop: go('stopping', 'release-old', 'shut', 'end-listening', 'close-quiescent', 'start-drain'),
  },
  offer: {
    connect: go('offer', 'refuse-busy'),
    // The generation before is released before another process can serve. If this process were killed
    // between here and its commit, that generation would take back, the new process would go on alone,
    // and both would serve. The line goes first, so that a process that is alone knows the older ones.
    hello: go('send', 'send-line', 'release-old', 'send-manifest'),
    refuse: go('serving', 'refuse-peer', 'hang-up'),
    abort: go('serving', 'hang-up'),
    failure: go('serving', 'send-abort', 'hang-up'),
    timeout: go('serving', 'send-abort', 'hang-up'),
    eof: go('serving', 'hang-up'),
    stop: stopUnderWay,
  },
  send: {
    connect: go('send', 'refuse-busy'),
    ack: go('send', 'send-next'),
    ready: go('commit', 'shut', 'export-state'),
    share: go('ramp', 'shut-rendezvous', 'send-committed', 'start-probation', 'start-ramp'),
    abort: go('serving', 'hang-up'),
    failure: go('serving', 'send-abort', 'hang-up'),
    timeout: go('serving', 'send-abort', 'hang-up'),
    eof: go('serving', 'hang-up'),
    stop: stopUnderWay,
  },
  // No process accepts; connections wait in the queues. The new process begins at `committed`.
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
  // Both processes accept. A death of the new one costs no client anything: this one has never stopped.
  ramp: {
    adopted: go('ramp', 'note-adopted'),
    ended: go('ramp', 'note-ended'),
    rested: go('ramp', 'note-rested'),
    pace: go('ramp', 'note-pace'),
    served: go('ramp', 'start-probation'),
    died: go('ramp'),
    // Probation begins anew when the new process serves alone.
    probation: go('ramp'),
    ramped: go('drain', 'shut', 'start-drain', 'start-probation', 'send-ramped'),
    release: go(
      'released',
      'shut',
      'start-drain',
      'send-ramped',
      'release-hand-over',
      'end-listening',
    ),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    failure: go('released', 'turn-deaf', 'shut', 'start-drain', 'end-listening'),
    stop: go('released', 'shut', 'start-drain', 'send-ramped', 'close-quiescent', 'end-listening'),
  },
  drain: {
    adopted: go('drain', 'note-adopted'),
    ended: go('drain', 'note-ended'),
    rested: go('drain', 'note-rested'),
    // Sent before the end of the ramp was known there.
    pace: go('drain'),
    // Probation begins anew when the new process accepts, and does not end before that (mark.ts).
    served: go('drain', 'start-probation'),
    died: go('drain'),
    drained: go('guard', 'send-drained'),
    probation: go('linger'),
    release: go('released', 'release-hand-over', 'end-listening'),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    // The new process is alive and serves, but it broke the protocol: it keeps the listeners.
    failure: go('released', 'turn-deaf', 'end-listening'),
    stop: go('released', 'close-quiescent', 'end-listening'),
  },
  guard: {
    // Of connections that were ended at the drain deadline.
    adopted: go('guard', 'note-adopted'),
    ended: go('guard', 'note-ended'),
    rested: go('guard', 'note-rested'),
    pace: go('guard'),
    served: go('guard', 'start-probation'),
    died: go('guard'),
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
    rested: go('linger', 'note-rested'),
    pace: go('linger'),
    // This process does not leave now: it waits for the end of the channel, as on probation.
    died: go('drain'),
    drained: go('exit', 'send-drained', 'end-listening', 'leave'),
    release: go('released', 'release-hand-over', 'end-listening'),
    abort: go('serving', 'hang-up', 'take-back'),
    eof: go('serving', 'hang-up', 'take-back'),
    failure: go('released', 'turn-deaf', 'end-listening'),
    stop: go('released', 'close-quiescent', 'end-listening'),
  },
  // The new process passes on what it still takes.
  released: {
    adopted: go('released', 'note-adopted'),
    ended: go('released', 'note-ended'),
    rested: go('released'),
    pace: go('released'),
    served: go('released'),
    drained: go('exit', 'send-drained', 'leave'),
    probation: go('released'),
    release: go('released'),
    declined: go('released', 'end-hand-over'),
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
  // The exit hooks run. No event of the channel changes that.
  exit: {
    adopted: go('exit'),
    ended: go('exit'),
    rested: go('exit'),
    pace: go('exit'),
    served: go('exit'),
    abort: go('exit', 'turn-deaf'),
    failure: go('exit', 'turn-deaf'),
    eof: go('exit', 'hang-up'),
    release: go('exit'),
    declined: go('exit'),
    stop: go('exit'),
  },
} satisfies Table<OldState, OldEvent>
