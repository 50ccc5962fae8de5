//! The log's words as a person says them.

import type { AuditRow } from '../bindings/AuditRow'
import type { JsonValue } from '../bindings/serde_json/JsonValue'
import { money, number } from '../text/measure'
import { isObject, type JsonObject } from '../text/json'

const text = (value: JsonValue | undefined) => (typeof value === 'string' && value !== '' ? value : null)
const list = (value: JsonValue | undefined) => (Array.isArray(value) ? value.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))) : [])

export const outcomes: { [outcome: string]: string } = {
  open: 'open', released: 'released', denied: 'denied', timed_out: 'timed out', withdrawn: 'withdrawn', failed: 'failed', interrupted: 'interrupted',
}
export const deciders: { [by: string]: string } = {
  person: 'a person', rule: 'a rule', limit: 'a limit', drift: 'a change in the server', timeout: 'the deadline', nobody: 'nobody',
}

/** “denied by ada”, “released by a rule”. */
export function decision(row: Pick<AuditRow, 'outcome' | 'decidedBy' | 'reviewer'>): string {
  const what = outcomes[row.outcome] ?? row.outcome
  if (row.outcome !== 'released' && row.outcome !== 'denied') return what
  if (row.decidedBy === 'nobody') return `${what}: nobody was there`
  const who = row.decidedBy === 'person' ? (row.reviewer ?? 'a person') : row.decidedBy ? (deciders[row.decidedBy] ?? row.decidedBy) : ''
  return who ? `${what} by ${who}` : what
}

export interface Line {
  what: string
  rest: string
  tone: '' | 'stop' | 'look' | 'go'
}

const joined = (parts: (string | null | false)[], by: string) => parts.filter(Boolean).join(by)
const count = (findings: JsonValue | undefined) => (Array.isArray(findings) ? findings.length : 0)

/** What policy and inspection made of what stands at a gate: “and left to a person. One thing was flagged.” */
function checked(event: JsonObject): string {
  const verdicts: { [v: string]: string } = { allow: 'and let through.', ask: 'and left to a person.', deny: 'and refused.' }
  const findings = count(event['findings'])
  return joined([
    verdicts[text(event['verdict']) ?? ''] ?? '',
    findings === 1 ? 'One thing was flagged.' : findings > 1 && `${findings} things were flagged.`,
    text(event['reason']),
    matched(event, (rules) => `Matched: ${rules}.`),
  ], ' ')
}

function matched(event: JsonObject, said: (rules: string) => string): string {
  const named = list(event['rules'])
  const rules = named.filter((name) => !name.startsWith('grant:'))
  const grants = named.length - rules.length
  const parts = [
    rules.length > 0 && `${rules.length === 1 ? 'rule' : 'rules'} ${rules.join(', ')}`,
    grants > 0 && (grants === 1 ? 'a grant' : `${grants} grants`),
  ]
  return named.length === 0 ? '' : said(joined(parts, ' and '))
}

/** Who decided, and why. */
function decided(event: JsonObject): string {
  const reason = text(event['reason'])
  switch (event['by']) {
    case 'person': return joined([joined([`by ${text(event['reviewer']) ?? 'a person'}`, reason && `“${reason}”`], ': '), reach(event)], ', ')
    case 'rule': return joined([matched(event, (rules) => `by ${rules}`) || 'by the settings', reason], ': ')
    case 'nobody': return 'because nobody was there to decide'
    case 'timeout': return 'because nobody decided before the deadline'
    case 'drift': return joined(['because the server changed', reason], ': ')
    default: return joined([text(event['by']) && `by ${deciders[text(event['by']) ?? ''] ?? text(event['by'])}`, reason], ': ')
  }
}

/** What was decided about each tool call in an answer. */
function calls(event: JsonObject): string | null {
  const decided = event['tool_calls']
  if (!Array.isArray(decided)) return null
  const of = (decision: string) =>
    decided.flatMap((call) => (isObject(call) && call['decision'] === decision ? [text(call['name']) ?? 'a tool'] : [])).join(', ')
  return joined([of('approved') && `Tool calls approved: ${of('approved')}`, of('refused') && `refused: ${of('refused')}`], '; ') || null
}

const reaches: { [scope: string]: string } = {
  call: 'while the tool call runs', minutes: 'for 15 minutes', session: 'until the server is started anew', always: 'until revoked',
}

/** What was let through beyond the question. */
function reach(event: JsonObject): string {
  const until = reaches[text(event['scope']) ?? '']
  if (until === undefined || text(event['grant']) === null) return ''
  const granted = event['granted']
  const gates = typeof granted === 'object' && granted !== null && !Array.isArray(granted) ? granted['gates'] : null
  const what = gates === 'both' ? 'requests like it and their answers' : event['gate'] === 'answer' ? 'answers to requests like it' : 'requests like it'
  return `and let ${what} through ${until}`
}

function decidedWhat(event: JsonObject): string {
  const key = text(event['decision']) ?? ''
  const answer = event['gate'] === 'answer'
  const decisions: { [decision: string]: string } = {
    approved: answer ? 'Answer approved' : 'Approved',
    edited: answer ? 'Answer edited and approved' : 'Edited and approved',
    denied: answer ? 'Answer denied' : 'Denied',
    answered_by_hand: event['by'] === 'rule' ? 'Answered with a fixed text' : 'Answer written',
    asked_again: 'Model asked again',
    stopped: 'Model stopped',
  }
  return decisions[key] ?? key.replaceAll('_', ' ')
}

