//! A question to a model, as the window gets it: what of it is shown, offered and sealed.

import type { ActionKind } from '../../bindings/ActionKind'
import type { AnswerView } from '../../bindings/AnswerView'
import type { ReviewSummary } from '../../bindings/ReviewSummary'
import type { Severity } from '../../bindings/Severity'
import type { ToolUseView } from '../../bindings/ToolUseView'
import type { JsonValue } from '../../bindings/serde_json/JsonValue'
import type { SamplingItem } from '../../review/kinds'
import { isObject } from '../../text/json'
import { ago, clone, fakeHash } from './base'
import { noOffer, offerOf, options } from './offer'
import type { Seed } from './questions'

export interface Question {
  seed: Seed
  item: SamplingItem
  stop?: (() => void) | undefined
  typedAt?: number
  /** What the placeholders stand for. */
  originals?: { [placeholder: string]: string }
}

/** The tool calls in a result, undecided. */
export function toolUses(seed: Seed, result: JsonValue): ToolUseView[] {
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
export function putBack(question: Question, result: JsonValue): JsonValue {
  let text = JSON.stringify(result)
  for (const [placeholder, value] of Object.entries(question.originals ?? {})) text = text.replaceAll(placeholder, value)
  return JSON.parse(text) as JsonValue
}

export function requestActions(proposed: boolean, edited: boolean, findings: number, canChoose = proposed): ActionKind[] {
  const actions: ActionKind[] = ['edit', 'deny', 'answerByHand']
  if (proposed) actions.push('approve')
  if (canChoose) actions.push('chooseModel')
  if (edited) actions.push('revert')
  if (findings > 0) actions.push('redact')
  return actions
}

export function answerActions(answer: AnswerView): ActionKind[] {
  const actions: ActionKind[] = ['deny', 'answerByHand', 'askAgain', 'chooseModel', 'edit']
  if (answer.edited) actions.push('revert')
  if (answer.restores !== null && !answer.edited) actions.push('restore')
  if (answer.toolUses.length > 0) actions.push('decideToolUse')
  if (answer.toolUses.some((use) => use.decision === 'refused')) actions.push('removeRefused')
  if (answer.cannotReturn === null && answer.toolUses.every((use) => use.decision === 'approved')) actions.push('return')
  return actions
}

/** A question as it arrives. */
export function itemOf(seed: Seed, quickReplies: string[]): SamplingItem {
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
    receivedAt: ago(seed.secondsAgo),
    received: clone(request),
    request,
    requestEdited: false,
    placeholders: [],
    notes: seed.notes ?? [],
    unknownFields: seed.unknownFields ?? [],
    requestSha256: fakeHash(JSON.stringify(request)),
    approvedSha256: null,
    findings: seed.findings ?? [],
    evaluation: { verdict: 'ask', matched: [], reason: 'No rule matches; a person is asked.' },
    offer: noOffer,
    models: hasModel ? options : [],
    model: hasModel && !seed.noneProposed ? 'claude' : null,
    outgoing: { state: 'cannot', why: '' },
    opinion: seed.opinion ? clone(seed.opinion) : null,
    answer: null,
    actions: seed.closed ? [] : requestActions(hasModel && !seed.noneProposed, false, seed.findings?.length ?? 0, hasModel),
    confirm: seed.confirm ?? null,
    quickReplies,
    ended: seed.closed ?? null,
  }
  offer(item)
  seal(item)
  return item
}

/** What can be decided for longer: nothing for longer where it was flagged, edited, or its call is not known. */
export function offer(item: SamplingItem) {
  const gate = item.phase === 'request' ? 'request' : 'answer'
  const flagged = (gate === 'request' ? item.findings : (item.answer?.findings ?? [])).some(({ severity }) => severity === 'high' || severity === 'critical')
  const call = item.provenance.call
  const why = item.requestEdited || item.answer?.edited ? 'You edited it.' : flagged ? 'What was flagged is decided each time.' : call === null ? 'It is not known for certain which tool call asks.' : null
  item.offer = why === null && (item.phase === 'request' || item.phase === 'answer') ? offerOf(item.provenance.server, call!.name, gate) : { scopes: [], onlyOnce: why, missed: null }
}

/** What would be sent. */
export function body(item: SamplingItem): string {
  const option = item.models.find((m) => m.name === item.model)
  return JSON.stringify({ model: option?.model, ...(item.request as object) })
}

/** Says which bytes an approval would send now. */
export function seal(item: SamplingItem) {
  if (item.model === null) {
    item.approvedSha256 = null
    item.outgoing = { state: 'cannot', why: 'No model is configured. Add one in Settings, or answer yourself.' }
    return
  }
  const text = body(item)
  const option = item.models.find((m) => m.name === item.model)!
  item.approvedSha256 = fakeHash(JSON.stringify(item.request) + item.model)
  item.outgoing = {
    state: 'ready',
    url: option.provider === 'anthropic' ? 'https://api.anthropic.com/v1/messages' : 'https://api.openai.com/v1/chat/completions',
    wireSha256: fakeHash(text),
    bytes: new TextEncoder().encode(text).length,
  }
}

export function close(item: SamplingItem, outcome: string, why: string) {
  item.phase = 'closed'
  item.actions = []
  item.ended = { outcome, why }
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

const severities: Severity[] = ['info', 'low', 'medium', 'high', 'critical']

/** Its line in the list of what waits. */
export function summaryOf(item: SamplingItem): ReviewSummary {
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
}
