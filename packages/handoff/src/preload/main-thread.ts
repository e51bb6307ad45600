// The preload in the main thread: the program's servers change process, and it is not told.

import cluster from 'node:cluster'
import { dirname } from 'node:path'
import { setEnvironmentData } from 'node:worker_threads'
import { interceptBind } from '../io/hooks/bind-hook.ts'
import { hooksBindStep, interceptListen } from '../io/hooks/listen-hook.ts'
import { KeptPaths, keepsAny } from '../io/listeners/kept-paths.ts'
import { loadNative } from '../io/native/addon.ts'
import { moduleFolder } from '../io/native/package-folder.ts'
import { hiddenListeners } from '../io/node/hidden-listeners.ts'
import { type Program, realProgram, realSystem, type System } from '../io/system/system.ts'
import { claimForPreload, isProgramsOwn, onProgramClaim } from '../process/claim.ts'
import { startHandoffNow } from '../process/create.ts'
import type { HandoffProcess } from '../process/handoff.ts'
import { restartSignals } from '../process/signals.ts'
import { HandoffError } from '../terms/errors.ts'
import { takeVariables, type Variables } from '../terms/options.ts'
import { hearNotifications } from './notify-socket.ts'
import { isOurs } from './preload-flags.ts'
import { dependsOnUs } from './program-manifest.ts'
import { programsOwn } from './programs-own.ts'
import { Idle } from './readiness/idle.ts'
import { beginPreloads, isPreloading } from './readiness/phase.ts'
import { PreloadListens } from './readiness/preload-listens.ts'
import { readReadyRule, WhenReady } from './readiness/when-ready.ts'
import { refuseForks, refuseListeners } from './refuse.ts'
import { shareSignals } from './signals.ts'
import { StandIn } from './stand-in.ts'
import { isTaken, type Place, readList } from './what-moves.ts'

const last = `${moduleFolder}preload/last.js`

/** An operator may preload it as well. */
let isPreloaded = false

/**
 * Hooks listen and bind. Steps aside, for good, when the program imports socket-handoff itself.
 *
 * @throws {@link HandoffError} ERR_HANDOFF_UNSUPPORTED_PLATFORM, ERR_HANDOFF_ADDON_NOT_FOUND,
 * ERR_HANDOFF_INVALID_OPTION.
 */
export function preloadMainThread(
  system: System = realSystem,
  program: Program = realProgram,
): void {
  if (program === realProgram && isPreloaded) return
  isPreloaded = true
  loadNative()
  // Now, while all listeners of the process are Node.js's own.
  hiddenListeners()
  beginPreloads(program.hasFlag(last))
  const ignored = readList(system.env.HANDOFF_IGNORE)
  const rule = readReadyRule(system.env.HANDOFF_READY)
  program.withholdFlags(isOurs)
  const takesNothing = ignored.has('*')
  if (cluster.isWorker && takesNothing) return
  if (cluster.isWorker) return refuseListeners(clusterWorker, ignored, () => !isProgramsOwn())

  // A child that the program starts before it listens must not take itself for a replacement.
  const variables = takeVariables(system.env)
  guardKeptPaths(variables.HANDOFF_RENDEZVOUS, system)
  const whenReady = new WhenReady(rule, (...how) => system.timer(...how))
  const listens = new PreloadListens(whenReady, system.timer)
  const create = () => createHandoff(variables, system, program)
  const standIn = new StandIn(create, whenReady, readList(variables.HANDOFF_DROP), ignored)
  const idle = expectListen(variables, system, standIn)
  const claims = (where: Place) => {
    // A process has one handoff: it would be made for another preload, and the program's own refused.
    if (isPreloading() && dependsOnUs(system.command.args[0])) return false
    const claimed = isTaken(where, ignored) && claimForPreload()
    if (!claimed) idle?.listensElsewhere()
    return claimed
  }
  const undo = [
    interceptListen({
      claims: (_, options) => claims(options),
      listen: (server, options, own) => {
        listens.heard()
        return standIn.listen(server, options, own)
      },
    }),
    interceptBind({
      claims: (_, request) => claims(request),
      bind: (socket, request) => {
        listens.heard()
        return standIn.bind(socket, request)
      },
    }),
  ]
  if (!hooksBindStep && !takesNothing) warnOfUnknownNode(system)
  if (!takesNothing) refuseForks(() => !isProgramsOwn())
  if (rule === 'message') undo.push(...hearWord(() => whenReady.tell(), variables, system, program))
  onProgramClaim(() => {
    idle?.end()
    standIn.giveWay().catch(() => {})
    for (const restore of undo) restore()
    Object.assign(system.env, variables)
    setEnvironmentData(programsOwn, true)
  })
}

