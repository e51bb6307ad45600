// Checks the settings of the systemd service in which this runs.

import type { Facts } from './facts.ts'
import { type Finding, note, ok, problem } from './finding.ts'

export function checkUnit({ unit, env }: Pick<Facts, 'unit' | 'env'>): Finding[] {
  if (unit === undefined) return []
  const sockets = Number(env.LISTEN_FDS ?? 0)
  return [
    ok(`this runs in ${unit.name}${sockets > 0 ? `, which passes sockets: ${sockets}` : ''}`),
    ...checkKillMode(unit),
    ...checkNotifyAccess(unit, env),
  ]
}

type Unit = NonNullable<Facts['unit']>

/** systemd.kill(5): `control-group` is the default. */
function checkKillMode({ name, killMode }: Unit): Finding[] {
  const remedy = `Set KillMode=mixed in ${name}.`
  switch (killMode) {
    case 'mixed':
      return [ok('KillMode=mixed')]
    case undefined:
      return []
    case 'control-group':
      return [
        problem(
          'KillMode=control-group',
          'at a stop each generation gets SIGTERM from systemd and from the supervisor; the second one cuts requests under way',
          remedy,
        ),
      ]
    default:
      return [note(`KillMode=${killMode}`, 'processes that hang outlive a stop', remedy)]
  }
}

/** Each generation reports by itself. @see systemd.service(5), NotifyAccess= */
function checkNotifyAccess({ name, type, notifyAccess }: Unit, env: NodeJS.ProcessEnv): Finding[] {
  if (!env.NOTIFY_SOCKET || !type?.startsWith('notify') || notifyAccess === 'all') return []
  const why = 'a new process reports before it is the main process, and systemd would ignore it'
  const remedy = `Set NotifyAccess=all in ${name}.`
  return [note(`NotifyAccess=${notifyAccess ?? 'main'}`, why, remedy)]
}
