// Makes the parts of one process, and connects them: no part knows more of the others than this.

import { OptIns } from '../connections/opt-ins.ts'
import { ReceivedTicketKeys, ticketKeyState } from '../connections/tls/ticket-keys.ts'
import { GenerationLine } from '../generation/generation-line.ts'
import { Holdings } from '../generation/holdings.ts'
import { States } from '../generation/states.ts'
import { isExiting } from '../io/node/internals/process-state.ts'
import type { System } from '../io/system/system.ts'
import { Birth } from '../new/birth.ts'
import { Joinings } from '../new/joining/joinings.ts'
import { Reporter } from '../notify/reporter.ts'
import { ServiceManager } from '../notify/service-manager.ts'
import { Succession } from '../old/succession.ts'
import type { HandoffError } from '../terms/errors.ts'
import type { HandoffEventBody } from '../terms/events.ts'
import type { Settings } from '../terms/options.ts'
import { Leadership } from './leadership.ts'
import { Listening } from './listen/listening.ts'
import { Restart } from './restart.ts'
import { SelfReport } from './self-report.ts'

export interface Parts {
  readonly holdings: Holdings
  readonly reporter: Reporter
  readonly self: SelfReport
  readonly birth: Birth
  readonly succession: Succession
  readonly listening: Listening
  readonly joinings: Joinings
  readonly optIns: OptIns
  readonly restart: Restart
  readonly manager: ServiceManager
  readonly states: States
  readonly line: GenerationLine
  readonly leadership: Leadership
  /** Whether this process serves, and no handoff is under way. */
  serves(): boolean
  report(event: HandoffEventBody): void
}

/** Ends the process itself. */
export interface Endings {
  /** The process will never serve. */
  gaveUp(error: HandoffError): void
  /** The process has finished: runs exit hooks, then exits. */
  leave(): void
}

export function wire(settings: Settings, system: System, { gaveUp, leave }: Endings): Parts {
  const generation = () => birth.generation
  const serves = () => birth.begun && succession.state === 'serving'
  const report = (event: HandoffEventBody) => {
    self.event(event)
    if (event.type === 'serving' || event.type === 'taken-back') reporter.showLife()
    if (event.type === 'stage' && event.stage === 'ramp') reporter.ramps(settings)
    if (event.type === 'stage' && event.stage === 'drain' && succession.state !== 'stopping') {
      reporter.drains(settings)
    }
    if (event.type === 'serving') {
      manager.begin(birth.unclaimed)
      const isShared = birth.state === 'sharing'
      void birth.unshared.then(() => {
        if (isShared) reporter.servesAlone()
        void joinings.run(settings.joins)
      })
    }
    if (event.type === 'taken-back') {
      reporter.staysOn()
      manager.begin()
      leadership.check()
    }
  }
  const onWarning = (message: string) => report({ type: 'warning', message })
  const restart = new Restart(system, settings.readyTimeoutMs)
  const reporter = new Reporter(system, settings, generation)
  const holdings = new Holdings(system, (fd) => succession.connect(fd), onWarning, {
    rendezvous: settings.rendezvousPath,
    onKeptPath: () => system.guardPaths?.((path) => holdsBack(path)),
  })
  /** Whether a path must not be removed: it leads to another generation, unless this process serves. */
  const holdsBack = (path: string) => {
    if (!holdings.paths.has(path)) return false
    const begun = birth.begun || birth.state === 'alone'
    const { state, isBeforeCommit } = succession
    const accepts = begun && state !== 'commit' && isBeforeCommit
    const owns = (accepts && !holdings.listeners.hasReceivedAt(path)) || state === 'stopping'
    // This process dies, and its supervisor keeps the listener for the next one.
    const isKeptOpen = accepts && settings.statusIntervalMs !== undefined && isExiting()
    if (!owns || isKeptOpen) return true
    holdings.paths.release(path)
    return false
  }
  const optIns = new OptIns(onWarning, settings.tls)
  const line = new GenerationLine(() => {
    // The process that ended may have removed the path of a listener.
    if (serves()) holdings.listeners.keepPaths()
    leadership.check()
  })
  // Before the commit the old process can serve on. After it there is no way back.
  const states = new States((error) => {
    if (birth.begun) onWarning(error.reason)
    else birth.fail(error)
  })
  const shared = { system, settings, holdings, report, states, line }
  const self = new SelfReport(reporter, holdings, () => ({ birth, succession }))
  const manager = new ServiceManager({
    system,
    notifier: reporter.notifier,
    listeners: holdings.listeners,
    watchdogMs: settings.watchdogMs,
    serves: () => (serves() ? generation() : undefined),
  })
  const ticketKeys = new ReceivedTicketKeys()
  states.defineOwn('handoff:ticket-keys', ticketKeyState(holdings.gates, ticketKeys))
  const passing = {
    takesConnections: () => succession.takesConnections,
    noMoreConnections: () => succession.checkDrained(),
  }
  const birth = new Birth({
    ...shared,
    ...passing,
    changed: () => {
      leadership.check()
      holdings.closeVacated()
    },
    gaveUp,
  })
  const joinings = new Joinings({
    ...shared,
    ...passing,
    listenersChanged: () => {
      manager.follow()
      holdings.closeVacated()
    },
    serves,
  })
  holdings.areHeldElsewhere = () => serves() && (birth.oldMayLive || joinings.oldMayLive)
  const succession: Succession = new Succession({
    ...shared,
    generation,
    begin: (peer) => {
      reporter.begin()
      restart.connected(peer)
    },
    progress: () => reporter.reportStatus(),
    releaseOld: () => {
      const why = succession.takesConnections ? 'succeeded' : 'stopped'
      const releasing = [birth.releaseOld(why) ?? [], ...joinings.releaseOld(why)].flat()
      return releasing.length === 0 ? undefined : Promise.all(releasing)
    },
    expectsConnections: () =>
      line.mayAwaitOlder && (birth.intake.expectsMore || joinings.expectsMore),
    whenAddressFree: () => manager.settled(),
    ended: (peer, error) => {
      if (error !== undefined) holdings.listeners.keepPaths()
      self.handoffEnded(error === undefined ? 'completed' : 'aborted')
      if (error === undefined) manager.succeeded()
      if (error !== undefined) restart.handoffEnded(peer, error)
      leadership.check()
    },
    replaced: (peer, error) => restart.handoffEnded(peer, error),
    silent: (peer, ms) => {
      if (!restart.killHung(peer)) return
      onWarning(
        `the new process (pid ${peer}) said nothing for ${ms / 1000} s after its commit: killed`,
      )
    },
    leave,
  })
  const leadership: Leadership = new Leadership({
    worker: settings.worker,
    rendezvous: settings.rendezvousPath,
    system,
    line,
    birth,
    succession,
    onWarning,
  })
  const both = { birth, succession, manager, onWarning }
  const listening = new Listening({ system, holdings, optIns, ticketKeys, ...both })
  return {
    ...{ holdings, reporter, self, birth, succession, listening, joinings },
    ...{ optIns, restart, manager, states, line, leadership, serves, report },
  }
}
