// A batch of connections in which one cannot be adopted: no descriptor is left open, none closed twice.

import { closeSync, fstatSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { adoptEach } from '../../../packages/handoff/src/connections/moving/adopt-socket.ts'

test('those before it are served, it and those after it are closed', () => {
  const arriving = [1, 2, 3, 4].map((item) => ({ fd: openSync('/dev/null', 'r'), item }))
  const served: number[] = []
  const adopt = () =>
    adoptEach(arriving, ({ fd, item }) => {
      if (item === 3) throw new Error('not one of this kind')
      served.push(fd)
    })
  expect(adopt).toThrow('not one of this kind')
  expect(served).toEqual(arriving.slice(0, 2).map(({ fd }) => fd))
  for (const fd of served) closeSync(fd)
  for (const { fd } of arriving.slice(2)) expect(() => fstatSync(fd)).toThrow('EBADF')
})
