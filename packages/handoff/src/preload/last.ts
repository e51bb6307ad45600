// The last preload of a generation: what listens from here on is the program.

import { endPreloads } from './readiness/phase.ts'

endPreloads()
