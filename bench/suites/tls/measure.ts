// Requests a second over TLS connections, and processor time of their server for each.

import { cpuTimeMs } from '../../core/machine.ts'
import type { SecureConnections, SecureRequest } from '../../load/ask-securely.ts'

export interface Measured {
  readonly perSecond: number
  readonly cpuMicros: number
}

/** @param pid - the server's. */
export async function measure(
  connections: SecureConnections,
  pid: number,
  ms: number,
  request?: SecureRequest,
): Promise<Measured> {
  const before = cpuTimeMs(pid)
  const { perSecond, requests } = await connections.ask(ms, request)
  return { perSecond, cpuMicros: ((cpuTimeMs(pid) - before) / requests) * 1_000 }
}

export function mean(all: readonly Measured[]): Measured {
  const of = (key: keyof Measured) => all.reduce((sum, one) => sum + one[key], 0) / all.length
  return { perSecond: of('perSecond'), cpuMicros: of('cpuMicros') }
}

export function ratios(one: Measured, other: Measured): Record<string, number> {
  return {
    perSecondRatio: one.perSecond / other.perSecond,
    cpuRatio: one.cpuMicros / other.cpuMicros,
  }
}
