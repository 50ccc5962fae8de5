//! The log's words as a person says them.

import type { AuditRow } from '../bindings/AuditRow'
import type { JsonValue } from '../bindings/serde_json/JsonValue'
import { money, number } from '../text/measure'
import type { JsonObject } from '../text/json'

const text = (value: JsonValue | undefined) => (typeof value === 'string' && value !== '' ? value : null)
const list = (value: JsonValue | undefined) => (Array.isArray(value) ? value.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))) : [])

export const outcomes: { [outcome: string]: string } = {
  open: 'open', released: 'released', denied: 'denied', timed_out: 'timed out', withdrawn: 'withdrawn', failed: 'failed', interrupted: 'interrupted',
}
export const deciders: { [by: string]: string } = {
  person: 'a person', rule: 'a rule', limit: 'a limit', drift: 'a change in the server', timeout: 'the deadline', nobody: 'nobody was there',
}

/** “denied by ada”, “released by a rule”. */
export function decision(row: Pick<AuditRow, 'outcome' | 'decidedBy' | 'reviewer'>): string {
  const what = outcomes[row.outcome] ?? row.outcome
  if (row.outcome !== 'released' && row.outcome !== 'denied') return what
  const who = row.decidedBy === 'person' ? (row.reviewer ?? 'a person') : row.decidedBy ? (deciders[row.decidedBy] ?? row.decidedBy) : ''
  if (row.decidedBy === 'nobody') return `${what}: ${who}`
  return who ? `${what} by ${who}` : what
}

export interface Line {
  what: string
  rest: string
  tone: '' | 'stop' | 'look' | 'go'
}

const decisions: { [decision: string]: string } = {
  approved: 'Approved', edited: 'Approved with edits', denied: 'Denied', answered_by_hand: 'Answered by hand', asked_again: 'Asked again', stopped: 'Stopped the model',
}

/** One event as a sentence: the word to stress, and the rest. */
export function sentence(event: JsonObject): Line {
  const gate = text(event['gate'])
  switch (event['event']) {
    case 'received': {
      const where = text(event['tool']) ? `in ${text(event['tool'])}` : ''
      const from = text(event['host']) ? `for ${text(event['host'])}` : ''
      const doubt = typeof event['one_of'] === 'number' ? `one of ${event['one_of']} calls` : ''
      const round = typeof event['round'] === 'number' && event['round'] > 1 ? `request ${event['round']} of the call` : ''
      return { what: 'Received', rest: [[`from ${text(event['server']) ?? 'the server'}`, where, from].filter(Boolean).join(' '), doubt, round].filter(Boolean).join(', '), tone: '' }
    }
    case 'evaluated': {
      const findings = Array.isArray(event['findings']) ? event['findings'].length : 0
      const rules = list(event['rules'])
      const verdicts: { [v: string]: string } = { allow: 'may go on', ask: 'a person is asked', deny: 'is refused' }
      const parts = [verdicts[text(event['verdict']) ?? ''] ?? '', rules.length ? `by rule ${rules.join(', ')}` : '', text(event['reason']) ?? '']
      return {
        what: findings ? `Flagged ${findings === 1 ? 'one thing' : `${findings} things`}` : gate === 'answer' ? 'Answer checked' : 'Checked',
        rest: parts.filter(Boolean).join(', '),
        tone: findings ? 'look' : '',
      }
    }
    case 'shown': {
      const places: { [p: string]: string } = { window: 'in the window', terminal: 'in the terminal', notification: 'in a notification' }
      return { what: gate === 'answer' ? 'Answer shown' : 'Shown', rest: places[text(event['where']) ?? ''] ?? '', tone: '' }
    }
    case 'decided': {
      const key = text(event['decision']) ?? ''
      const what = gate === 'answer' && key === 'approved' ? 'Answer approved' : gate === 'answer' && key === 'edited' ? 'Answer edited and approved' : (decisions[key] ?? key)
      const by = text(event['by'])
      const who = by === 'person' ? (text(event['reviewer']) ?? 'a person') : by ? (deciders[by] ?? by) : ''
      const reason = text(event['reason'])
      const rules = list(event['rules'])
      return {
        what,
        rest: [who ? `by ${who}` : '', rules.length ? ` (${rules.join(', ')})` : '', reason ? `: “${reason}”` : ''].join(''),
        tone: key === 'denied' ? 'stop' : key === 'approved' || key === 'edited' || key === 'answered_by_hand' ? 'go' : '',
      }
    }
    case 'sent':
      return {
        what: 'Sent',
        rest: [`to ${text(event['model']) ?? 'the model'}`, text(event['provider']) ? `provider ${text(event['provider'])}` : '', Number(event['attempt']) > 1 ? `attempt ${event['attempt']}` : ''].filter(Boolean).join(', '),
        tone: '',
      }
    case 'answered': {
      const error = text(event['error'])
      if (error) return { what: 'The model failed', rest: error, tone: 'stop' }
      const tokens = typeof event['tokens_in'] === 'number' || typeof event['tokens_out'] === 'number'
        ? `${typeof event['tokens_in'] === 'number' ? number(event['tokens_in']) : '?'} tokens in, ${typeof event['tokens_out'] === 'number' ? number(event['tokens_out']) : '?'} out`
        : ''
      const cost = typeof event['cost_microusd'] === 'number' ? money(event['cost_microusd']) : ''
      return { what: 'Answered', rest: [text(event['model']) ? `by ${text(event['model'])}` : '', tokens, cost].filter(Boolean).join(', '), tone: '' }
    }
    case 'released':
      return { what: 'Released', rest: event['edited'] === true ? 'as edited' : '', tone: 'go' }
    case 'replied':
      return { what: 'Replied', rest: 'to the server', tone: '' }
    case 'reply_failed':
      return { what: 'The reply could not be delivered', rest: text(event['why']) ?? '', tone: 'stop' }
    case 'closed': {
      const outcome = text(event['outcome']) ?? ''
      const bad = outcome !== 'released'
      return { what: 'Closed', rest: [outcomes[outcome] ?? outcome, text(event['reason']) ?? ''].filter(Boolean).join(': '), tone: bad ? 'stop' : '' }
    }
    default:
      return { what: String(event['event'] ?? 'event').replaceAll('_', ' '), rest: '', tone: '' }
  }
}
