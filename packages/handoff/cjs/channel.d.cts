// Types for require(): those of the ES module.
import type * as door from '../dist/types/channel.js' with { 'resolution-mode': 'import' }

export type * from '../dist/types/channel.js' with { 'resolution-mode': 'import' }

export declare const Channel: typeof door.Channel
export type Channel = door.Channel