/** One event as a sentence: the words to stress, and the rest. `kind` is what the question asks for. */
export function sentence(event: JsonObject, kind: string | null = null): Line {
  const line = inGeneral(event, kind === 'tool_call')
  // What comes back from a tool is its result.
  return kind === 'tool_call' ? { ...line, what: line.what.replace(/^Answer (?=checked|shown|approved|edited|denied)/, 'Result ') } : line
}

function inGeneral(event: JsonObject, isCall: boolean): Line {
  const answer = event['gate'] === 'answer'
  switch (event['event']) {
    case 'received': {
      const tool = text(event['tool'])
      const host = text(event['host'])
      return {
        what: 'Received',
        rest: joined([
          event['kind'] === 'tool_call' ? joined([host ?? 'a host', `calls ${tool ?? 'a tool'} of ${text(event['server']) ?? 'the server'}`], ' ') : `from ${text(event['server']) ?? 'the server'}`,
          event['kind'] !== 'tool_call' && tool && joined([`during a call of ${tool}`, host && `by ${host}`], ' '),
          typeof event['one_of'] === 'number' && `during one of ${event['one_of']} calls`,
          typeof event['round'] === 'number' && event['round'] > 1 && `question ${event['round']} of that call`,
        ], ', '),
        tone: '',
      }
    }
    case 'evaluated':
      return { what: answer ? 'Answer checked' : 'Checked', rest: checked(event), tone: count(event['findings']) ? 'look' : '' }
    case 'shown': {
      const places: { [p: string]: string } = { window: 'in the window', terminal: 'in the terminal', notification: 'in a notification' }
      return { what: answer ? 'Answer shown' : 'Shown', rest: joined([places[text(event['where']) ?? ''] ?? '', text(event['text']) && `“${text(event['text'])}”`], ': '), tone: '' }
    }
    case 'decided': {
      const key = event['decision']
      return { what: decidedWhat(event), rest: joined([decided(event), calls(event)], '. '), tone: key === 'denied' ? 'stop' : key === 'approved' || key === 'edited' || key === 'answered_by_hand' ? 'go' : '' }
    }
    case 'sent':
      if (isCall) return { what: 'Called', rest: 'the server, with what was approved', tone: '' }
      return {
        what: 'Sent',
        rest: joined([joined([`to ${text(event['model']) ?? 'the model'}`, text(event['provider']) && `at ${text(event['provider'])}`], ' '), Number(event['attempt']) > 1 && `attempt ${event['attempt']}`], ', '),
        tone: '',
      }
    case 'answered': {
      const error = text(event['error'])
      if (error) return { what: isCall ? 'The call failed:' : 'The model failed:', rest: error, tone: 'stop' }
      const tokens = (value: JsonValue | undefined) => (typeof value === 'number' ? number(value) : 'an unknown number')
      const told = typeof event['tokens_in'] === 'number' || typeof event['tokens_out'] === 'number'
      const facts = joined([
        text(event['model']) && `by ${text(event['model'])}`,
        told && `${tokens(event['tokens_in'])} tokens in, ${tokens(event['tokens_out'])} out`,
        typeof event['cost_microusd'] === 'number' && money(event['cost_microusd']),
      ], ', ')
      return { what: isCall ? 'The tool answered' : 'Answered', rest: joined([facts, text(event['verdict']) && `Checked ${checked(event)}`], '. '), tone: count(event['findings']) ? 'look' : '' }
    }
    case 'released':
      return { what: 'Released', rest: event['edited'] === true ? 'as edited' : '', tone: 'go' }
    case 'opinion_asked':
      return { what: 'Second opinion asked', rest: joined([text(event['reviewer']) && `by ${text(event['reviewer'])}`, joined([`of ${text(event['model']) ?? 'a model'}`, text(event['host']) && `on ${text(event['host'])}`], ' ')], ' '), tone: '' }
    case 'opinion': {
      const error = text(event['error'])
      if (error) return { what: 'No second opinion:', rest: error, tone: '' }
      const cost = typeof event['cost_microusd'] === 'number' && money(event['cost_microusd'])
      return { what: 'Second opinion', rest: joined([joined([text(event['model']) && `by ${text(event['model'])}`, cost], ', '), text(event['text']) && `“${text(event['text'])}”`], ': '), tone: '' }
    }
    case 'replied':
      return { what: 'Replied', rest: isCall ? 'to the host' : 'to the server', tone: '' }
    case 'reply_failed':
      return { what: 'The reply could not be delivered:', rest: text(event['why']) ?? 'no reason is known', tone: 'stop' }
    case 'closed': {
      const outcome = text(event['outcome']) ?? ''
      return { what: 'Closed', rest: joined([`as ${outcomes[outcome] ?? outcome}`, text(event['reason'])], ': '), tone: outcome === 'released' ? '' : 'stop' }
    }
    default:
      return { what: String(event['event'] ?? 'event').replaceAll('_', ' '), rest: '', tone: '' }
  }
}
