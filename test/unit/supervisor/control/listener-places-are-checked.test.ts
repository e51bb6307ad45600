import { expect, test } from 'vitest'
import {
  isListenerPlace,
  placesWithout,
} from '../../../../packages/handoff/src/supervisor/control/listener-place.ts'

test.each(['1', '3000', '65535', '/run/app.sock', 'app.sock', './app'])('%s is a place', (text) => {
  expect(isListenerPlace(text)).toBe(true)
})

test.each(['', '0', '65536', '99999', 'foo', '-1'])('"%s" is none', (text) => {
  expect(isListenerPlace(text)).toBe(false)
})

test('places without a listener are found', () => {
  const listeners = ['tcp:127.0.0.1:3000', 'unix:/run/app.sock']
  expect(placesWithout(listeners, ['3000', '/run/app.sock', '300', '4000'])).toEqual([
    '300',
    '4000',
  ])
})
