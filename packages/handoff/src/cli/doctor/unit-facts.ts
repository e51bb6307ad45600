// Reads the systemd service in which the command runs, and its settings.

import { spawnSync } from 'node:child_process'

export interface UnitFacts {
  readonly name: string
  readonly killMode: string | undefined
  readonly type: string | undefined
  readonly notifyAccess: string | undefined
}

/** How long systemd may take to answer, in milliseconds. */
const answerTimeoutMs = 5_000

/** @param cgroup - the text of /proc/self/cgroup: cgroups(7) */
export function unitFacts(env: NodeJS.ProcessEnv, cgroup = ''): UnitFacts | undefined {
  const name = unitName(env, cgroup)
  if (name === undefined) return undefined
  const manager = cgroup.includes('/user@') ? ['--user'] : []
  const properties = ['KillMode', 'Type', 'NotifyAccess'].flatMap((property) => ['-p', property])
  const { stdout } = spawnSync('systemctl', [...manager, 'show', name, ...properties], {
    encoding: 'utf8',
    timeout: answerTimeoutMs,
  })
  return { name, ...readProperties(stdout ?? '') }
}

/** Returns the service of a process. The session of a person is a scope, and no service. */
export function unitName(env: NodeJS.ProcessEnv, cgroup: string): string | undefined {
  if (!env.INVOCATION_ID) return undefined
  const [, name] = /\/([^/\n]+\.service)$/m.exec(cgroup) ?? []
  return name?.startsWith('user@') ? undefined : name
}

/** Reads the output of `systemctl show`: lines of `Name=value`; empty if the command failed. */
export function readProperties(text: string): Omit<UnitFacts, 'name'> {
  const value = (name: string) => new RegExp(`^${name}=(.+)$`, 'm').exec(text)?.[1]
  return {
    killMode: value('KillMode'),
    type: value('Type'),
    notifyAccess: value('NotifyAccess'),
  }
}
