// Checks the machine: system, Node.js, native core, its OpenSSL, descriptors, queue of datagrams.

import type { Facts } from './facts.ts'
import { type Finding, note, ok, problem } from './finding.ts'

export function checkPlatform({ platform }: Pick<Facts, 'platform'>): Finding {
  if (platform === 'linux') return ok('Linux')
  if (platform === 'darwin') {
    return note(
      'macOS',
      'the code for macOS was written from its manual pages, and is not tested yet',
      'Develop on it; serve from Linux.',
    )
  }
  return problem(
    platform,
    'processes can pass sockets to each other on Linux and macOS only',
    'Run the server in a container or WSL, or without socket-handoff.',
  )
}

/** The lines on which the tests run. */
const testedLines = [20, 22, 24, 26]
/** `engines` of the package: the first 20 that loads ES modules by require. */
const oldestMinorOf20 = 19

export function checkNode({ node }: Pick<Facts, 'node'>): Finding {
  const [major = 0, minor = 0] = node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < oldestMinorOf20)) {
    const remedy = 'Install Node.js 20.19 or newer.'
    return problem(`Node.js ${node}`, 'it is older than 20.19', remedy)
  }
  if (testedLines.includes(major)) return ok(`Node.js ${node}`)
  return note(
    `Node.js ${node}`,
    'this line is not tested: connections may drain instead of changing process',
    `Use one of the lines ${testedLines.join(', ')}.`,
  )
}

export function checkAddon({ addonTrouble }: Pick<Facts, 'addonTrouble'>): Finding {
  if (addonTrouble === undefined) return ok('the native core loads')
  return problem('the native core does not load', addonTrouble.reason, addonTrouble.help)
}

/** Without the native core there is no handoff at all. */
export function checkTlsConnections(facts: Pick<Facts, 'addonTrouble' | 'tlsTrouble'>): Finding[] {
  if (facts.addonTrouble !== undefined) return []
  if (facts.tlsTrouble === undefined) return [ok('TLS connections can change process')]
  const remedy =
    'Use a Node.js from nodejs.org, on Linux. Without it nothing fails: clients reconnect, and resume their TLS sessions.'
  return [note('TLS connections do not change process', facts.tlsTrouble, remedy)]
}

/** Descriptors that a process needs beside connections: modules, pipes, log files. */
const ownDescriptors = 100
/** Most servers have fewer connections at a time. */
const manyConnections = 2_000

/** A process needs two descriptors for a connection that goes over: socket and dup. */
export function checkOpenFiles({ openFiles }: Pick<Facts, 'openFiles'>): Finding[] {
  if (openFiles === undefined) return []
  const connections = Math.max(0, Math.floor((openFiles - ownDescriptors) / 2))
  const what = `at most ${openFiles} open files: ${connections} connections can go over at once`
  if (openFiles === Infinity || connections >= manyConnections) return [ok(what)]
  const remedy = 'Raise the limit: ulimit -n, LimitNOFILE= of the unit, --ulimit of the container.'
  return connections < 100
    ? [problem(what, 'handoffs will abort with ERR_HANDOFF_TRUNCATED', remedy)]
    : [
        note(
          what,
          'each connection needs two descriptors while it goes over; more of them take longer',
          remedy,
        ),
      ]
}

/** The kernel's default: unix(7), net.unix.max_dgram_qlen. */
const usualQueue = 10

export function checkDatagramQueue({ datagramQueue }: Pick<Facts, 'datagramQueue'>): Finding[] {
  if (datagramQueue === undefined) return []
  const what = `net.unix.max_dgram_qlen is ${datagramQueue}`
  if (datagramQueue >= usualQueue) return [ok(what)]
  const why = 'processes report to the supervisor by datagrams, and wait if its queue is full'
  return [note(what, why, `sysctl -w net.unix.max_dgram_qlen=${usualQueue}, or more.`)]
}
