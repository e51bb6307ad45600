// The eight stages of a handoff, four on each side.

/** New side: discover, receive, adopt, ready. Old side: offer, send, drain, exit. */
export type Stage = 'discover' | 'receive' | 'adopt' | 'ready' | 'offer' | 'send' | 'drain' | 'exit'
