// The new process's half of the table: from discover to serving.

import { go, type NewEvent, type NewState, type Table } from './transitions.ts'

export const newTable = {
  discover: {
    absent: go('alone'),
    connected: go('discover', 'send-hello'),
    refuse: go('aborted', 'hang-up', 'give-up'),
    // These come before the manifest: a process that has a manifest knows the older ones and has its mark.
    older: go('discover', 'take-older'),
    mark: go('discover', 'take-mark'),
    manifest: go('receive', 'take-manifest'),
    abort: go('aborted', 'hang-up', 'give-up'),
    failure: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    timeout: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    eof: go('alone', 'hang-up'),
  },
  receive: {
    // From an old process that knows no mark.
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
    shared: go('sharing', 'import-state', 'hold-rendezvous', 'open', 'announce-serving'),
    abort: go('aborted', 'hang-up', 'give-up'),
    failure: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    timeout: go('aborted', 'send-abort', 'hang-up', 'give-up'),
    // The old process died between `ready` and `committed`. Every descriptor is here, so this process
    // serves, with the state that has come.
    eof: go('serving', 'hang-up', 'import-state', 'take-rendezvous', 'open', 'announce-serving'),
  },
  // The first generation, or one whose old process died before it could commit.
  alone: {
    ready: go('serving', 'close-unclaimed', 'take-rendezvous', 'open', 'announce-serving'),
    failure: go('aborted', 'give-up'),
    timeout: go('aborted', 'give-up'),
  },
  // The old process accepts still. A successor of this one has to wait: three would accept, or two while
  // a state is exported.
  sharing: {
    connections: go('sharing', 'take-connections'),
    ramped: go('serving', 'end-pace', 'take-rendezvous'),
    stopped: go('sharing', 'end-pace', 'send-release', 'send-declined'),
    // Until its end only the old process knows whether it accepts.
    abort: go('sharing', 'end-pace', 'send-release', 'send-declined', 'turn-deaf'),
    failure: go('sharing', 'end-pace', 'send-release', 'send-declined', 'turn-deaf'),
    eof: go('serving', 'end-pace', 'hang-up', 'take-rendezvous'),
  },
  serving: {
    connections: go('serving', 'take-connections'),
    drained: go('serving', 'note-drained'),
    succeeded: go('serving', 'send-release'),
    stopped: go('serving', 'send-release', 'send-declined'),
    // The old process broke the protocol after its commit. It must not take back, but it still lives:
    // the channel stays open until it ends.
    abort: go('serving', 'send-release', 'send-declined', 'turn-deaf'),
    failure: go('serving', 'send-release', 'send-declined', 'turn-deaf'),
    eof: go('serving', 'hang-up'),
  },
  aborted: {},
} satisfies Table<NewState, NewEvent>
