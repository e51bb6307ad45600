// A supervisor may be of an older release than this command: what it does not tell is nothing.

import { noFates } from '../fates.ts'
import type { ReloadLine } from '../supervisor/reload.ts'
import type { Status } from '../supervisor/status.ts'

export function completeStatus(status: Status): Status {
  const { processes, handoffs } = status
  return {
    ...status,
    program: status.program ?? null,
    processes: processes.map((process) => ({ ...process, ...connectionsOf(process) })),
    handoffs: { ...handoffs, fates: handoffs.fates ?? noFates },
  }
}

export function completeLine(line: ReloadLine): ReloadLine {
  if (line.type !== 'drained') return line
  const counts = { ...line.counts }
  counts.handedOver ??= 0
  counts.closed ??= 0
  return { ...line, counts, fates: line.fates ?? noFates }
}

function connectionsOf({ open, fates }: Partial<Status['processes'][number]>) {
  return { open: open ?? {}, fates: fates ?? noFates }
}
