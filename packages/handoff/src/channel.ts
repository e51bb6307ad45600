// Public as `socket-handoff/channel`: descriptors between processes, without a handoff.

export { Channel } from './io/channel/channel.ts'
export type { Credentials, Received } from './io/native/scm-rights.ts'
