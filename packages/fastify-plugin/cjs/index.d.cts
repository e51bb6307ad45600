// Types for require(): those of the ES module.
import type * as door from '../dist/types/index.js' with { 'resolution-mode': 'import' }

export type * from '../dist/types/index.js' with { 'resolution-mode': 'import' }

export declare const fastifySocketHandoff: typeof door.fastifySocketHandoff
declare const plugin: typeof door.default
export default plugin
