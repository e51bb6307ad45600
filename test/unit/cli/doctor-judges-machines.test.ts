import { describe, expect, test } from 'vitest'
import { openFilesLimit } from '../../../packages/handoff/src/cli/doctor/facts.ts'
import {
  checkAddon,
  checkDatagramQueue,
  checkNode,
  checkOpenFiles,
  checkPlatform,
  checkTlsConnections,
} from '../../../packages/handoff/src/cli/doctor/machine-checks.ts'
import {
  checkRunDirectory,
  checkSameDirectory,
} from '../../../packages/handoff/src/cli/doctor/place-checks.ts'
import {
  checkCluster,
  checkInspector,
  checkPm2,
} from '../../../packages/handoff/src/cli/doctor/surroundings-checks.ts'
import { checkUnit } from '../../../packages/handoff/src/cli/doctor/unit-checks.ts'
import { readProperties, unitName } from '../../../packages/handoff/src/cli/doctor/unit-facts.ts'

const trouble = { reason: 'cannot: because', help: 'Do this.' }
const levels = (findings: readonly { level: string }[]) => findings.map(({ level }) => level)

test.each([
  ['linux', 'ok'],
  ['darwin', 'note'],
  ['win32', 'problem'],
  ['freebsd', 'problem'],
] as const)('the platform %s is: %s', (platform, level) => {
  expect(checkPlatform({ platform }).level).toBe(level)
})

test.each([
  ['18.20.4', 'problem'],
  ['20.18.3', 'problem'],
  ['20.19.0', 'ok'],
  ['22.0.0', 'ok'],
  ['23.11.0', 'note'],
  ['24.1.0', 'ok'],
  ['28.0.0', 'note'],
])('Node.js %s is: %s', (node, level) => {
  expect(checkNode({ node }).level).toBe(level)
})

test('a native core that does not load says why, and what to do', () => {
  expect(checkAddon({ addonTrouble: undefined }).level).toBe('ok')
  expect(checkAddon({ addonTrouble: trouble })).toMatchObject({
    level: 'problem',
    why: trouble.reason,
    remedy: trouble.help,
  })
})

test('TLS connections that cannot change process are no problem', () => {
  const addonTrouble = undefined
  expect(levels(checkTlsConnections({ addonTrouble, tlsTrouble: undefined }))).toEqual(['ok'])
  const tlsTrouble = 'this Node.js does not offer SSL_version to addons'
  expect(checkTlsConnections({ addonTrouble, tlsTrouble })).toMatchObject([
    { level: 'note', why: tlsTrouble },
  ])
  expect(checkTlsConnections({ addonTrouble: trouble, tlsTrouble: undefined })).toEqual([])
})

describe('the limit on open files', () => {
  test.each([
    [64, 'problem', 0],
    [256, 'problem', 78],
    [1024, 'note', 462],
    [65_536, 'ok', 32_718],
    [Infinity, 'ok', Infinity],
  ] as const)('%d is: %s', (openFiles, level, connections) => {
    const [finding] = checkOpenFiles({ openFiles })
    expect(finding?.level).toBe(level)
    expect(finding?.what).toContain(`: ${connections} connections`)
  })

  test('one that the system does not tell is not judged', () => {
    expect(checkOpenFiles({ openFiles: undefined })).toEqual([])
  })

  test('it is the soft one of /proc/self/limits', () => {
    const limits = (soft: string) =>
      `Limit                     Soft Limit           Hard Limit           Units
Max processes             1                    2                    processes
Max open files            ${soft.padEnd(20)} 1048576              files
`
    expect(openFilesLimit(limits('1024'))).toBe(1024)
    expect(openFilesLimit(limits('unlimited'))).toBe(Infinity)
    expect(openFilesLimit(undefined)).toBeUndefined()
  })
})

test('a queue for datagrams below the default of the kernel is a note', () => {
  expect(levels(checkDatagramQueue({ datagramQueue: 3 }))).toEqual(['note'])
  expect(levels(checkDatagramQueue({ datagramQueue: 10 }))).toEqual(['ok'])
  expect(checkDatagramQueue({ datagramQueue: undefined })).toEqual([])
})

const place = {
  path: '/run/h/web',
  runs: '/run/h',
  socketBytes: 26,
  limitBytes: 107,
  trouble: undefined,
}

