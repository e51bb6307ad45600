// A value that is exported too late for its handoff goes nowhere, and stands in the way of none.

import { expect, test } from 'vitest'
import { deferred } from '../../../packages/handoff/src/terms/deferred.ts'
import { until } from '../../support/until.ts'
import { NewPeer } from '../support/peers.ts'
import { openPlace } from '../support/place.ts'

test.each(['resolves', 'rejects'] as const)(
  'the new process dies while it is exported: an export that %s later changes nothing',
  async (how) => {
    const place = openPlace()
    const { generation } = await place.serve()
    const exports: ReturnType<typeof deferred<number>>[] = []
    generation.handoff.state('counter', {
      when: 'start',
      export: () => {
        const value = deferred<number>()
        exports.push(value)
        return value.promise
      },
      import: () => {},
    })
    const first = NewPeer.connect(place.rendezvous)
    await first.discover()
    await until('it is exported', () => exports.length === 1)
    first.die()
    await generation.told('aborted')
    if (how === 'resolves') exports[0]?.resolve(1)
    else exports[0]?.reject(new Error('too late'))

    const second = NewPeer.connect(place.rendezvous)
    await second.discover()
    await until('it is exported again', () => exports.length === 2)
    exports[1]?.resolve(2)
    expect(await second.hear('state')).toMatchObject({ key: 'counter', value: 2 })
    expect(generation.all('aborted')).toHaveLength(1)
    second.die()
  },
)
