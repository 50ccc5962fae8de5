//! The log of the fake.

import type { AuditQuery } from '../../bindings/AuditQuery'
import type { AuditRow } from '../../bindings/AuditRow'
import type { ChangeRow } from '../../bindings/ChangeRow'
import type { JsonValue } from '../../bindings/serde_json/JsonValue'
import type { AuditEntry, Host } from '../host'
import { ago, clone, fakeHash, wireError } from './base'
import { crawler, keywords } from './questions'

export const noFilter = { from: null, to: null, server: null, outcome: null, decidedBy: null, model: null, text: null, before: null, limit: 0 }

const changes: ChangeRow[] = [
  { id: 420, at: '2026-11-20T16:02:11.000Z', via: 'file', reviewer: null, text: 'The configuration file was edited since the last change that is logged.', changes: [] },
  {
    id: 318, at: '2026-11-20T09:41:00.000Z', via: 'window', reviewer: 'ada', text: 'Server crawler was changed: gates.\nRule r-7 was removed.',
    changes: [
      { key: 'servers.crawler.gates', before: 'both', after: 'request' },
      { key: 'rules.r-7', before: { id: 'r-7', server: 'crawler', action: 'deny' }, after: null },
    ],
  },
  { id: 12, at: '2026-11-18T08:00:00.000Z', via: 'command', reviewer: 'ada', text: 'General settings were changed: approve_from_notifications.', changes: [{ key: 'general.approve_from_notifications', before: false, after: true }] },
]

const asked = [
  ['keywords', 'generate_keywords', 'Rewrite ‘List words that represent names of elements’'],
  ['crawler', 'summarise', 'Summarise this page: “Configuring the proxy”'],
  ['payments', 'confirm_payment', 'Pay 1000.00 EUR to Acme GmbH (INV-2041)?'],
  ['notes', null, 'Draft an abstract for my talk'],
  ['weather', 'forecast', 'What will the weather be in Lisbon?'],
] as const

const ends: [string, string | null, string | null, number | null][] = [
  ['released', 'person', 'claude-sonnet-5-5', 1900],
  ['denied', 'person', null, null],
  ['released', 'person', 'human', null],
  ['denied', 'rule', null, null],
  ['timed_out', 'timeout', null, null],
  ['withdrawn', null, null, null],
  ['failed', null, 'gpt-6-sol', null],
  ['released', 'rule', 'smollm2:1.7b', 0],
  ['interrupted', 'nobody', null, null],
]

function auditRow(n: number, total: number): AuditRow {
  const [server, tool, firstLine] = asked[n % asked.length]!
  const [outcome, decidedBy, model, costMicrousd] = ends[(n * 7) % ends.length]!
  const serial = (total - n).toString(16).padStart(12, '0')
  return {
    id: `0197a000-0000-7000-8000-${serial}`,
    at: ago(300 + n * 1871),
    server,
    tool,
    firstLine,
    outcome,
    decidedBy,
    reviewer: decidedBy === 'person' ? 'ada' : null,
    model,
    costMicrousd,
  }
}

/** The question in full. */
function entryOf(id: string, total: number): AuditEntry {
  const n = total - parseInt(id.slice(-12), 16)
  const row = auditRow(n, total)
  const time = (ms: number) => new Date(Date.parse(row.at) + ms).toISOString()
  const params: JsonValue = clone(row.server === 'keywords' ? keywords.request : crawler.request)
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
    cost_microusd: row.costMicrousd, request_sha256: fakeHash(row.id), approved_sha256: asked ? fakeHash(row.id + 'a') : null,
    sent_sha256: asked ? fakeHash(row.id + 'a') : null, wire_sha256: asked ? fakeHash(row.id + 'w') : null,
    request: params, approved, answer, released: out, arguments: { topic: 'elements' },
    events: events.map((e, i) => ({ seq: 100 + i, ...e, hash: fakeHash(row.id + i) })),
  }
}

/** A log with so many questions. */
export function fakeAudit(total: number) {
  return {
    async auditList(query: AuditQuery) {
      const rows = []
      const from = query.before ? total - parseInt(query.before.slice(-12), 16) + 1 : 0
      const limit = query.limit || 100
      let n = from
      for (; n < total && rows.length < limit; n += 1) {
        const row = auditRow(n, total)
        if (query.server && row.server !== query.server) continue
        if (query.outcome && row.outcome !== query.outcome) continue
        if (query.decidedBy && row.decidedBy !== query.decidedBy) continue
        if (query.model && row.model !== query.model) continue
        if (query.from && row.at < query.from) continue
        if (query.to && row.at >= query.to) continue
        if (query.text && !`${row.server} ${row.firstLine}`.toLowerCase().includes(query.text.toLowerCase())) continue
        rows.push(row)
      }
      return { rows, next: n < total ? (rows.at(-1)?.id ?? null) : null }
    },
    auditFacets: async () => ({
      servers: ['crawler', 'keywords', 'notes', 'payments', 'weather'],
      models: ['claude-sonnet-5-5', 'gpt-6-sol', 'human', 'smollm2:1.7b'],
      total: total,
    }),
    auditShow: async (id) => entryOf(id, total),
    auditChanges: async (before) => (before === null ? changes : []),
    auditVerify: async (known) => {
      const events = total * 8
      const head = `${events}:${fakeHash('head')}`
      if (known !== null && !/^\d+:[0-9a-f]{64}$/.test(known)) throw wireError('invalid', `"${known}" is no head: it looks like 42:9f86d081…`)
      if (known !== null && known !== head) {
        return { ok: false, events: 0, lastAt: null, message: `the log: event ${known.split(':')[0]} is not the one that was noted down`, head: null }
      }
      return {
        ok: true,
        events,
        lastAt: new Date(Date.now() - 300_000).toISOString(),
        message: `${events} events of ${total} questions, none changed.${known === null ? '' : ` The head that was noted down, ${events}, is in it.`}`,
        head,
      }
    },
  } satisfies Partial<Host>
}