/**
 * Paths that the old process is reached at: the program may remove them before it listens. Its handoff
 * decides as soon as there is one.
 */
function guardKeptPaths(rendezvous: string | undefined, system: System): void {
  if (rendezvous === undefined || !keepsAny(dirname(rendezvous))) return
  const kept = new KeptPaths(() => dirname(rendezvous))
  system.guardPaths?.((path) => kept.has(path))
}

/** One minute, as the default of `readyTimeoutMs`. */
const defaultReadyTimeoutMs = 60_000

/**
 * A program that listens on nothing is reported to its supervisor all the same. Without one there is
 * nothing to report.
 */
function expectListen(variables: Variables, system: System, standIn: StandIn): Idle | undefined {
  if (variables.NOTIFY_SOCKET === undefined) return undefined
  const { HANDOFF_READY_TIMEOUT_MS: timeout, HANDOFF_GENERATION: number } = variables
  return new Idle({
    isReplacement: Number(number ?? 1) > 1,
    isKnown: variables.HANDOFF_IDLE !== undefined,
    readyTimeoutMs: Number(timeout) || defaultReadyTimeoutMs,
    timer: (ms, callback, background) => system.timer(ms, callback, background),
    onIdle: () =>
      void standIn.idle().catch(({ message }: Error) => system.warn(`handoff: ${message}`)),
  })
}

/** The program says by itself when it is ready: as to pm2 (`wait_ready`), or as to systemd. */
function hearWord(
  onReady: () => void,
  { NOTIFY_SOCKET: supervisor }: Readonly<Record<string, string>>,
  system: System,
  program: Program,
): (() => void)[] {
  const undoSend = program.onSend((message) => {
    if (message === 'ready') onReady()
  })
  return supervisor === undefined
    ? [undoSend]
    : [undoSend, hearNotifications(supervisor, system, onReady)]
}

function createHandoff(
  variables: Readonly<Record<string, string>>,
  system: System,
  program: Program,
): HandoffProcess | Promise<HandoffProcess> {
  const started = startHandoffNow({ signals: false }, { ...variables })
  const share = (handoff: HandoffProcess) => shareWith(handoff, variables, system, program)
  return started instanceof Promise ? started.then(share) : share(started)
}

function shareWith(
  handoff: HandoffProcess,
  variables: Readonly<Record<string, string>>,
  system: System,
  program: Program,
): HandoffProcess {
  const { HANDOFF_STATUS_INTERVAL_MS: interval, NOTIFY_SOCKET: socket } = variables
  const restarts = restartSignals(interval !== undefined, socket !== undefined)
  const onExit = handoff.onExit.bind(handoff)
  const stop = handoff.stop.bind(handoff)
  // The program listens a moment before this process counts as serving.
  const restart = () => handoff.serving.then(() => handoff.restart())
  handoff.addUndo(shareSignals({ onExit, stop, restart }, restarts, program, system))
  return handoff
}

function warnOfUnknownNode(system: System): void {
  const { message, code } = new HandoffError(
    'ERR_HANDOFF_UNKNOWN_NODE',
    `cannot hook the step in which listen binds: Node.js ${process.versions.node} does not call it as versions 20 to 26 do`,
  )
  system.warn(`handoff: ${message} [${code}]`)
}

function clusterWorker(): HandoffError {
  return new HandoffError('ERR_HANDOFF_CLUSTER', 'cannot listen: this process is a cluster worker')
}
