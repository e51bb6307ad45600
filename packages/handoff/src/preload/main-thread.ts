// The preload of the main thread: hands the program's servers over without its knowledge.

import { dirname } from 'node:path'
import { setEnvironmentData } from 'node:worker_threads'
import { interceptBind } from '../io/hooks/bind-hook.ts'
import { hooksBindStep, interceptListen } from '../io/hooks/listen-hook.ts'
import { KeptPaths, keepsAny } from '../io/listeners/kept-paths.ts'
import { loadNative } from '../io/native/addon.ts'
import { moduleFolder } from '../io/native/package-folder.ts'
import { isClusterWorker } from '../io/node/builtins.ts'
import { hiddenListeners } from '../io/node/hidden-listeners.ts'
import { keepTickShape } from '../io/node/internals/tick-shape.ts'
import { type Program, realProgram, realSystem, type System } from '../io/system/system.ts'
import { claimForPreload, isProgramsOwn, onProgramClaim } from '../process/claim.ts'
import { startHandoffNow } from '../process/create.ts'
import { followTls } from '../process/follow-tls.ts'
import type { HandoffProcess } from '../process/handoff.ts'
import { restartSignals } from '../process/signals.ts'
import { HandoffError } from '../terms/errors.ts'
import { takeVariables, type Variables } from '../terms/variables.ts'
import { isHandedOver, type Place, readList } from './handed-over-places.ts'
import { ownHandoffKey } from './own-handoff-key.ts'
import { isOurs } from './preload-flags.ts'
import { ProgramHandoff } from './program-handoff.ts'
import { dependsOnUs } from './program-manifest.ts'
import { receiveNotifications } from './program-notify-socket.ts'
import { NoListenerTimer } from './readiness/no-listener-timer.ts'
import { PreloadListens } from './readiness/preload-listens.ts'
import { beginPreloads, isPreloading } from './readiness/preload-phase.ts'
import { readWarmupPaths } from './readiness/warmup-paths.ts'
import { readReadyRule, WhenReady } from './readiness/when-ready.ts'
import { refuseForks, refuseListeners } from './refuse.ts'
import { shareSignals } from './share-signals.ts'

const last = `${moduleFolder}preload/last.js`

/** The operator may have preloaded this module as well. */
let isPreloaded = false

/**
 * Hooks `listen` and `bind`. Removes the hooks if the program imports socket-handoff itself.
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
  keepTickShape()
  loadNative()
  // Called while all listeners of the process object are Node.js's own.
  hiddenListeners()
  beginPreloads(program.hasFlag(last))
  const ignored = readList(system.env.HANDOFF_IGNORE)
  const rule = readReadyRule(system.env.HANDOFF_READY)
  const warmup = readWarmupPaths(system.env.HANDOFF_WARMUP)
  program.withholdFlags(isOurs)
  const takesNothing = ignored.has('*')
  if (isClusterWorker && takesNothing) return
  if (isClusterWorker) return refuseListeners(clusterWorker, ignored, () => !isProgramsOwn())

  // A child that the program starts before it listens must not mistake itself for the new process.
  followTls(system.env)
  const variables = takeVariables(system.env)
  guardKeptPaths(variables.HANDOFF_RENDEZVOUS, system)
  const whenReady = new WhenReady(rule, (...how) => system.timer(...how))
  const listens = new PreloadListens(whenReady, system.timer)
  const create = () => createHandoff(variables, system, program)
  const programHandoff = new ProgramHandoff(
    create,
    whenReady,
    readList(variables.HANDOFF_DROP),
    ignored,
    warmup,
  )
  const noListener = expectListen(variables, system, programHandoff)
  const claims = (where: Place) => {
    // Another preload listens. A handoff made for it would make the program's own createHandoff fail.
    if (isPreloading() && dependsOnUs(system.command.args[0])) return false
    const claimed = isHandedOver(where, ignored) && claimForPreload()
    if (!claimed) noListener?.listensElsewhere()
    return claimed
  }
  const undo = [
    interceptListen({
      claims: (_, options) => claims(options),
      listen: (server, options, own) => {
        listens.beforeListen()
        return programHandoff.listen(server, options, own)
      },
    }),
    interceptBind({
      claims: (_, request) => claims(request),
      bind: (socket, request) => {
        listens.beforeListen()
        return programHandoff.bind(socket, request)
      },
    }),
  ]
  if (!hooksBindStep && !takesNothing) warnOfUnknownNode(system)
  if (!takesNothing) refuseForks(() => !isProgramsOwn())
  if (rule === 'message')
    undo.push(...onReadyReport(() => whenReady.programReady(), variables, system, program))
  onProgramClaim(() => {
    noListener?.end()
    programHandoff.release().catch(() => {})
    for (const restore of undo) restore()
    Object.assign(system.env, variables)
    setEnvironmentData(ownHandoffKey, true)
  })
}

/**
 * Keeps Unix paths of the old process, since the program may remove them before it listens. Once there
 * is a handoff, the handoff decides.
 */
function guardKeptPaths(rendezvous: string | undefined, system: System): void {
  if (rendezvous === undefined || !keepsAny(dirname(rendezvous))) return
  const kept = new KeptPaths(() => dirname(rendezvous))
  system.guardPaths?.((path) => kept.has(path))
}

/** In milliseconds: the default of `readyTimeoutMs`. */
const defaultReadyTimeoutMs = 60_000

/**
 * Reports a program that listens on nothing to its supervisor as serving. Without a supervisor there
 * is nothing to report.
 */
function expectListen(
  variables: Variables,
  system: System,
  programHandoff: ProgramHandoff,
): NoListenerTimer | undefined {
  if (variables.NOTIFY_SOCKET === undefined) return undefined
  const { HANDOFF_READY_TIMEOUT_MS: timeout, HANDOFF_GENERATION: number } = variables
  return new NoListenerTimer({
    isReplacement: Number(number ?? 1) > 1,
    oldHasNoListener: variables.HANDOFF_IDLE !== undefined,
    readyTimeoutMs: Number(timeout) || defaultReadyTimeoutMs,
    timer: (ms, callback, background) => system.timer(ms, callback, background),
    onTimeout: () =>
      void programHandoff
        .serveWithoutListener()
        .catch(({ message }: Error) => system.warn(`handoff: ${message}`)),
  })
}

/** Observes the program's own report that it is ready, as for pm2 (`wait_ready`) or systemd. */
function onReadyReport(
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
    : [undoSend, receiveNotifications(supervisor, system, onReady)]
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
  // The program listens some milliseconds before this process counts as serving.
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
