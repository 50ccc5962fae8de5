//! A rule on its way through the form.

import type { RuleInput } from '../bindings/RuleInput'

/** A rule without any condition: it asks. */
export const anyRule = (): RuleInput => ({
  id: '', action: { type: 'ask' }, disabled: false, gate: 'both', server: null, tool: null, arguments: [], kind: null, host: null,
  prompt: null, systemPrompt: null, answer: null, maxBytes: null, overBytes: null, maxTokens: null, overTokens: null, model: null,
  findings: null, risk: null, readOnly: null, destructive: null, tools: null, includeContext: null, hours: null, expires: null, uses: null, note: null,
})

const text = (value: string | null | undefined) => (value?.trim() ? value.trim() : null)
const count = (value: number | null | undefined) => (typeof value === 'number' && Number.isFinite(value) ? Math.max(0, Math.round(value)) : null)

/** What the form holds, as it is saved: what is empty is no condition, and what belongs to another action is left out. */
export function asSaved(rule: RuleInput): RuleInput {
  const { type } = rule.action
  const lets = type === 'allow' || type === 'answer'
  const gate = type === 'answer' ? 'request' : rule.gate
  const kind = text(rule.kind)
  // What the form does not show for this kind is no condition of it.
  const ofKind = kind === 'tool_call'
    ? { prompt: null, systemPrompt: null, maxTokens: null, overTokens: null, model: null, tools: null, includeContext: null }
    : { readOnly: null, destructive: null, maxTokens: count(rule.maxTokens), overTokens: count(rule.overTokens), model: text(rule.model) }
  return {
    ...rule,
    gate,
    server: rule.server || null,
    tool: text(rule.tool),
    kind,
    host: text(rule.host),
    answer: gate === 'answer' ? rule.answer : null,
    maxBytes: count(rule.maxBytes), overBytes: count(rule.overBytes),
    findings: text(rule.findings),
    hours: text(rule.hours),
    expires: text(rule.expires),
    uses: lets && gate !== 'answer' ? count(rule.uses) : null,
    note: text(rule.note),
    ...ofKind,
  }
}

/** Whether it has a condition that the short form does not show. */
export function hasMore(rule: RuleInput): boolean {
  const { id: _i, action: _a, disabled: _d, gate: _g, server: _s, tool: _t, kind: _k, arguments: given, note: _n, ...more } = asSaved(rule)
  return given.length > 0 || Object.values(more).some((value) => value !== null)
}

/** A moment as a date-and-time field shows it, on the person's clock; and back. */
export function toLocal(at: string | null): string {
  if (at === null) return ''
  const time = new Date(at)
  if (Number.isNaN(time.getTime())) return ''
  return new Date(time.getTime() - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
export function fromLocal(local: string): string | null {
  const time = new Date(local)
  return local === '' || Number.isNaN(time.getTime()) ? null : time.toISOString()
}