test('a run directory that cannot be used is a problem', () => {
  expect(checkRunDirectory({ place }).what).toContain('26 of 107 bytes')
  expect(checkRunDirectory({ place: { ...place, trouble } })).toMatchObject({
    level: 'problem',
    why: trouble.reason,
    remedy: trouble.help,
  })
})

test('without a run the directory of all runs is judged', () => {
  const all = { ...place, path: '/run/h', socketBytes: 22 }
  expect(checkRunDirectory({ place: all }).what).toBe(
    '/run/h is private; the name of a run there may have up to 64 letters',
  )
  expect(checkRunDirectory({ place: { ...all, socketBytes: 86 } }).what).toContain('up to 20')
})

test('a directory that others may not find is a note', () => {
  expect(checkSameDirectory({ place, env: { HANDOFF_DIR: '/run/h' } })).toEqual([])
  const [session] = checkSameDirectory({ place, env: { XDG_RUNTIME_DIR: '/run/user/1' } })
  expect(session).toMatchObject({ level: 'note', why: expect.stringContaining('cron') })
  const [service] = checkSameDirectory({ place, env: {} })
  expect(service).toMatchObject({ level: 'note', why: expect.stringContaining('login shell') })
})

test('a worker of cluster is a problem', () => {
  expect(levels(checkCluster({ env: { NODE_UNIQUE_ID: '1' } }))).toEqual(['problem'])
  expect(checkCluster({ env: {} })).toEqual([])
})

test('a process of pm2 is a problem, pm2 beside it a note', () => {
  const [cluster] = checkPm2({ env: { pm_id: '0', exec_mode: 'cluster_mode' } })
  expect(cluster).toMatchObject({ level: 'problem', why: expect.stringContaining('owns the') })
  const [fork] = checkPm2({ env: { pm_id: '0', exec_mode: 'fork_mode', PM2_HOME: '/x' } })
  expect(fork).toMatchObject({ level: 'problem', why: expect.stringContaining('signals') })
  expect(levels(checkPm2({ env: { PM2_HOME: '/root/.pm2' } }))).toEqual(['note'])
  expect(checkPm2({ env: {} })).toEqual([])
})

test.each([
  [{ NODE_OPTIONS: '--inspect=9229' }, [], 1],
  [{}, ['--inspect-brk'], 1],
  [{ NODE_OPTIONS: '--enable-source-maps' }, ['--inspector-is-no-such-flag'], 0],
])('an inspector is a note: %j %j', (env, execArgv, count) => {
  expect(levels(checkInspector({ env, execArgv }))).toEqual(Array(count).fill('note'))
})

describe('a service of systemd', () => {
  const unit = { name: 'web.service', killMode: 'mixed', type: 'notify', notifyAccess: 'all' }
  const env = { NOTIFY_SOCKET: '/run/systemd/notify' }

  test('is told by the cgroup, where systemd has started it', () => {
    const started = { INVOCATION_ID: 'a' }
    expect(unitName(started, '0::/system.slice/web.service\n')).toBe('web.service')
    expect(unitName({}, '0::/system.slice/web.service\n')).toBeUndefined()
    expect(unitName(started, '0::/user.slice/session-1.scope\n')).toBeUndefined()
    expect(unitName(started, '0::/user.slice/user-1.slice/user@1.service\n')).toBeUndefined()
  })

  test('is asked for its settings', () => {
    expect(readProperties('KillMode=mixed\nType=notify\nNotifyAccess=\n')).toEqual({
      killMode: 'mixed',
      type: 'notify',
      notifyAccess: undefined,
    })
  })

  test('that signals every process is a problem', () => {
    const judge = (killMode: string) => checkUnit({ unit: { ...unit, killMode }, env })
    expect(levels(judge('mixed'))).toEqual(['ok', 'ok'])
    expect(levels(judge('control-group'))).toEqual(['ok', 'problem'])
    expect(levels(judge('process'))).toEqual(['ok', 'note'])
  })

  test('that does not hear a new process is worth a note', () => {
    const deaf = { ...unit, notifyAccess: 'main' }
    expect(levels(checkUnit({ unit: deaf, env }))).toEqual(['ok', 'ok', 'note'])
    expect(levels(checkUnit({ unit: deaf, env: {} }))).toEqual(['ok', 'ok'])
  })

  test('tells of sockets that it passes; without one there is nothing to tell', () => {
    expect(checkUnit({ unit, env: { LISTEN_FDS: '2' } })[0]?.what).toContain('sockets: 2')
    expect(checkUnit({ unit: undefined, env })).toEqual([])
  })
})
