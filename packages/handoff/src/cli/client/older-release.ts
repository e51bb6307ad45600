// Completes the answers of a supervisor of an older release, which reports less.

import type { ReloadLine } from '../../supervisor/control/reload-lines.ts'
import type { Status } from '../../supervisor/registry/run-status.ts'
import { noFates } from '../../terms/fates.ts'

export function completeStatus(status: Status): Status {
  const { processes, handoffs } = status
  return {
    ...status,
    release: status.release ?? null,
    program: status.program ?? null,
    workers: status.workers ?? [workerOf(status)],
    processes: processes.map((process) => ({ ...process, ...partsOf(process) })),
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

function partsOf({ worker, open, fates, silentMs }: Partial<Status['processes'][number]>) {
  return {
    worker: worker ?? 1,
    open: open ?? {},
    fates: fates ?? noFates,
    silentMs: silentMs ?? null,
  }
}

function workerOf({ generation, serving, backoff }: Status): Status['workers'][number] {
  return { worker: 1, generation, serving, backoff }
}
