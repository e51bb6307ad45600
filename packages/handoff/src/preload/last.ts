// The last preload of a generation: later listeners belong to the program.

import { endPreloads } from './readiness/preload-phase.ts'

endPreloads()
