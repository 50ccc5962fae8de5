//! A host in memory that behaves like the app: decisions move questions through their phases, answers stream,
//! revisions go up, a stale one is refused. For tests, for development in a browser and for screenshots.

import type { Action } from '../bindings/Action'
import type { ActionKind } from '../bindings/ActionKind'
import type { AnswerView } from '../bindings/AnswerView'
import type { AuditQuery } from '../bindings/AuditQuery'
import type { Changed } from '../bindings/Changed'
import type { GeneralSettings } from '../bindings/GeneralSettings'
import type { GrantView } from '../bindings/GrantView'
import type { HeldChange } from '../bindings/HeldChange'
import type { ModelView } from '../bindings/ModelView'
import type { ReviewSummary } from '../bindings/ReviewSummary'
import type { RuleInput } from '../bindings/RuleInput'
import type { RuleView } from '../bindings/RuleView'
import type { RunView } from '../bindings/RunView'
import type { JsonValue } from '../bindings/serde_json/JsonValue'
import type { ServerView } from '../bindings/ServerView'
import type { Status } from '../bindings/Status'
import type { Severity } from '../bindings/Severity'
import type { TestReport } from '../bindings/TestReport'
import type { ToolUseView } from '../bindings/ToolUseView'
import type { Topic } from '../bindings/Topic'
import type { WireError } from '../bindings/WireError'
import { at, isObject } from '../text/json'
import * as data from './fake-data'
import type { Seed } from './fake-data'
import type { CallItem, ElicitationItem, SamplingItem } from '../review/kinds'
import { actOn, elicitationOf, type FormSeed } from './fake-elicitation'
import { fakeLogins } from './fake-logins'
import { fakeHosts } from './fake-hosts'
import { fakeRecords } from './fake-records'
import { fakeCalls } from './fake-calls'
import type { AuditEntry, Goto, Host, WindowName } from './host'

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
  auditTotal?: number
  trouble?: { text: string; section: string | null }[]
  held?: HeldChange
  confinement?: TestReport
}

interface Question {
  seed: Seed
  item: SamplingItem
  stop?: (() => void) | undefined
  typedAt?: number
  /** What the placeholders stand for. */
  originals?: { [placeholder: string]: string }
}

/** The tool calls in a result, undecided. */
function toolUses(seed: Seed, result: JsonValue): ToolUseView[] {
  const content = isObject(result) ? result['content'] : undefined
  const blocks = Array.isArray(content) ? content : content === undefined ? [] : [content]
  const offered = Array.isArray(seed.request['tools']) ? seed.request['tools'].filter(isObject) : []
  return blocks.flatMap((block, i) => {
    if (!isObject(block) || block['type'] !== 'tool_use') return []
    const tool = offered.find((tool) => tool['name'] === block['name'])
    return [{
      id: String(block['id']), name: String(block['name']), arguments: block['input'] ?? {}, pointer: Array.isArray(content) ? `/content/${i}` : '/content',
      offered: tool !== undefined, description: typeof tool?.['description'] === 'string' ? tool['description'] : null,
      risk: 'medium', labels: null, decision: null,
    }]
  })
}

/** A result with the values in place of their placeholders. */
function putBack(question: Question, result: JsonValue): JsonValue {
  let text = JSON.stringify(result)
  for (const [placeholder, value] of Object.entries(question.originals ?? {})) text = text.replaceAll(placeholder, value)
  return JSON.parse(text) as JsonValue
}

