import { expect, test } from 'vitest'
import {
  listenerPlace,
  listenerPlaces,
  placesWithout,
} from '../../../../packages/handoff/src/supervisor/control/listener-place.ts'
import { Mismatch } from '../../../../packages/handoff/src/terms/checks.ts'

test.each(['1', '3000', '65535', '/run/app.sock', 'app.sock', './app'])('%s is a place', (text) => {
  expect(listenerPlace(text, 'drop')).toBe(text)
  expect(listenerPlaces(`${text},80`, 'drop')).toEqual([text, '80'])
})

test.each(['', '0', '65536', '99999', 'foo', '-1'])('"%s" is none', (text) => {
  expect(() => listenerPlace(text, 'drop')).toThrow(Mismatch)
  expect(() => listenerPlaces(`80,${text}`, 'drop')).toThrow(Mismatch)
})

test('places without a listener are found', () => {
  const listeners = ['tcp:127.0.0.1:3000', 'unix:/run/app.sock']
  expect(placesWithout(listeners, ['3000', '/run/app.sock', '300', '4000'])).toEqual([
    '300',
    '4000',
  ])
})

test('one flag has one place', () => {
  expect(() => listenerPlace('80,81', 'drop')).toThrow(Mismatch)
})
