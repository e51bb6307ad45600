// Checks for other managers of the process: cluster, pm2, an inspector.

import { generationFlags } from '../../supervisor/program/environment.ts'
import type { Facts } from './facts.ts'
import { type Finding, note, problem } from './finding.ts'

type Surroundings = Pick<Facts, 'env'>

export function checkCluster({ env }: Surroundings): Finding[] {
  if (env.NODE_UNIQUE_ID === undefined) return []
  return [
    problem(
      'this is a worker of node:cluster (NODE_UNIQUE_ID)',
      'the primary owns the sockets of its workers: they cannot be handed over',
      'Start the server without cluster, by `handoff run --workers max`.',
    ),
  ]
}

export function checkPm2({ env }: Surroundings): Finding[] {
  const remedy = 'Let one of them manage the server: see docs/moving-over.md.'
  if (env.pm_id !== undefined) {
    const cluster = env.exec_mode === 'cluster_mode'
    const why = cluster
      ? 'in cluster mode pm2 owns the sockets'
      : 'at a restart pm2 signals the supervisor and every process below it, which cuts requests under way'
    return [problem(`this runs under pm2 (pm_id=${env.pm_id})`, why, remedy)]
  }
  if (env.PM2_HOME === undefined) return []
  const why = 'a server under both has two supervisors that restart it'
  return [note('pm2 is in use here (PM2_HOME)', why, remedy)]
}

export function checkInspector({ env, execArgv }: Pick<Facts, 'env' | 'execArgv'>): Finding[] {
  if (generationFlags(execArgv, env.NODE_OPTIONS).length === execArgv.length) return []
  return [
    note(
      'an inspector is configured (--inspect)',
      'one process holds the port: each generation gets a free port instead',
      'Read the port in its output, or omit the flag in production.',
    ),
  ]
}