/** The fake, and what a test may look at or do behind the window's back. */
export interface FakeHost extends Host {
  shown: { id: string; revision: number }[]
  acted: { id: string; revision: number; action: Action }[]
  blocked: string[]
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

const severities: Severity[] = ['info', 'low', 'medium', 'high', 'critical']

const wireError = (code: WireError['code'], message: string): WireError => ({ code, message })

function requestActions(proposed: boolean, edited: boolean, findings: number, canChoose = proposed): ActionKind[] {
  const actions: ActionKind[] = ['edit', 'deny', 'answerByHand']
  if (proposed) actions.push('approve')
  if (canChoose) actions.push('chooseModel')
  if (edited) actions.push('revert')
  if (findings > 0) actions.push('redact')
  return actions
}

function answerActions(answer: AnswerView): ActionKind[] {
  const actions: ActionKind[] = ['deny', 'answerByHand', 'askAgain', 'chooseModel', 'edit']
  if (answer.edited) actions.push('revert')
  if (answer.restores !== null && !answer.edited) actions.push('restore')
  if (answer.toolUses.length > 0) actions.push('decideToolUse')
  if (answer.toolUses.some((use) => use.decision === 'refused')) actions.push('removeRefused')
  if (answer.cannotReturn === null && answer.toolUses.every((use) => use.decision === 'approved')) actions.push('return')
  return actions
}

function firstText(params: JsonValue): string {
  const messages = (params as { messages?: { content: JsonValue }[] }).messages ?? []
  for (const { content } of messages) {
    for (const block of Array.isArray(content) ? content : [content]) {
      if (block !== null && typeof block === 'object' && 'text' in block) return String(block['text'])
    }
  }
  return ''
}

const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

export function createFakeHost(options: FakeOptions = {}): FakeHost {
  const { streamMs = 60, gates = 'both', auditTotal = 1240 } = options
  let held = options.held ?? null
  const listeners = new Set<(changed: Changed) => void>()
  const gotoListeners = new Set<(goto: Goto) => void>()
  const questions = new Map<string, Question>()
  const forms = new Map<string, ElicitationItem>()
  const servers: ServerView[] = data.servers()
  let models: ModelView[] = clone(data.models)
  let rules: RuleView[] = clone(data.rules)
  let grants: GrantView[] = clone(options.grants ?? [])
  let paused = false
  let defaultModel = 'gpt'
  let general: GeneralSettings = { notifications: true, approveFromNotifications: false, deadlineMinutes: null, quickReplies: ['yes', 'no'], secondOpinion: null }
  const runs: RunView[] = []
  let serial = 1
  let muted: Status['muted'] = []
  const denials = new Map<string, number>()

  const tell = (topic: Topic, id: string | null = null) => {
    for (const listener of listeners) listener({ topic, id })
  }
  const calls = fakeCalls(clone(options.calls ?? []), options.looksAtResults ?? false, (id) => tell('review', id))

  function put(seed: Seed) {
    const hasModel = !seed.noModel
    const request = clone(seed.request)
    const item: SamplingItem = {
      kind: 'sampling',
      id: seed.id,
      revision: 1,
      phase: seed.closed ? 'closed' : 'request',
      provenance: {
        host: 'Tool runner',
        call: null,
        oneOf: [],
        serverSays: null,
        protocol: '2025-11-25',
        transport: '',
        round: 1,
        ...seed.provenance,
        server: seed.server,
      },
      receivedAt: new Date(Date.now() - seed.secondsAgo * 1000).toISOString(),
      received: clone(request),
      request,
      requestEdited: false,
      placeholders: [],
      notes: seed.notes ?? [],
      unknownFields: seed.unknownFields ?? [],
      requestSha256: data.fakeHash(JSON.stringify(request)),
      approvedSha256: null,
      findings: seed.findings ?? [],
      evaluation: { verdict: 'ask', matched: [], reason: 'No rule matches; a person is asked.' },
      offer: data.noOffer,
      models: hasModel ? data.options : [],
      model: hasModel && !seed.noneProposed ? 'claude' : null,
      outgoing: { state: 'cannot', why: '' },
      opinion: seed.opinion ? clone(seed.opinion) : null,
      answer: null,
      actions: seed.closed ? [] : requestActions(hasModel && !seed.noneProposed, false, seed.findings?.length ?? 0, hasModel),
      confirm: seed.confirm ?? null,
      quickReplies: general.quickReplies,
      ended: seed.closed ?? null,
    }
    offer(item)
    seal(item)
    questions.set(seed.id, { seed, item })
    tell('review', seed.id)
    tell('status')
  }

  /** What the app offers: nothing for longer where it was flagged, edited, or its call is not known. */
  function offer(item: SamplingItem) {
    const gate = item.phase === 'request' ? 'request' : 'answer'
    const flagged = (gate === 'request' ? item.findings : (item.answer?.findings ?? [])).some(({ severity }) => severity === 'high' || severity === 'critical')
    const call = item.provenance.call
    const why = item.requestEdited || item.answer?.edited ? 'You edited it.' : flagged ? 'What was flagged is decided each time.' : call === null ? 'It is not known for certain which tool call asks.' : null
    item.offer = why === null && (item.phase === 'request' || item.phase === 'answer') ? data.offerOf(item.provenance.server, call!.name, gate) : { scopes: [], onlyOnce: why, missed: null }
  }

  function body(item: SamplingItem): string {
    const option = item.models.find((m) => m.name === item.model)
    return JSON.stringify({ model: option?.model, ...(item.request as object) })
  }

  function seal(item: SamplingItem) {
    if (item.model === null) {
      item.approvedSha256 = null
      item.outgoing = { state: 'cannot', why: 'No model is configured. Add one in Settings, or answer yourself.' }
      return
    }
    const text = body(item)
    const option = item.models.find((m) => m.name === item.model)!
    item.approvedSha256 = data.fakeHash(JSON.stringify(item.request) + item.model)
    item.outgoing = {
      state: 'ready',
      url: option.provider === 'anthropic' ? 'https://api.anthropic.com/v1/messages' : 'https://api.openai.com/v1/chat/completions',
      wireSha256: data.fakeHash(text),
      bytes: new TextEncoder().encode(text).length,
    }
  }

  const touch = (item: SamplingItem) => {
    offer(item)
    item.revision += 1
    tell('review', item.id)
    tell('status')
  }

  function close(item: SamplingItem, outcome: string, why: string) {
    item.phase = 'closed'
    item.actions = []
    item.ended = { outcome, why }
  }

  function ask(question: Question, name: string) {
    const { item, seed } = question
    const option = item.models.find((m) => m.name === name) ?? item.models[0]!
    const content = seed.answerContent ?? { type: 'text', text: seed.answer ?? 'An answer.' }
    const text = seed.answer ?? 'An answer.'
    const answer: AnswerView = {
      asked: option.name,
      model: option.model,
      partial: '',
      waiting: seed.waits ?? null,
      original: null,
      result: null,
      edited: false,
      restores: null,
      toolUses: [],
      findings: [],
      cannotReturn: null,
      error: null,
      tookMs: 0,
      tokensIn: null,
      tokensOut: null,
      costMicrousd: null,
    }
    item.model = option.name
    item.answer = answer
    item.phase = seed.waits ? 'waiting' : 'answering'
    item.actions = seed.waits ? ['deny'] : ['stop', 'deny']
    if (seed.waits) return

    const finish = (stopReason: string) => {
      question.stop = undefined
      if (seed.fails) {
        answer.error = seed.fails
        item.phase = 'answer'
        item.actions = ['deny', 'answerByHand', 'chooseModel', 'askAgain']
      } else {
        const whole = stopReason === 'endTurn' ? content : { type: 'text', text: answer.partial }
        answer.original = { role: 'assistant', content: clone(whole), model: option.model, stopReason }
        question.originals ??= {}
        answer.restores = item.placeholders.length > 0 ? true : null
        answer.result = putBack(question, answer.original)
        answer.toolUses = toolUses(seed, answer.result)
        answer.findings = stopReason === 'endTurn' ? (seed.answerFindings ?? []) : []
        answer.tookMs = 3100
        answer.tokensIn = 212
        answer.tokensOut = Math.ceil(answer.partial.length / 4)
        answer.costMicrousd = 1900
        item.phase = 'answer'
        answer.cannotReturn = seed.cannotReturn ?? null
        item.actions = answerActions(answer)
        if (gates === 'request') close(item, 'released', 'returned to the server')
      }
      touch(item)
    }
    if (streamMs === 0) {
      answer.partial = text
      setTimeout(() => finish('endTurn'), 0)
      question.stop = () => finish('stopped')
      return
    }
    let at = 0
    const timer = setInterval(() => {
      at = Math.min(text.length, at + 7)
      answer.partial = text.slice(0, at)
      answer.tookMs += streamMs
      if (at === text.length) {
        clearInterval(timer)
        finish('endTurn')
      } else {
        touch(item)
      }
    }, streamMs)
    question.stop = () => {
      clearInterval(timer)
      finish('stopped')
    }
  }

  function act(id: string, revision: number, action: Action): SamplingItem {
    const question = questions.get(id)
    if (!question) throw wireError('notFound', 'This question is no longer there.')
    const { item } = question
    if (item.revision !== revision) throw wireError('stale', 'The question changed since you saw it.')
    if (action.type === 'confirm') {
      if (action.typed !== item.confirm) throw wireError('invalid', `this is of high risk: type "${item.confirm}" first`)
      question.typedAt = revision
      return clone(item)
    }
    if ((action.type === 'approve' || action.type === 'return' || action.type === 'askAgain' || action.type === 'grant') && item.confirm !== null && question.typedAt !== revision) {
      throw wireError('invalid', `this is of high risk: type "${item.confirm}" first`)
    }
    const goesOn = item.phase === 'request' ? 'approve' : 'return'
    const kind: ActionKind = action.type === 'editRequest' || action.type === 'editAnswer' ? 'edit' : action.type === 'grant' ? goesOn : action.type
    if (!item.actions.includes(kind)) throw wireError('invalid', `“${kind}” cannot be done now.`)
    switch (action.type) {
      case 'approve':
        ask(question, item.model!)
        break
      case 'grant': {
        const offered = item.offer.scopes.find(({ scope }) => scope === action.scope)
        if (!offered) throw wireError('invalid', 'this can be decided for this question only')
        grants = [...grants, { ...data.grant, id: `g${serial++}`, sentence: (action.answers && offered.withAnswers) || offered.says, question: item.id }]
        tell('grants')
        if (goesOn === 'approve') ask(question, item.model!)
        else close(item, 'released', 'returned to the server')
        break
      }
      case 'editRequest': {
        const max = (action.params as { maxTokens?: JsonValue }).maxTokens
        if (typeof max !== 'number' || !Number.isInteger(max) || max <= 0) {
          throw wireError('invalid', 'maxTokens must be a whole number above 0.')
        }
        item.request = clone(action.params)
        item.requestEdited = JSON.stringify(item.request) !== JSON.stringify(item.received)
        if (item.requestEdited) item.findings = []
        item.actions = requestActions(item.model !== null, item.requestEdited, item.findings.length, item.models.length > 0)
        seal(item)
        break
      }
      case 'editAnswer':
        item.answer!.result = clone(action.result)
        item.answer!.edited = JSON.stringify(item.answer!.result) !== JSON.stringify(item.answer!.original)
        item.answer!.findings = []
        item.answer!.cannotReturn = null
        item.actions = answerActions(item.answer!)
        break
      case 'redact': {
        question.originals ??= {}
        let text = JSON.stringify(item.request)
        for (const position of action.findings) {
          const finding = item.findings[position]!
          const value = [...String(at(item.request, finding.pointer))].slice(finding.start, finding.end).join('')
          const placeholder = `[${finding.kind.toUpperCase()}_${Object.keys(question.originals).length + 1}]`
          question.originals[placeholder] = value
          text = text.replace(value, placeholder)
        }
        item.request = JSON.parse(text) as JsonValue
        item.placeholders = Object.keys(question.originals)
        item.requestEdited = true
        item.findings = []
        item.actions = requestActions(item.model !== null, true, 0, item.models.length > 0)
        seal(item)
        break
      }
      case 'restore':
        item.answer!.restores = action.on
        item.answer!.result = action.on ? putBack(question, item.answer!.original) : clone(item.answer!.original)
        item.answer!.toolUses = toolUses(question.seed, item.answer!.result)
        item.actions = answerActions(item.answer!)
        break
      case 'decideToolUse':
        item.answer!.toolUses = item.answer!.toolUses.map((use) => (use.id === action.id ? { ...use, decision: action.decision } : use))
        item.actions = answerActions(item.answer!)
        break
      case 'removeRefused': {
        const answer = item.answer!
        const refused = answer.toolUses.filter((use) => use.decision === 'refused').map((use) => use.id)
        const result = answer.result as { content: JsonValue[] }
        result.content = result.content.filter((block) => !isObject(block) || !refused.includes(String(block['id'])))
        answer.edited = true
        answer.toolUses = toolUses(question.seed, answer.result).map((use) => answer.toolUses.find((was) => was.id === use.id && { ...was, pointer: use.pointer }) ?? use)
        item.actions = answerActions(answer)
        break
      }
      case 'revert':
        if (item.phase === 'request') {
          item.placeholders = []
          delete question.originals
          item.request = clone(item.received)
          item.requestEdited = false
          item.findings = question.seed.findings ?? []
          item.actions = requestActions(item.model !== null, false, item.findings.length, item.models.length > 0)
          seal(item)
        } else {
          item.answer!.result = item.answer!.restores ? putBack(question, item.answer!.original) : clone(item.answer!.original)
          item.answer!.toolUses = toolUses(question.seed, item.answer!.result)
          item.answer!.edited = false
          item.answer!.findings = question.seed.answerFindings ?? []
          item.answer!.cannotReturn = question.seed.cannotReturn ?? null
          item.actions = answerActions(item.answer!)
        }
        break
      case 'deny':
        question.stop?.()
        close(item, 'denied', 'denied by you')
        break
      case 'answerByHand':
        close(item, 'released', 'answered by you')
        break
      case 'chooseModel':
        item.model = action.name
        item.actions = requestActions(true, item.requestEdited, item.findings.length)
        seal(item)
        break
      case 'stop':
        question.stop?.()
        break
      case 'askAgain':
        ask(question, action.model ?? item.model!)
        break
      case 'return':
        close(item, 'released', 'returned to the server')
        break
    }
    touch(item)
    return clone(item)
  }

  const need = (id: string) => {
    const question = questions.get(id)
    if (!question) throw wireError('notFound', 'This question is no longer there.')
    return question
  }

  function entry(id: string): AuditEntry {
    const n = auditTotal - parseInt(id.slice(-12), 16)
    const row = data.auditRow(n, auditTotal)
    const time = (ms: number) => new Date(Date.parse(row.at) + ms).toISOString()
    const params: JsonValue = clone(row.server === 'keywords' ? data.keywords.request : data.crawler.request)
    const asked = row.model !== null && row.model !== 'human'
    const released = row.outcome === 'released'
    const approved: JsonValue = asked ? { ...(clone(params) as object), maxTokens: 400, model: row.model, provider: 'anthropic' } : null
    const answer: JsonValue = asked && released
      ? { role: 'assistant', content: { type: 'text', text: 'Three ways: a setting, a variable, a flag. ![x](https://cdn.example.net/p.png)' }, model: row.model, stopReason: 'endTurn' }
      : null
    const out: JsonValue = released
      ? { role: 'assistant', content: { type: 'text', text: asked ? 'Three ways: a setting, a variable, a flag.' : 'yes' }, model: row.model, stopReason: 'endTurn' }
      : null
    const by = { by: row.decidedBy, reviewer: row.reviewer, rules: row.decidedBy === 'rule' ? ['r1'] : [], scope: 'once' }
    const events: { [key: string]: JsonValue }[] = [
      { at: time(0), event: 'received', kind: 'sampling', host: 'Tool runner', server: row.server, tool: row.tool, round: 1, one_of: null },
      { at: time(5), event: 'evaluated', gate: 'request', verdict: 'ask', rules: [], reason: 'No rule matches, so you decide.', findings: [] },
    ]
    if (row.decidedBy === 'person') events.push({ at: time(108), event: 'shown', gate: 'request', where: 'window' })
    if (row.decidedBy) {
      const decision = released ? (asked ? 'approved' : 'answered_by_hand') : 'denied'
      events.push({ at: time(16_700), event: 'decided', gate: 'request', decision, reason: row.decidedBy === 'person' && !released ? 'no exfiltration' : null, ...by })
    }
    if (asked) {
      events.push({ at: time(16_710), event: 'sent', provider: 'anthropic', model: row.model, attempt: 1 })
      if (released) {
        events.push({ at: time(19_800), event: 'answered', model: row.model, stop_reason: 'endTurn', tokens_in: 212, tokens_out: 48, cost_microusd: row.costMicrousd, verdict: 'ask', rules: [], reason: 'No rule matches, so you decide.', findings: [{ kind: 'tag' }], error: null })
        events.push({ at: time(19_900), event: 'shown', gate: 'answer', where: 'window' })
        events.push({ at: time(24_100), event: 'decided', gate: 'answer', decision: 'edited', reason: null, ...by })
      } else {
        events.push({ at: time(17_400), event: 'answered', model: null, error: 'the model answered 401' })
      }
    }
    if (released) events.push({ at: time(24_110), event: 'released', edited: asked, model: row.model }, { at: time(24_115), event: 'replied' })
    events.push({ at: time(24_118), event: 'closed', outcome: row.outcome, decided_by: null, reason: null })
    return {
      id: row.id, at: row.at, kind: 'sampling', host: 'Tool runner', server: row.server, tool: row.tool, call_id: 'c1', round: 1,
      outcome: row.outcome, decided_by: row.decidedBy, reviewer: row.reviewer, context_class: 'text', answer_class: released ? 'text' : null, rules: [],
      reason: row.outcome === 'denied' ? 'no exfiltration' : null, model: row.model, tokens_in: asked ? 212 : null, tokens_out: asked ? 48 : null,
      cost_microusd: row.costMicrousd, request_sha256: data.fakeHash(row.id), approved_sha256: asked ? data.fakeHash(row.id + 'a') : null,
      sent_sha256: asked ? data.fakeHash(row.id + 'a') : null, wire_sha256: asked ? data.fakeHash(row.id + 'w') : null,
      request: params, approved, answer, released: out, arguments: { topic: 'elements' },
      events: events.map((e, i) => ({ seq: 100 + i, ...e, hash: data.fakeHash(row.id + i) })),
    }
  }

  for (const seed of options.seeds ?? [data.keywords, data.payment, data.crawler, data.notes]) put(seed)
  for (const seed of options.forms ?? []) forms.set(seed.id, elicitationOf(seed))

  const host: FakeHost = {
    shown: [],
    acted: [],
    blocked: [],
    opened: [],
    laterCount: 0,
    put,
    withdraw(id) {
      const question = need(id)
      question.stop?.()
      close(question.item, 'withdrawn', 'withdrawn by the server')
      touch(question.item)
    },
    bump: (id) => touch(need(id).item),
    goto: (goto) => gotoListeners.forEach((listener) => listener(goto)),
    question: (id) => need(id).item,
    form: (id) => forms.get(id)!,
    endForm(id, why) {
      const form = forms.get(id)!
      Object.assign(form, { phase: 'closed', actions: [], ended: { outcome: 'withdrawn', why }, revision: form.revision + 1 })
      tell('review', id)
    },

    async reviewList() {
      const asking: ReviewSummary[] = [...forms.values()].map((form) => ({
        id: form.id, kind: form.kind, server: form.provenance.server, tool: form.provenance.call?.name ?? null, firstLine: form.message, phase: form.phase, receivedAt: form.receivedAt,
        findings: form.findings.length, worst: form.findings[0]?.severity ?? null, alike: 1, foldsInto: form.id,
      }))
      const listed = [...questions.values()]
        .sort((a, b) => a.item.receivedAt.localeCompare(b.item.receivedAt))
        .map(({ item, seed }) => {
          const findings = item.phase === 'answer' ? (item.answer?.findings ?? []) : item.findings
          const worst = findings.map((f) => severities.indexOf(f.severity)).reduce((a, b) => Math.max(a, b), -1)
          return {
            id: item.id,
            server: item.provenance.server,
            tool: item.provenance.call?.name ?? null,
            kind: item.kind,
            firstLine: (item.phase === 'answer' ? (item.answer?.partial ?? '') : firstText(item.request)).split('\n')[0]!.slice(0, 200),
            phase: item.phase,
            receivedAt: item.receivedAt,
            findings: findings.length,
            worst: severities[worst] ?? null,
            alike: 1,
            foldsInto: item.id,
          }
        })
        .map((s, _, all) => {
          const about = (o: typeof s) => `${o.server} ${o.phase} ${o.firstLine.replace(/[0-9]/g, '')}`
          const alike = all.filter((o) => s.phase === 'request' && about(o) === about(s))
          return alike.length > 3 ? { ...s, alike: alike.length, foldsInto: alike[0]!.id } : s
        })
      return [...listed, ...asking, ...calls.list()]
    },
    reviewGet: async (id) => (calls.has(id) ? clone(calls.get(id)) : clone(forms.get(id) ?? need(id).item)),
    async reviewShown(id, revision) {
      host.shown.push({ id, revision })
    },
    async reviewAct(id, revision, action) {
      host.acted.push({ id, revision, action: clone(action) })
      if (calls.has(id)) return clone(calls.act(id, revision, action))
      const form = forms.get(id)
      if (form) {
        if (form.phase === 'closed') throw wireError('notFound', 'This question is no longer there.')
        if (form.revision !== revision) throw wireError('stale', 'The question changed since you saw it.')
        const why = actOn(form, action)
        if (why !== null) throw wireError('invalid', why)
        if (action.type !== 'fill') tell('review', id)
        return clone(form)
      }
      if (action.type === 'deny') {
        const { server } = need(id).item.provenance
        denials.set(server, (denials.get(server) ?? 0) + 1)
        tell('status')
      }
      return act(id, revision, action)
    },
    reviewOutgoing: async (id) => body(need(id).item),
    async reviewOpinion(id, revision, confirmed) {
      const { item, seed } = need(id)
      if (item.revision !== revision) throw wireError('stale', 'The question changed since you saw it.')
      if (!item.opinion) throw wireError('invalid', 'no model is chosen for second opinions')
      if (!item.opinion.isLocal && !confirmed) throw wireError('invalid', 'confirm that first')
      item.opinion = { ...item.opinion, asking: true }
      tell('review', id)
      setTimeout(() => {
        item.opinion = { ...item.opinion!, asking: false, text: seed.opinionText ?? 'It wants a list.', by: 'SmolLM2', tokensIn: 320, tokensOut: 61 }
        tell('review', id)
      }, streamMs)
    },
    async reviewDenyAll(server) {
      let count = 0
      for (const { item, stop } of questions.values()) {
        if (item.provenance.server !== server || item.phase === 'closed') continue
        stop?.()
        close(item, 'denied', 'denied by you')
        touch(item)
        count += 1
      }
      return count
    },

    async reviewMute(server, on) {
      muted = muted.filter((m) => m.server !== server)
      if (on) muted = [...muted, { server, until: new Date(Date.now() + 600_000).toISOString() }]
      tell('status')
    },
    async reviewBlock(server) {
      host.blocked.push(server)
      denials.delete(server)
      tell('status')
      return host.reviewDenyAll(server, 'the server was blocked')
    },
    async reviewForgetDenials(server) {
      denials.delete(server)
      tell('status')
    },

    serversList: async () => clone(servers),
    async serverSave(original, input) {
      if (!/^[A-Za-z0-9._-]{1,64}$/.test(input.name)) {
        throw wireError('invalid', 'A server’s name has letters, digits, “-”, “_” and “.”, at most 64.')
      }
      if (input.name !== original && servers.some((s) => s.config.name === input.name)) {
        throw wireError('invalid', `There is already a server named “${input.name}”.`)
      }
      const view: ServerView = { config: clone(input), state: input.enabled ? { state: 'starting' } : { state: 'disabled' }, pin: servers.find((s) => s.config.name === original)?.pin ?? null, log: [] }
      const at = servers.findIndex((s) => s.config.name === original)
      if (at < 0) servers.push(view)
      else servers[at] = view
      tell('servers')
      if (input.enabled) {
        setTimeout(() => {
          view.state = { state: 'ready', reportedName: input.name, version: '1.0.0', protocol: '2025-11-25', tools: ['confirm_payment'] }
          tell('servers', input.name)
        }, streamMs * 10)
      }
    },
    async serverRemove(name) {
      servers.splice(0, servers.length, ...servers.filter((s) => s.config.name !== name))
      tell('servers')
    },
    ...fakeRecords(servers, tell),
    ...fakeHosts(tell),
    async serverRestart(name) {
      const view = servers.find((s) => s.config.name === name)
      if (view) view.state = { state: 'starting' }
      tell('servers', name)
    },
    async serverSetEnabled(name, enabled) {
      const view = servers.find((s) => s.config.name === name)
      if (view) {
        view.config.enabled = enabled
        view.state = enabled ? { state: 'starting' } : { state: 'disabled' }
      }
      tell('servers', name)
    },
    heldChange: async () => clone(held),
    async heldAccept() {
      held = null
    },
    async heldRefuse(_id, restore) {
      held = restore || held === null ? null : { ...held, refused: true }
      return restore ? 'config.refused.toml' : null
    },
    confinementTest: async () => options.confinement ?? { ok: true, message: 'bubblewrap works' },
    async serverTest(input) {
      return input.transport.type === 'http' && !input.transport.url
        ? { ok: false, message: 'There is no URL.' }
        : { ok: true, message: `${input.name} 1.0.0 speaks 2025-11-25 and has 1 tool.` }
    },
    ...fakeLogins(servers, tell),
    async serverPin(name) {
      const view = servers.find((s) => s.config.name === name)
      return view ? data.pins(clone(view)) : null
    },
    async serverApprove(name, sha256) {
      const view = servers.find((s) => s.config.name === name)
      const shown = view && data.pins(view)?.drift?.sha256
      if (!view?.pin || shown !== sha256) throw wireError('stale', `${name} is not what was shown: look at it again.`)
      view.pin = { ...view.pin, at: new Date().toISOString(), sha256, changed: null }
      tell('servers', name)
    },
    serverOffers: async () => clone(data.offers),

    async callStart(input) {
      const id = `run-${serial++}`
      const run: RunView = {
        call: { callId: id, host: 'Tool runner', kind: input.kind, name: input.name, arguments: input.arguments },
        server: input.server,
        startedAt: new Date().toISOString(),
        state: { state: 'running', fraction: null, message: null },
        log: [],
        questions: [],
      }
      runs.unshift(run)
      tell('calls', id)
      if (input.name === 'confirm_payment') {
        const question = { ...data.payment, id: `0197a002-0000-7000-8000-${String(serial).padStart(12, '0')}`, server: input.server, secondsAgo: 0 }
        put(question)
        run.questions = [question.id]
        tell('calls', id)
        return id
      }
      setTimeout(() => {
        run.state = { state: 'running', fraction: 0.5, message: 'half way' }
        run.log.push({ at: new Date().toISOString(), level: 'info', text: 'half way' })
        tell('calls', id)
      }, streamMs)
      setTimeout(() => {
        run.state = { state: 'done', result: clone(data.callResult), isError: false }
        tell('calls', id)
      }, streamMs * 3)
      return id
    },
    callsList: async () => clone(runs),
    async callCancel(id) {
      const run = runs.find((r) => r.call.callId === id)
      if (run) run.state = { state: 'failed', why: 'You cancelled the call.' }
      tell('calls', id)
    },

    modelsList: async () => clone(models.map((m) => ({ ...m, isDefault: m.name === defaultModel }))),
    providersList: async () => clone(data.providers),
    async modelSave(original, input) {
      if (!input.model) throw wireError('invalid', 'Which model? Give the provider’s model id.')
      const before = models.find((m) => m.name === original)
      const view: ModelView = {
        name: input.name,
        provider: input.provider,
        baseUrl: input.baseUrl ?? data.providers.find((p) => p.name === input.provider)?.baseUrl ?? '',
        model: input.model,
        key: input.key.type === 'keep' ? (before?.key ?? 'missing') : input.key.type,
        isDefault: false,
      }
      models = before ? models.map((m) => (m === before ? view : m)) : [...models, view]
      tell('models')
    },
    async modelRemove(name) {
      models = models.filter((m) => m.name !== name)
      tell('models')
    },
    async modelSetDefault(name) {
      defaultModel = name
      tell('models')
      tell('status')
    },
    async modelTest(name) {
      const missing = models.find((m) => m.name === name)?.key === 'missing'
      return missing
        ? { ok: false, message: 'The model has no key. Edit it and give one.' }
        : { ok: true, message: 'It answered “ok” in 0.4 s.' }
    },
    findLocalModels: async () => [
      { title: 'Ollama', provider: 'ollama', baseUrl: 'http://127.0.0.1:11434', models: ['smollm2:1.7b', 'llama3.2:3b'] },
    ],

    rulesList: async () => clone(rules),
    async ruleRead(rule) {
      const problems = data.ruleProblems(rule)
      return { sentence: problems.length === 0 ? data.ruleSentence(rule) : null, problems }
    },
    async ruleTry(rule, last) {
      const page = await this.auditList({ ...data.noFilter, limit: Math.min(last, 8) })
      const of = page.rows.map((row) => {
        const alone = rule.server === null || rule.server === row.server ? rule.action.type : null
        const said = alone === 'answer' ? 'allow' : alone
        return { ...row, alone: said, together: said ?? ('ask' as const), why: said === null ? 'No rule matches, so you decide.' : 'A rule says so.' }
      })
      const hit = of.filter((row) => row.alone !== null).length
      const word = { allow: 'allowed', ask: 'asked about', deny: 'denied', answer: 'allowed' }[rule.action.type]
      return { sentence: `Would have ${word} ${hit} of your last ${of.length}.`, rows: of }
    },
    async rulePropose(question) {
      const entry = await this.auditShow(question)
      const denied = entry['outcome'] === 'denied'
      const rule: RuleInput = {
        ...data.anyRule, gate: 'request', kind: 'sampling', action: { type: denied ? 'deny' : 'allow' },
        server: String(entry['server']), tool: typeof entry['tool'] === 'string' ? entry['tool'] : null,
        prompt: { form: 'template', text: 'Rewrite {p1:line 1..60}' }, systemPrompt: { form: 'exact', text: '' },
        findings: denied ? null : 'none', tools: { type: 'none' }, includeContext: false,
      }
      return { rule, why: denied ? 'You denied it.' : 'You approved it.', alike: 3 }
    },
    async ruleSave(rule) {
      if (data.ruleProblems(rule).length > 0) throw { code: 'invalid', message: 'This rule cannot be saved.' }
      const id = rule.id || `r${serial++ + 10}`
      const view: RuleView = { rule: { ...rule, id }, sentence: data.ruleSentence(rule), state: rule.disabled ? 'disabled' : 'active', usesLeft: rule.uses }
      rules = rule.id ? rules.map((r) => (r.rule.id === id ? view : r)) : [...rules, view]
      tell('rules')
      return id
    },
    async ruleSetEnabled(id, enabled) {
      rules = rules.map((r) => (r.rule.id === id ? { ...r, rule: { ...r.rule, disabled: !enabled }, state: enabled ? 'active' : 'disabled' } : r))
      tell('rules')
    },
    async ruleRemove(id) {
      rules = rules.filter((r) => r.rule.id !== id)
      tell('rules')
    },

    grantsList: async () => clone(grants),
    async grantRevoke(id) {
      if (!grants.some((g) => g.id === id)) throw wireError('notFound', `there is no grant ${id}: it was revoked, or is over`)
      grants = grants.filter((g) => g.id !== id)
      tell('grants')
    },
    async grantsRevokeAll() {
      grants = []
      tell('grants')
    },

    async auditList(query: AuditQuery) {
      const rows = []
      const from = query.before ? auditTotal - parseInt(query.before.slice(-12), 16) + 1 : 0
      const limit = query.limit || 100
      let n = from
      for (; n < auditTotal && rows.length < limit; n += 1) {
        const row = data.auditRow(n, auditTotal)
        if (query.server && row.server !== query.server) continue
        if (query.outcome && row.outcome !== query.outcome) continue
        if (query.decidedBy && row.decidedBy !== query.decidedBy) continue
        if (query.model && row.model !== query.model) continue
        if (query.from && row.at < query.from) continue
        if (query.to && row.at >= query.to) continue
        if (query.text && !`${row.server} ${row.firstLine}`.toLowerCase().includes(query.text.toLowerCase())) continue
        rows.push(row)
      }
      return { rows, next: n < auditTotal ? (rows.at(-1)?.id ?? null) : null }
    },
    auditFacets: async () => ({
      servers: ['crawler', 'keywords', 'notes', 'payments', 'weather'],
      models: ['claude-sonnet-5-5', 'gpt-6-sol', 'human', 'smollm2:1.7b'],
      total: auditTotal,
    }),
    auditShow: async (id) => entry(id),
    auditChanges: async (before) => (before === null ? data.changes : []),
    auditVerify: async (known) => {
      const events = auditTotal * 8
      const head = `${events}:${data.fakeHash('head')}`
      if (known !== null && !/^\d+:[0-9a-f]{64}$/.test(known)) throw wireError('invalid', `"${known}" is no head: it looks like 42:9f86d081…`)
      if (known !== null && known !== head) {
        return { ok: false, events: 0, lastAt: null, message: `the log: event ${known.split(':')[0]} is not the one that was noted down`, head: null }
      }
      return {
        ok: true,
        events,
        lastAt: new Date(Date.now() - 300_000).toISOString(),
        message: `${events} events of ${auditTotal} questions, none changed.${known === null ? '' : ` The head that was noted down, ${events}, is in it.`}`,
        head,
      }
    },

    status: async () => ({
      pending: [...questions.values()].filter(({ item }) => item.phase === 'request' || item.phase === 'answer').length,
      grants: grants.length,
      paused,
      trouble: options.trouble ?? [],
      firstRun: options.firstRun ?? false,
      defaultModel,
      keychain: { ok: true, message: 'The keychain can be used.' },
      reviewer: 'ada',
      muted,
      oftenDenied: [...denials].filter(([, count]) => count >= 3).map(([server]) => server),
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

/** The fake with what `?scene=` in the address asks for. */
export function fakeHostFromAddress(address: Location): Host {
  const scene = new URLSearchParams(address.search).get('scene') ?? ''
  const big = 'The quick brown fox jumps over the lazy dog, and the log goes on.\n'
  const scenes: { [name: string]: FakeOptions } = {
    one: { seeds: [data.payment] },
    flagged: { seeds: [data.keywords] },
    everything: { seeds: [data.everything, data.payment] },
    answer: { seeds: [data.crawler], streamMs: 5 },
    cannot: {
      seeds: [{ ...data.weather, cannotReturn: 'this answer cannot be returned: the server speaks a protocol before 2025-11-25, whose answers cannot hold tool calls; edit it, ask again, or deny' }],
      streamMs: 5,
    },
    tools: { seeds: [data.assistant], streamMs: 5 },
    letter: { seeds: [{ ...data.letter, opinion: data.offered }], streamMs: 5 },
    failed: { seeds: [{ ...data.payment, fails: 'The model answered 401: the key is not accepted. Edit the model’s key in Settings, then ask again.' }], streamMs: 2 },
    waiting: { seeds: [{ ...data.payment, waits: '429 from the model; trying again at 12:00:05 (try 2 of 3)' }] },
    human: { seeds: [{ ...data.payment, noModel: true }] },
    empty: { seeds: [] },
    grants: { seeds: [], grants: data.grants },
    welcome: { seeds: [], firstRun: true },
    trouble: { trouble: [{ text: 'weather does not start: its program ended with status 1.', section: 'servers' }] },
    huge: { seeds: [{ ...data.payment, request: { messages: [{ role: 'user', content: { type: 'text', text: big.repeat(80_000) } }], maxTokens: 10 } }] },
    thousand: {
      seeds: Array.from({ length: 1000 }, (_, i) => ({ ...data.payment, id: `0197a003-0000-7000-8000-${String(i).padStart(12, '0')}`, secondsAgo: 1000 - i })),
    },
  }
  return createFakeHost(scenes[scene] ?? {})
}
