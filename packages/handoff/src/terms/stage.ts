// The nine stages of a handoff, four of the new process and five of the old one.

/**
 * New side: discover, receive, adopt, ready. Old side: offer, send, ramp, drain, exit. In `ramp` both
 * processes accept. Not every handoff has one.
 */
export type Stage =
  | 'discover'
  | 'receive'
  | 'adopt'
  | 'ready'
  | 'offer'
  | 'send'
  | 'ramp'
  | 'drain'
  | 'exit'
