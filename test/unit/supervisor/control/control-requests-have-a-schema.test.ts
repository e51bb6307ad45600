import { expect, test } from 'vitest'
import {
  findPath,
  readParameters,
} from '../../../../packages/handoff/src/supervisor/control/control-request.ts'
import { writeChange } from '../../../../packages/handoff/src/supervisor/program/program.ts'

const invalid = expect.objectContaining({ code: 'ERR_HANDOFF_INVALID_OPTION' })

test('a change is read as it was written', () => {
  const query = new URLSearchParams({ wait: 'exit', parallel: 'false', workers: '3' })
  writeChange({ entry: '/srv/a b/&=.js', workingDirectory: '/srv', node: '/opt/node' }, query)
  expect(readParameters('/reload', new URLSearchParams(`${query}`))).toEqual({
    entry: '/srv/a b/&=.js',
    cwd: '/srv',
    node: '/opt/node',
    wait: 'exit',
    parallel: false,
    workers: 3,
  })
  expect(readParameters('/reload', new URLSearchParams())).toEqual({})
})

test.each(['server.js', './server.js', '', '/srv/\0.js'])('the path %j is refused', (path) => {
  for (const name of ['entry', 'cwd', 'node']) {
    const query = new URLSearchParams({ [name]: path })
    expect(() => readParameters('/reload', query), name).toThrow(invalid)
  }
  const query = new URLSearchParams({ command: path })
  expect(() => readParameters('/upgrade', query)).toThrow(invalid)
})

test.each([
  'wait=ready',
  'wait=',
  'workers=0',
  'workers=1e3',
  'parallel=yes',
  'entyr=/srv/server.js',
  'wait=exit&wait=exit',
  '__proto__=x',
  'constructor=x',
  'toString',
])('%s is no reload', (query) => {
  expect(() => readParameters('/reload', new URLSearchParams(query))).toThrow(invalid)
  expect(() => readParameters('/status', new URLSearchParams(query))).toThrow(invalid)
  expect(() => readParameters('/stop', new URLSearchParams(query))).toThrow(invalid)
})

test('a path is one of ours, not one of every object', () => {
  expect(findPath('/status')).toBe('/status')
  for (const path of ['toString', '__proto__', 'constructor', '', '/status/', '/STATUS']) {
    expect(findPath(path), path).toBeUndefined()
  }
})
