// Public as `socket-handoff/channel`: descriptors between processes, without a handoff.

export { Channel } from './io/channel.ts'
export type { Credentials, Received } from './io/scm-rights.ts'
