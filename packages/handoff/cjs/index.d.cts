// Types for require(): those of the ES module.
import type * as door from '../dist/types/index.js' with { 'resolution-mode': 'import' }

export type * from '../dist/types/index.js' with { 'resolution-mode': 'import' }

export declare const createHandoff: typeof door.createHandoff
export declare const describe: typeof door.describe
export declare const eventsChannel: typeof door.eventsChannel
export declare const HandoffError: typeof door.HandoffError
export type HandoffError = door.HandoffError
export declare const printable: typeof door.printable
