// A new process is killed in its ramp or shortly after it. The log of the server shows what each lost request was.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LoggedClients, type LostRequest } from '../../support/load/logged-clients.ts'
import { seeded } from '../../support/load/random.ts'
import { sharedNow } from '../../support/load/recorder.ts'
import { startRun } from '../../support/run.ts'
import { scratchDirectory } from '../../support/scratch.ts'
import { until } from '../../support/until.ts'

const kills = 8
/** The process is killed within this time after it began to serve, in milliseconds: in its ramp mostly. */
const withinMs = 500
/**
 * How old the last answer of the killed process on a connection may be, in milliseconds, so that it had no time
 * to report that the connection is at rest: docs/limits.md. See `load/death.ts`.
 */
const lastMomentMs = 25

/** Reads which process began a request, and which ones had its connection, in order. */
function readLog(file: string) {
  const begunBy = new Map<string, string>()
  const had = new Map<string, { pid: string; at: number }[]>()
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [pid = '', at, word, subject = ''] = line.split(' ')
    if (word === 'begins') begunBy.set(subject, pid)
    if (word === 'has') had.set(subject, [...(had.get(subject) ?? []), { pid, at: Number(at) }])
  }
  return {
    begunBy: ({ id }: LostRequest) => begunBy.get(`${id}`),
    // Other clients had the port before and after.
    hadBy: ({ port, openedAt, lostAt }: LostRequest) =>
      (had.get(`${port}`) ?? []).filter(({ at }) => at >= openedAt && at <= lostAt),
  }
}

test('a lost request was begun by the killed process, or was on a connection that only this one knew', {
  timeout: 120_000,
}, async () => {
  const file = join(scratchDirectory(), 'log')
  const run = await startRun('logging-server.mjs', { env: { LOG_FILE: file } })
  const { port = 0 } = run.target
  const clients = new LoggedClients({ port, kept: 32, fresh: 8, seed: 1 })
  const random = seeded(7)
  /** By pid, when the signal was sent. */
  const killed = new Map<string, number>()
  for (let kill = 0; kill < kills; kill++) {
    const from = run.output.lines.length
    const reload = run.reload()
    const next = await run.listening(from)
    await pause(random() * withinMs)
    killed.set(`${next}`, sharedNow())
    process.kill(next, 'SIGKILL')
    await run.output.waitFor(/has taken back/, { from })
    await reload
    const enough = clients.answered + 500
    await until('500 more answers', () => clients.answered >= enough)
  }
  await clients.stop()

  const { begunBy, hadBy } = readLog(file)
  const wasBegun = (lost: LostRequest) => killed.has(begunBy(lost) ?? '')
  // The first process that had it accepted it: the others got it from that one.
  const wasAccepted = (lost: LostRequest) => killed.has(hadBy(lost)[0]?.pid ?? '')
  // The request woke it in the killed process, which died between reading and beginning it.
  const wasRead = (lost: LostRequest) => {
    const last = hadBy(lost).at(-1)
    return killed.has(last?.pid ?? '') && (last?.at ?? 0) > (lost.answeredAt ?? 0)
  }
  // Accepted in the very moment of its death: no process has logged it.
  const isUnknown = (lost: LostRequest) => hadBy(lost).length === 0
  const isLastMoment = ({ usedBy, answeredAt = 0 }: LostRequest) => {
    const killedAt = killed.get(usedBy ?? '')
    return killedAt !== undefined && answeredAt > killedAt - lastMomentMs
  }
  const excuses = { wasBegun, wasAccepted, wasRead, isLastMoment, isUnknown }
  const counts: Record<string, number> = { none: 0 }
  const unexcused = clients.lost.filter((lost) => {
    const why = Object.entries(excuses).find(([, excuse]) => excuse(lost))?.[0] ?? 'none'
    counts[why] = (counts[why] ?? 0) + 1
    return why === 'none'
  })
  const details = unexcused.map((lost) => ({ ...lost, hadBy: hadBy(lost) }))
  const { answered, lost, refused } = clients
  const summary = `${answered} answered, ${lost.length} lost: ${JSON.stringify(counts)}`
  expect(details, `${summary}\n${run.output}`).toEqual([])
  expect(refused).toEqual([])
  expect(counts.isUnknown ?? 0, summary).toBeLessThanOrEqual(3)
  expect(counts.wasRead ?? 0, summary).toBeLessThanOrEqual(3)
  console.log(summary)
  await run.stop()
})
