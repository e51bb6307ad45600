// `handoff doctor`: what stands in the way of a handoff here, and what to do about it.

import { diagnose } from '../doctor/diagnose.ts'
import { gatherFacts } from '../doctor/facts.ts'
import { findingLines } from '../doctor/finding-text.ts'
import { styleFor } from '../text/style.ts'
import { columnsOf, wrap } from '../text/wrap.ts'

export interface DoctorOptions {
  readonly json?: true
}

/** @returns the exit code: 1 when there is a problem. */
export async function doctor(entry: string | undefined, { json }: DoctorOptions): Promise<number> {
  const findings = diagnose(await gatherFacts(entry))
  const ok = findings.every(({ level }) => level !== 'problem')
  const text = json
    ? JSON.stringify({ ok, findings })
    : findingLines(findings, styleFor(process.stdout))
        .flatMap((line) => wrap(line, columnsOf(process.stdout)))
        .join('\n')
  process.stdout.write(`${text}\n`)
  return ok ? 0 : 1
}
