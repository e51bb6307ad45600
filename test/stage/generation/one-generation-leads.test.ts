// Leadership: one process at a time, whatever becomes of those between.

import { once } from 'node:events'
import { symlinkSync } from 'node:fs'
import { connect as connectTo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { Channel } from '../../../packages/handoff/src/io/channel/channel.ts'
import { socketPair } from '../../../packages/handoff/src/io/native/descriptors.ts'
import { until } from '../../support/until.ts'
import { whereIs } from '../support/clients.ts'
import { type Generation, openPlace, type Place } from '../support/place.ts'

/** Remembers who leads; a generation stops when its hooks have run. */
class Office {
  readonly led: Generation[] = []
  readonly #leading = new Set<Generation>()

  watch(generation: Generation): Generation {
    generation.handoff.leadership.then(() => {
      this.#leading.add(generation)
      this.led.push(generation)
      expect(this.#leading.size, 'processes that lead at once').toBe(1)
    })
    generation.handoff.onExit(() => void this.#leading.delete(generation))
    return generation
  }

  async ledBy(generation: Generation): Promise<void> {
    await until('it leads', () => this.led.includes(generation))
  }
}

/** A process that serves and cannot finish: a client holds a request open. */
async function serveBusy(place: Place, office: Office) {
  const generation = office.watch(await place.start())
  const server = await generation.listen({ host: '127.0.0.1', port: 0 }, () => {})
  await generation.handoff.ready()
  const client = connectTo(whereIs(server) as { port: number })
  client.on('error', () => {})
  const asked = once(server, 'request')
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await asked
  return { generation, finish: () => client.destroy() }
}

async function serve(place: Place, office: Office): Promise<Generation> {
  const generation = office.watch(await place.start())
  await generation.listen({ host: '127.0.0.1', port: 0 })
  await generation.handoff.ready()
  return generation
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('the first process leads when it serves, not before', async () => {
  const place = openPlace()
  const office = new Office()
  const first = office.watch(await place.start())
  await first.listen({ host: '127.0.0.1', port: 0 })
  await turn()
  expect(office.led).toEqual([])
  await first.handoff.ready()
  await turn()
  expect(office.led).toEqual([first])
})

test('its replacement leads when it has gone: not at the commit, not when it is drained', async () => {
  const place = openPlace()
  const office = new Office()
  const { generation: first, finish } = await serveBusy(place, office)
  const second = await serve(place, office)
  first.system.advance(5_000)
  await turn()
  expect(office.led).toEqual([first])
  finish()
  expect(await first.exit()).toBe(0)
  await office.ledBy(second)
})

test('its exit hooks come first, however long they take', async () => {
  const place = openPlace()
  const office = new Office()
  const first = await serve(place, office)
  let stopLeading = () => {}
  first.handoff.onExit(
    () =>
      new Promise<void>((resolve) => {
        stopLeading = resolve
      }),
  )
  const second = await serve(place, office)
  first.system.advance(5_000)
  await first.reaches('exit')
  await turn()
  expect(office.led).toEqual([first])
  stopLeading()
  await office.ledBy(second)
})

describe('with an older generation that still drains', () => {
  test('a generation between that leaves earlier gives the third no leadership', async () => {
    const place = openPlace()
    const office = new Office()
    const { generation: first, finish } = await serveBusy(place, office)
    const second = await serve(place, office)
    const third = await serve(place, office)
    void second.handoff.stop()
    expect(await second.exit()).toBe(0)
    await turn()
    expect(office.led).toEqual([first])
    finish()
    await first.exit()
    await office.ledBy(third)
    expect(office.led).toEqual([first, third])
  })

  test('five generations: the last one leads, when the last of the others has gone', async () => {
    const place = openPlace()
    const office = new Office()
    const busy = [
      await serveBusy(place, office),
      await serveBusy(place, office),
      await serveBusy(place, office),
      await serveBusy(place, office),
    ]
    const last = await serve(place, office)
    for (const index of [2, 0, 3, 1]) {
      expect(office.led).toEqual([busy[0]?.generation])
      busy[index]?.finish()
      void busy[index]?.generation.handoff.stop()
      await busy[index]?.generation.exit()
      await turn()
    }
    await office.ledBy(last)
    expect(office.led).toEqual([busy[0]?.generation, last])
  })

  test('a process that is draining itself does not lead any more', async () => {
    const place = openPlace()
    const office = new Office()
    const first = await serveBusy(place, office)
    const second = await serveBusy(place, office)
    const third = await serve(place, office)
    first.finish()
    await first.generation.exit()
    await turn()
    expect(office.led).toEqual([first.generation])
    second.finish()
    second.generation.system.advance(5_000)
    await office.ledBy(third)
  })
})

describe('a handoff that fails', () => {
  test.each(['before the commit', 'after it'])('%s: the old process still leads', async (when) => {
    const place = openPlace()
    const office = new Office()
    const first = await serve(place, office)
    const peer = place.newPeer()
    if (when === 'after it') await peer.takeOver()
    else await peer.receive()
    peer.die()
    await first.told(when === 'after it' ? 'taken-back' : 'aborted')
    const second = await serve(place, office)
    expect(office.led).toEqual([first])
    first.system.advance(5_000)
    await office.ledBy(second)
  })

  test('an old process gets the leadership that came free while the handoff was under way', async () => {
    const place = openPlace()
    const office = new Office()
    const { generation: first, finish } = await serveBusy(place, office)
    const second = await serve(place, office)
    const peer = place.newPeer()
    await peer.takeOver()
    finish()
    await first.exit()
    await turn()
    expect(office.led).toEqual([first])
    peer.die()
    await office.ledBy(second)
  })

  test('the old process dies before the commit: the new one leads when it serves', async () => {
    const place = openPlace()
    const office = new Office()
    const old = place.oldPeer()
    const next = office.watch(place.generation())
    const started = next.handoff.start()
    await old.send([old.rendezvous])
    await started
    old.die()
    await turn()
    expect(office.led).toEqual([])
    await next.handoff.ready()
    await office.ledBy(next)
  })
})

describe('an old process that tells nothing of its line', () => {
  async function committed() {
    const place = openPlace()
    const office = new Office()
    const old = place.oldPeer()
    const next = office.watch(place.generation())
    const started = next.handoff.start()
    const peer = await old.send([old.rendezvous])
    await started
    const ready = next.handoff.ready()
    await peer.hear('ready')
    peer.say({ type: 'committed' })
    await ready
    return { place, office, old, peer, next }
  }

  test('has gone when its channel ends', async () => {
    const { office, old, next } = await committed()
    await turn()
    expect(office.led).toEqual([])
    old.die()
    await office.ledBy(next)
  })

  test.each<[string, Uint8Array]>([
    ['says what is out of turn', Buffer.from([0, 0, 0, 2, 7, 0, 123, 125])],
    ['says what is no message', Buffer.from('no message at all')],
  ])('and %s has not gone', async (_, bytes) => {
    const { office, old, peer, next } = await committed()
    peer.blurt(bytes)
    await peer.hear('release')
    peer.blurt(Buffer.from('and more of it'))
    await turn()
    await turn()
    expect(office.led).toEqual([])
    expect(peer.over).toBe(false)
    old.die()
    await office.ledBy(next)
  })
})

describe('a process that begins a line of its own, since the one before was killed', () => {
  /** An older generation that still drains, and leads; the one between has died. */
  async function afterDeath(place: Place, office: Office) {
    const busy = await serveBusy(place, office)
    await office.ledBy(busy.generation)
    const between = place.newPeer()
    await between.takeOver()
    between.say({ type: 'release' })
    between.die()
    const listeners = () => busy.generation.handoff.metrics().listeners
    await until('it has let go', () => listeners().length === 0)
    return busy
  }

  test('does not lead while an older one does, and leads then', async () => {
    const place = openPlace()
    const office = new Office()
    const { generation: first, finish } = await afterDeath(place, office)
    const alone = await serve(place, office)
    expect(alone.handoff.generation).toBe(1)
    alone.system.advance(5_000)
    await turn()
    expect(office.led).toEqual([first])
    finish()
    await first.exit()
    alone.system.advance(1_000)
    await office.ledBy(alone)
    void alone.handoff.stop()
    await alone.exit()
    expect(place.files).toEqual([])
  })

  test('gives the leadership to its successor if it has handed over by then', async () => {
    const place = openPlace()
    const office = new Office()
    const { generation: first, finish } = await afterDeath(place, office)
    const alone = await serve(place, office)
    const next = await serve(place, office)
    finish()
    await first.exit()
    alone.system.advance(5_000)
    await alone.exit()
    next.system.advance(1_000)
    await office.ledBy(next)
    expect(office.led).toEqual([first, next])
  })
})

test('a program that does not ask for the leadership has no lock', async () => {
  const place = openPlace()
  await place.serve()
  expect(place.files).toEqual(['rendezvous.sock'])
})

test('where no lock can be made the line alone decides, and says so', async () => {
  const place = openPlace()
  const office = new Office()
  symlinkSync('/nowhere', `${place.rendezvous}.leader`)
  const first = await serve(place, office)
  await office.ledBy(first)
  expect(first.all('warning')).toMatchObject([
    { message: expect.stringContaining('no lock keeps processes of other lines from leading') },
  ])
})

test('what is no life of a process is refused', async () => {
  const place = openPlace()
  const old = place.oldPeer()
  const started = place.generation().handoff.start()
  const peer = await old.offer([old.rendezvous])
  peer.say({ type: 'older', processes: [{ pid: 1, generation: 1 }] }, [old.rendezvous.fd])
  await expect(started).rejects.toMatchObject({ code: 'ERR_HANDOFF_DESCRIPTOR_MISMATCH' })
})

test('words on the life of a process are not its end', async () => {
  const place = openPlace()
  const office = new Office()
  const [life, copy] = socketPair().map((fd) => Channel.from(fd)) as [Channel, Channel]
  const old = place.oldPeer()
  const next = office.watch(place.generation())
  const started = next.handoff.start()
  const peer = await old.offer([old.rendezvous])
  peer.say({ type: 'older', processes: [{ pid: 1, generation: 1 }] }, [copy.fd])
  peer.say({ type: 'listeners', first: 0 }, [old.rendezvous.fd])
  await started
  old.die()
  copy.close()
  await next.handoff.ready()
  await life.send(Buffer.from('words'))
  await turn()
  expect(office.led).toEqual([])
  life.close()
  await office.ledBy(next)
})
