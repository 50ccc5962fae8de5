//! Rules in the fake.

import type { RuleInput } from '../../bindings/RuleInput'
import type { RuleProblem } from '../../bindings/RuleProblem'
import type { RuleView } from '../../bindings/RuleView'
import type { Host } from '../host'
import { noFilter } from './audit'
import { clone, type Tell, wireError } from './base'

/** A rule without any condition. */
const anyRule: RuleInput = {
  id: '', action: { type: 'ask' }, disabled: false, gate: 'both', server: null, tool: null, arguments: [], kind: null, host: null,
  prompt: null, systemPrompt: null, answer: null, maxBytes: null, overBytes: null, maxTokens: null, overTokens: null, model: null,
  findings: null, risk: null, readOnly: null, destructive: null, tools: null, includeContext: null, hours: null, expires: null, uses: null, note: null,
}

/** As the core says it, for the few parts that stories need. */
function ruleSentence(rule: RuleInput): string {
  const who = rule.tool ? `${rule.tool} of ${rule.server ?? 'any server'}` : rule.server ?? 'any server'
  const what = { both: 'requests and answers', request: 'requests', answer: 'answers' }[rule.gate]
  const said = rule.action.type === 'answer' ? `Answer requests of ${who} with “${rule.action.text}”`
    : { allow: `Allow ${what} of ${who} without a look`, ask: `Ask about ${what} of ${who}`, deny: `Deny ${what} of ${who}` }[rule.action.type]
  const words = { exact: 'is exactly', glob: 'looks like', regex: 'matches', template: 'fits the template', sha256: 'has the SHA-256' }
  return said + (rule.prompt ? ` when its prompt ${words[rule.prompt.form]} “${rule.prompt.text}”` : '') + (rule.uses ? `, at most ${rule.uses} times` : '')
}

function ruleProblems(rule: RuleInput): RuleProblem[] {
  const problems: RuleProblem[] = []
  if (rule.prompt?.form === 'regex' && rule.prompt.text.includes('(')) problems.push({ field: 'prompt', message: 'not a regular expression: unclosed group' })
  if (rule.hours && !/^\d\d:\d\d-\d\d:\d\d$/.test(rule.hours)) problems.push({ field: 'hours', message: 'hours are like "08:00-18:00"' })
  return problems
}

const rule = (id: string, given: Partial<RuleInput>, more: Partial<RuleView> = {}): RuleView => {
  const whole = { ...anyRule, id, ...given }
  return { rule: whole, sentence: ruleSentence(whole), state: 'active', usesLeft: null, suspended: null, ...more }
}
const made: RuleView[] = [
  rule('r1', { server: 'crawler', gate: 'request', action: { type: 'allow' }, prompt: { form: 'template', text: 'Summarise {page:line 1..80}' }, uses: 20 }, { usesLeft: 12 }),
  rule('r2', { server: 'payments', tool: 'confirm_payment' }),
  rule('r3', { server: 'notes', tool: 'draft', gate: 'request', action: { type: 'answer', text: 'no' }, disabled: true, note: 'Until the drafts are sorted out.' }, { state: 'disabled' }),
]

/** Rules, tried with the questions of the `log` and proposed from them. */
export function fakeRules(log: Pick<Host, 'auditList' | 'auditShow'>, tell: Tell) {
  let rules = clone(made)
  let serial = 10
  return {
    rulesList: async () => clone(rules),
    async ruleRead(rule) {
      const problems = ruleProblems(rule)
      return { sentence: problems.length === 0 ? ruleSentence(rule) : null, problems }
    },
    async ruleTry(rule, last) {
      const page = await log.auditList({ ...noFilter, limit: Math.min(last, 8) })
      const of = page.rows.map((row) => {
        const alone = rule.server === null || rule.server === row.server ? rule.action.type : null
        const said = alone === 'answer' ? 'allow' : alone
        return { ...row, kind: 'sampling', host: null, alone: said, together: said ?? ('ask' as const), why: said === null ? 'No rule matches, so you decide.' : 'A rule says so.' }
      })
      const hit = of.filter((row) => row.alone !== null).length
      const word = { allow: 'allowed', ask: 'asked about', deny: 'denied', answer: 'allowed' }[rule.action.type]
      return { sentence: `Would have ${word} ${hit} of your last ${of.length}.`, rows: of }
    },
    async rulePropose(question) {
      const entry = await log.auditShow(question)
      const denied = entry['outcome'] === 'denied'
      const rule: RuleInput = {
        ...anyRule, gate: 'request', kind: 'sampling', action: { type: denied ? 'deny' : 'allow' },
        server: String(entry['server']), tool: typeof entry['tool'] === 'string' ? entry['tool'] : null,
        prompt: { form: 'template', text: 'Rewrite {p1:line 1..60}' }, systemPrompt: { form: 'exact', text: '' },
        findings: denied ? null : 'none', tools: { type: 'none' }, includeContext: false,
      }
      return { rule, why: denied ? 'You denied it.' : 'You approved it.', alike: 3 }
    },
    async ruleSave(rule) {
      if (ruleProblems(rule).length > 0) throw wireError('invalid', 'This rule cannot be saved.')
      const id = rule.id || `r${(serial += 1)}`
      const view: RuleView = { rule: { ...rule, id }, sentence: ruleSentence(rule), state: rule.disabled ? 'disabled' : 'active', usesLeft: rule.uses, suspended: null }
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
  } satisfies Partial<Host>
}
