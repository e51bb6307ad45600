// The report of a whole load as a short table.

import type { Kept, Report } from '../test/support/load/whole-load.ts'
import { percentile } from './machine.ts'

export function reportTable(report: Report): string {
  const { requests, failed, cut, kept, resting, webSockets, echoes, heldBack, durationsMs } = report
  const times = [50, 99, 100].map((percent) => percentile(durationsMs, percent).toFixed(1))
  const rows: [string, string][] = [
    ['requests', `${requests}, ${failed} failed${also(cut)}`],
    ['kept connections', same(kept)],
    ['resting connections', same(resting)],
    ['WebSockets', same(webSockets)],
    [
      'messages',
      `${echoes.sent} sent, ${echoes.echoed} echoed, ${echoes.lost} lost, ` +
        `${echoes.reordered} reordered, ${echoes.doubled} doubled, ${echoes.miscounted} miscounted`,
    ],
    ['new connections', `${heldBack} not begun, since the server did not keep up`],
    ['latency, kept', `p50 ${times[0]} ms, p99 ${times[1]} ms, max ${times[2]} ms`],
  ]
  return rows.map(([label, text]) => `  ${label.padEnd(20)} ${text}`).join('\n')
}

function same({ opened, same: left, closed, cut }: Kept): string {
  return `${left} of ${opened} the same at the end, ${closed} closed${also(cut)}`
}

function also(cut: number): string {
  return cut === 0 ? '' : `, ${cut} ended with killed processes`
}

/** Whether a client lost anything that it need not have lost. */
export function isLossless({ failed, kept, resting, webSockets, echoes }: Report): boolean {
  const { sent: _, echoed: __, ...wrong } = echoes
  const closed = [kept, resting, webSockets].map((connections) => connections.closed)
  return [failed, ...closed, ...Object.values(wrong)].every((count) => count === 0)
}
