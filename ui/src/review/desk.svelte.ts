//! What the review window shows: the queue and one question of it. It holds no truth; it reads again when told to.

import type { Action } from '../bindings/Action'
import type { ActionKind } from '../bindings/ActionKind'
import type { ReviewItem } from '../bindings/ReviewItem'
import type { ReviewSummary } from '../bindings/ReviewSummary'
import type { JsonValue } from '../bindings/serde_json/JsonValue'
import type { Status } from '../bindings/Status'
import type { WireError } from '../bindings/WireError'
import { asWireError, type Host } from '../host/host'
import { Reader } from '../live/reader'
import type { Numbered } from '../text/json'
import { Arming } from './arming.svelte'
import { Draft } from './draft.svelte'
import { findingsOf, unseenOf } from './flagged'
import { FormState } from './form.svelte'
import { Granting } from './granting.svelte'
import type { CallItem, ElicitationItem, SamplingItem } from './kinds'
import { Spots } from './spots.svelte'

/** What the person is doing with the question. */
export type Mode = 'read' | 'edit' | 'deny' | 'answer' | 'models'

const decidable = (s: ReviewSummary) => s.phase === 'request' || s.phase === 'answer'

const done: { [type in Action['type']]?: string } = { deny: 'denied', accept: 'your answer was sent', cancel: 'cancelled', answerByHand: 'answered by you', return: 'the answer was returned', grant: 'the answer was returned' }

/** Question and gate: what has to be looked at afresh when it changes. */
const sceneOf = (item: ReviewItem | ReviewSummary) => `${item.id} ${item.phase}`

export class Desk {
  list = $state.raw<ReviewSummary[]>([])
  item = $state.raw<ReviewItem | null>(null)
  status = $state.raw<Status | null>(null)
  /** The question whose differences to the one shown are marked. */
  against = $state.raw<ReviewItem | null>(null)
  selected = $state<string | null>(null)
  mode = $state<Mode>('read')
  draft = $state.raw(new Draft())
  /** Whether it was asked for an opinion that would leave this computer. */
  confirming = $state(false)
  granting = $state.raw(new Granting())
  busy = $state(false)
  error = $state.raw<WireError | null>(null)
  /** Said to screen readers. */
  notice = $state('')
  /** How the last decision went, for when nothing waits any more. */
  last = $state('')
  /** The question that was decided here last, to make a rule from. */
  lastId = $state<string | null>(null)
  loaded = $state(false)
  spots = $state.raw(new Spots())
  /** What is typed into the form of a question to the person. */
  form = $state.raw<FormState | null>(null)
  readonly arming = new Arming()
  #listReader: Reader
  #itemReader: Reader
  #statusReader: Reader
  #reported = new Set<string>()

