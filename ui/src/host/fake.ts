//! A host in memory that behaves like the app: decisions move questions through their phases, answers stream,
//! revisions go up, a stale one is refused. For tests, for development in a browser and for screenshots.

import type { Changed } from '../bindings/Changed'
import type { GeneralSettings } from '../bindings/GeneralSettings'
import type { GrantView } from '../bindings/GrantView'
import type { HeldChange } from '../bindings/HeldChange'
import type { HostInput } from '../bindings/HostInput'
import type { TestReport } from '../bindings/TestReport'
import type { CallItem, ElicitationItem, SamplingItem } from '../review/kinds'
import { fakeAudit } from './fake/audit'
import { clone, type Tell } from './fake/base'
import { fakeCalls } from './fake/calls'
import { fakeElicitation, type FormSeed } from './fake/elicitation'
import { fakeGrants } from './fake/grants'
import { fakeHosts } from './fake/hosts'
import { fakeLogins } from './fake/logins'
import { fakeModels } from './fake/models'
import { crawler, keywords, notes, payment, type Seed } from './fake/questions'
import { fakeRecords } from './fake/records'
import { fakeReview, type Seen } from './fake/review'
import { fakeRules } from './fake/rules'
import { fakeRuns } from './fake/runs'
import { fakeSampling } from './fake/sampling'
import { fakeServers, fakeServing } from './fake/servers'
import type { Goto, Host, WindowName } from './host'

export interface FakeOptions {
  seeds?: Seed[]
  forms?: FormSeed[]
  /** Tool calls of hosts that wait. */
  calls?: CallItem[]
  /** Whether their results are looked at too. */
  looksAtResults?: boolean
  /** Milliseconds between two pieces of a streamed answer; 0: the answer is there at once. */
  streamMs?: number
  gates?: 'both' | 'request' | 'answer'
  firstRun?: boolean
  grants?: GrantView[]
  /** Those with a token; where nothing is said, one of the hosts that are known. */
  hosts?: HostInput[]
  auditTotal?: number
  trouble?: { text: string; section: string | null }[]
  held?: HeldChange
  confinement?: TestReport
}

/** The fake, and what a test may look at or do behind the window's back. */
export interface FakeHost extends Host, Seen {
  opened: { name: WindowName; goto?: Goto | undefined }[]
  laterCount: number
  put(seed: Seed): void
  withdraw(id: string): void
  bump(id: string): void
  goto(goto: Goto): void
  question(id: string): SamplingItem
  /** A question to the person. */
  form(id: string): ElicitationItem
  endForm(id: string, why: string): void
}

export function createFakeHost(options: FakeOptions = {}): FakeHost {
  const { streamMs = 60, gates = 'both', auditTotal = 1240 } = options
  const listeners = new Set<(changed: Changed) => void>()
  const gotoListeners = new Set<(goto: Goto) => void>()
  const tell: Tell = (topic, id = null) => listeners.forEach((listener) => listener({ topic, id }))

  let general: GeneralSettings = { notifications: true, approveFromNotifications: false, deadlineMinutes: null, quickReplies: ['yes', 'no'], secondOpinion: null }
  let held = options.held ?? null
  let paused = false

  const grants = fakeGrants(options.grants ?? [], tell)
  const sampling = fakeSampling({ streamMs, gates, quickReplies: () => general.quickReplies, give: grants.give }, tell)
  for (const seed of options.seeds ?? [keywords, payment, crawler, notes]) sampling.put(seed)
  const elicitation = fakeElicitation(options.forms ?? [], tell)
  const calls = fakeCalls(clone(options.calls ?? []), options.looksAtResults ?? false, tell)
  const review = fakeReview({ sampling, elicitation, calls }, tell)
  const servers = fakeServers()
  const models = fakeModels(tell)
  const audit = fakeAudit(auditTotal)

  const host: FakeHost = {
    ...review.seen,
    opened: [],
    laterCount: 0,
    put: sampling.put,
    withdraw: sampling.withdraw,
    bump: sampling.bump,
    goto: (goto) => gotoListeners.forEach((listener) => listener(goto)),
    question: sampling.get,
    form: elicitation.get,
    endForm: elicitation.end,

    ...review.host,
    ...fakeServing(servers, streamMs, options.confinement ?? { ok: true, message: 'bubblewrap works' }, tell),
    ...fakeLogins(servers, tell),
    ...fakeRecords(servers, tell),
    ...fakeHosts(options.hosts, tell),
    ...fakeRuns(streamMs, sampling.put, tell),
    ...models.host,
    ...fakeRules(audit, tell),
    ...grants.host,
    ...audit,

    heldChange: async () => clone(held),
    async heldAccept() {
      held = null
    },
    async heldRefuse(_id, restore) {
      held = restore || held === null ? null : { ...held, refused: true }
      return restore ? 'config.refused.toml' : null
    },

    status: async () => ({
      ...review.status(),
      grants: grants.count(),
      paused,
      trouble: options.trouble ?? [],
      firstRun: options.firstRun ?? false,
      defaultModel: models.defaultModel(),
      keychain: { ok: true, message: 'The keychain can be used.' },
      reviewer: 'ada',
      configPath: '~/.config/samplegate/config.toml',
      version: '0.1.0',
    }),
    async setPaused(value) {
      paused = value
      tell('status')
    },
    generalGet: async () => clone(general),
    async generalSave(settings) {
      general = clone(settings)
      tell('status')
    },

    async openWindow(name, goto) {
      host.opened.push({ name, goto })
    },
    async later() {
      host.laterCount += 1
    },
    onChanged(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onGoto(listener) {
      gotoListeners.add(listener)
      return () => gotoListeners.delete(listener)
    },
  }
  return host
}
