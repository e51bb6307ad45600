import { expect, test } from 'vitest'
import { noFates } from '../../../../packages/handoff/src/terms/fates.ts'
import { rollOut, settled } from '../../../support/fake-workers.ts'

const stopping = {
  code: 'ERR_HANDOFF_STOPPING',
  message: 'cannot reload web: it is stopping.',
} as const
const gone = { code: 'ERR_HANDOFF_PEER_GONE', message: 'cannot hand over: it has gone.' } as const

const orders: [string, ('old ends' | 'new ends' | 'old takes back' | 'old drains')[]][] = [
  ['the new process ends first', ['new ends', 'old drains', 'old ends']],
  ['the old process ends first', ['old drains', 'old ends', 'new ends']],
  [
    'the old process takes back before its signal comes',
    ['new ends', 'old takes back', 'old ends'],
  ],
  ['the old process reports nothing more', ['new ends', 'old ends']],
]

test.each(orders)('a stop in the ramp is the reason of the failure: %s', async (_, order) => {
  const { rollout, worker } = rollOut({})
  const fake = worker(1)
  await fake.ramp()
  let result: unknown
  void rollout.parts[0]?.confirm().then((end) => {
    result = end
  })
  fake.stopping = stopping
  for (const step of order) {
    await settled()
    expect(result, `before: ${step}`).toBeUndefined()
    if (step === 'old drains') await fake.stopOld()
    if (step === 'old takes back') {
      fake.serving = { pid: fake.old ?? 0, generation: 1, fates: noFates }
      fake.hear({ type: 'taken-back', stage: 'ramp', ...gone }, fake.old)
    }
    if (step === 'new ends') fake.serving = undefined
    if (step === 'old ends') {
      if (fake.serving?.pid === fake.old) fake.serving = undefined
      fake.old = undefined
    }
    if (step.endsWith('ends')) fake.events.emit('exit', 0)
  }
  await settled()
  expect(result).toEqual({ ok: false, failure: stopping, serving: 'none' })
  expect(await rollout.done).toBe(false)
})