  constructor(readonly host: Host) {
    this.#listReader = new Reader(host, ({ topic }) => topic === 'review', () => this.#readList(), 120)
    this.#itemReader = new Reader(
      host,
      ({ topic, id }) => topic === 'review' && this.selected !== null && (id === null || id === this.selected),
      () => this.#readItem(),
    )
    this.#statusReader = new Reader(host, ({ topic }) => topic === 'status', () => this.#readStatus(), 120)
  }

  async start(wanted: string | null) {
    this.selected = wanted
    void this.#statusReader.now()
    await Promise.all([this.#listReader.now(), wanted === null ? null : this.#itemReader.now()])
  }

  stop() {
    this.#listReader.stop()
    this.#itemReader.stop()
    this.#statusReader.stop()
    this.arming.nothing()
    void this.form?.tell()
  }

  /** Whether a person has written something here that would be lost with the question. */
  get written(): boolean {
    if (this.draft.written || (this.mode === 'edit' && this.draft.typed)) return true
    return this.item !== null && (this.item.requestEdited || (this.sampling?.answer?.edited ?? this.call?.result?.edited ?? false))
  }

  /** The selected question's line in the queue. */
  get folded(): ReviewSummary | null {
    return this.list.find((s) => s.id === this.selected) ?? null
  }

  /** Marks what differs from the first question of the card, or does not. */
  async compare(on: boolean) {
    const first = this.folded?.foldsInto
    const id = this.selected
    this.against = null
    if (!on || first === undefined || first === id) return
    try {
      const item = await this.host.reviewGet(first)
      if (this.selected === id) this.against = item
    } catch {
      // It is over meanwhile: there is nothing to compare with, and nothing is marked.
    }
  }

  async mute(server: string, on: boolean) {
    try {
      await this.host.reviewMute(server, on)
      if (on) await this.host.reviewForgetDenials(server)
      this.notice = on ? `${server} is muted for ten minutes.` : `${server} is not muted any more.`
    } catch (thrown) {
      this.error = asWireError(thrown)
    }
  }

  /** Switches a server's sampling off, and denies what waits of it. */
  async block(server: string) {
    this.error = null
    try {
      await this.host.reviewBlock(server)
      this.mode = 'read'
      this.last = `Sampling is off for ${server}. Its page in Settings switches it on again.`
      await this.#next(null)
    } catch (thrown) {
      this.error = asWireError(thrown)
    }
  }

  /** The question, where a model's answer is asked for. */
  get sampling(): SamplingItem | null {
    return this.item?.kind === 'sampling' ? this.item : null
  }

  /** The question, where the person is asked for input. */
  get elicitation(): ElicitationItem | null {
    return this.item?.kind === 'elicitation' ? this.item : null
  }

  /** The question, where a host calls a tool. */
  get call(): CallItem | null {
    return this.item?.kind === 'tool_call' ? this.item : null
  }

  /** What stands at the answer gate, as JSON: a model's answer or a tool's result. */
  get answered(): JsonValue | null {
    if (this.item === null || this.item.phase === 'request') return null
    return this.sampling?.answer?.result ?? this.call?.result?.result ?? null
  }

  get waiting(): ReviewSummary[] {
    return this.list.filter((s) => s.phase !== 'closed')
  }

  offers(kind: ActionKind): boolean {
    return this.item?.actions.includes(kind) ?? false
  }

  /** Findings of the gate the question stands at, numbered. */
  get findings(): Numbered[] {
    return this.item ? findingsOf(this.item) : []
  }

  /** What must have been on the screen before a flagged text may go on; none: it may. */
  get unseen() {
    return unseenOf(this.findings, this.spots)
  }

  async select(id: string) {
    if (id === this.selected && this.item) return
    this.selected = id
    this.mode = 'read'
    this.error = null
    this.against = null
    // What is nearly the same is read by its differences.
    await Promise.all([this.#itemReader.now(), this.compare(true)])
  }

  async step(by: 1 | -1) {
    const list = this.list
    const at = list.findIndex((s) => s.id === this.selected)
    const next = list[Math.min(list.length - 1, Math.max(0, at + by))]
    if (next) await this.select(next.id)
  }

  /** Takes a decision on exactly the revision that is on the screen. Says whether it went through. */
  async act(action: Action): Promise<boolean> {
    const { item } = this
    if (!item || this.busy) return false
    this.busy = true
    this.error = null
    try {
      if (item.confirm !== null && (action.type === 'approve' || action.type === 'return' || action.type === 'askAgain' || action.type === 'grant')) {
        await this.host.reviewAct(item.id, item.revision, { type: 'confirm', typed: this.draft.named.trim() })
      }
      const after = await this.host.reviewAct(item.id, item.revision, action)
      if (after.phase === 'closed') {
        this.lastId = after.kind === 'sampling' ? after.id : null
        this.last = `${after.provenance.server}: ${done[action.type] ?? after.ended?.why ?? 'decided'}.`
      }
      // Whoever went on to another question meanwhile stays there.
      if (this.selected !== item.id) return true
      this.draft.named = ''
      this.mode = 'read'
      this.#show(after, true)
      if (after.phase === 'closed') await this.#next(after.id)
      return true
    } catch (thrown) {
      const error = asWireError(thrown)
      if (this.selected !== item.id) {
        this.error = { ...error, message: `The question of ${item.provenance.server} before this one was not decided: ${error.message}` }
      } else if (error.code === 'stale') {
        this.error = { code: 'stale', message: 'It changed meanwhile. This is how it is now; look again, then decide.' }
        this.arming.shown()
        await this.#itemReader.now()
      } else {
        this.error = error
        if (error.code === 'notFound') await this.#listReader.now()
      }
      return false
    } finally {
      this.busy = false
    }
  }

  /** Lets the app keep and check what is typed. Nothing else changes, so nothing has to be looked at again. */
  async fill(values: JsonValue): Promise<boolean> {
    const { item } = this
    if (!item || item.phase === 'closed') return false
    try {
      const after = await this.host.reviewAct(item.id, item.revision, { type: 'fill', values })
      if (this.selected === item.id) {
        this.error = null
        this.#show(after, true)
      }
      return true
    } catch (thrown) {
      const error = asWireError(thrown)
      if (this.selected !== item.id || error.code === 'notFound') return false
      if (error.code !== 'stale') {
        this.error = error
        return false
      }
      // It changed meanwhile, but not what is typed here.
      await this.#itemReader.now()
      return this.item?.id === item.id && this.item.revision > item.revision ? this.fill(values) : false
    }
  }

  /** Accepts exactly what stands in the form. */
  accept() {
    return this.act({ type: 'accept', values: this.form?.values ?? {} })
  }

  /** Asks for a second opinion; of a model on another computer only once that was confirmed for this question. */
  async askOpinion(confirmed: boolean) {
    const item = this.sampling
    if (!item?.opinion || item.opinion.asking) return
    if (!item.opinion.isLocal && !confirmed) {
      this.confirming = true
      return
    }
    this.confirming = false
    this.error = null
    try {
      await this.host.reviewOpinion(item.id, item.revision, confirmed)
    } catch (thrown) {
      this.error = asWireError(thrown)
    }
  }

  /** Chooses how far the decision reaches. What it then says must be read first, like a question that changed. */
  reach(scope: Granting['scope'], answersToo = false) {
    this.granting.choose(scope, answersToo)
    this.arming.disturbed()
  }

  /** What exactly would be let through from now on; null: nothing beyond this question. */
  get reaches(): string | null {
    return this.granting.says(this.item?.offer)
  }

  /** Approves, or returns, as far as was chosen. */
  goOn(kind: 'approve' | 'return') {
    const { scope, answersToo } = this.granting
    return this.act(scope !== null && this.reaches !== null ? { type: 'grant', scope, answers: answersToo } : { type: kind })
  }

  /** Opens the rules' form, filled in with what would decide like this question again. */
  makeRule(id: string) {
    void this.host.openWindow('settings', { section: `rules/${id}` })
  }

  async denyAll(server: string, reason: string) {
    this.busy = true
    this.error = null
    try {
      const count = await this.host.reviewDenyAll(server, reason)
      this.mode = 'read'
      this.last = `${count} of ${server} denied.`
      await this.#next(null)
    } catch (thrown) {
      this.error = asWireError(thrown)
    } finally {
      this.busy = false
    }
  }

  /** Called when what is shown was painted. */
  painted() {
    const { item } = this
    if (!item || (item.phase !== 'request' && item.phase !== 'answer')) return
    const key = `${item.id} ${item.revision}`
    if (this.#reported.has(key)) return
    this.#reported.add(key)
    void this.host.reviewShown(item.id, item.revision).catch(() => this.#reported.delete(key))
  }

  focused() {
    if (this.item && this.item.phase !== 'closed') this.arming.disturbed()
  }

  /** On to the oldest question that waits for a person; the one just decided is left behind. */
  async #next(after: string | null) {
    this.list = await this.host.reviewList()
    const open = this.list.filter((s) => s.id !== after && s.phase !== 'closed')
    const next = open.find(decidable) ?? open[0]
    if (next) {
      this.notice = `${this.last} Next: ${next.server}.`
      await this.select(next.id)
    } else {
      this.notice = `${this.last} Nothing else waits.`
      this.selected = null
      this.item = null
      this.#blank()
      this.arming.nothing()
    }
  }

  async next() {
    await this.#next(this.selected)
  }

  #blank() {
    this.draft = new Draft()
    this.confirming = false
  }

  async #readList() {
    const known = new Set(this.list.filter(decidable).map(sceneOf))
    try {
      this.list = await this.host.reviewList()
    } catch (thrown) {
      this.error = asWireError(thrown)
    }
    this.loaded = true
    if (this.selected === null) {
      const next = this.list.find(decidable) ?? this.list.find((s) => s.phase !== 'closed')
      if (next) await this.select(next.id)
      return
    }
    // What is over stays for whoever reads it, until there is something new to decide; what was written stays longer.
    const over = this.item?.phase === 'closed' || !this.list.some((s) => s.id === this.selected && s.phase !== 'closed')
    const arrived = this.list.some((s) => decidable(s) && !known.has(sceneOf(s)))
    if (over && arrived && !this.busy && !this.written) {
      this.last = 'The question before is over.'
      await this.next()
    }
  }

  async #readItem() {
    const id = this.selected
    if (id === null) return
    try {
      const item = await this.host.reviewGet(id)
      if (this.selected === id) this.#show(item, false)
    } catch (thrown) {
      const error = asWireError(thrown)
      if (error.code !== 'notFound') {
        this.error = error
      } else if (this.item?.id === id) {
        // It is over and forgotten: keep what was shown, greyed, instead of pulling it from under the reader's eyes.
        if (this.item.phase !== 'closed') {
          this.item = { ...this.item, phase: 'closed', actions: [], ended: { outcome: 'closed', why: 'it is over; the audit log says how' } }
          this.arming.nothing()
        }
      } else {
        await this.#next(id)
      }
    }
  }

  async #readStatus() {
    try {
      this.status = await this.host.status()
    } catch {
      this.status = null
    }
  }

  #show(item: ReviewItem, own: boolean) {
    const before = this.item
    if (before && before.id === item.id && before.revision > item.revision) return
    const sceneChanged = !before || sceneOf(before) !== sceneOf(item)
    const changed = sceneChanged || before.revision !== item.revision
    if (sceneChanged || (changed && (item.phase === 'request' || item.phase === 'answer'))) this.spots = new Spots()
    // What was typed last is told while its question is still the one here.
    if (before?.id !== item.id) void this.form?.tell()
    this.item = item
    if (changed) this.granting = new Granting()
    if (before?.id !== item.id) {
      this.#blank()
      this.form = item.kind === 'elicitation' ? new FormState(this, item.id, item.typed) : null
    }
    if (item.phase === 'closed') {
      this.arming.nothing()
      if (sceneChanged) {
        if (this.mode !== 'edit' || !this.draft.typed) this.mode = 'read'
        if (before?.id === item.id) this.notice = `This question is over: ${item.ended?.why ?? ''}.`
      }
      return
    }
    if (sceneChanged) {
      if (before?.id !== item.id || !own) this.mode = 'read'
      this.arming.shown()
    } else if (changed && item.phase !== 'answering') {
      this.arming.disturbed()
      if (!own) this.notice = 'The question changed.'
    }
  }
}
