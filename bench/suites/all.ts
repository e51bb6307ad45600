// All suites, in the order in which they run.

import type { Suite } from '../core/suite.ts'
import { accepting } from './accepting.ts'
import { arrivals } from './arrivals.ts'
import { backToBack } from './back-to-back.ts'
import { bootCost } from './boot-cost.ts'
import { connections } from './connections.ts'
import { crash } from './crash.ts'
import { disturbance } from './disturbance.ts'
import { generation } from './generation.ts'
import { memory } from './memory.ts'
import { nothingIsLost } from './nothing-is-lost.ts'
import { passing } from './passing.ts'
import { steady } from './steady.ts'
import { tls } from './tls.ts'
import { warmUp } from './warm-up.ts'
import { watch } from './watch.ts'
import { workers } from './workers.ts'
import { workersReload } from './workers-reload.ts'

export const suites: readonly Suite[] = [
  disturbance,
  arrivals,
  backToBack,
  crash,
  nothingIsLost,
  generation,
  watch,
  warmUp,
  connections,
  tls,
  bootCost,
  steady,
  accepting,
  workers,
  workersReload,
  passing,
  memory,
]
