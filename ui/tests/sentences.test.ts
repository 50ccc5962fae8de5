// Every sentence of the time line, word for word.

import { describe, expect, test } from 'vitest'

import { decision, sentence } from '../src/audit/sentences'
import type { JsonObject } from '../src/text/json'

const said = (event: JsonObject) => {
  const { what, rest } = sentence(event)
  return `${what} ${rest}`.trim()
}
const person = { by: 'person', reviewer: 'ada', rules: [], reason: null }

describe('the time line of a tool call', () => {
  test.each<[string, JsonObject]>([
    ['Received claude calls write of files', { event: 'received', kind: 'tool_call', server: 'files', tool: 'write', host: 'claude', round: 1, one_of: null }],
    ['Called the server, with what was approved', { event: 'sent', provider: null, model: null, attempt: 1 }],
    ['The tool answered Checked and let through. You do not look at the results of this host’s tool calls.', { event: 'answered', verdict: 'allow', rules: [], reason: 'You do not look at the results of this host’s tool calls.', findings: [] }],
    ['Result approved by ada', { event: 'decided', gate: 'answer', decision: 'approved', ...person }],
    ['Replied to the host', { event: 'replied' }],
  ])('%s', (expected, event) => {
    const { what, rest } = sentence(event, 'tool_call')
    expect(`${what} ${rest}`.trim()).toBe(expected)
  })
})

describe('the time line', () => {
  test.each<[string, JsonObject]>([
    ['Received from crawler', { event: 'received', server: 'crawler', tool: null, host: null, round: 1, one_of: null }],
    ['Received from crawler, during a call of summarise by terminal, question 2 of that call', { event: 'received', server: 'crawler', tool: 'summarise', host: 'terminal', round: 2, one_of: null }],
    ['Received from crawler, during one of 3 calls', { event: 'received', server: 'crawler', tool: null, host: null, round: 1, one_of: 3 }],
    ['Checked and left to a person. No rule matches, so you decide.', { event: 'evaluated', gate: 'request', verdict: 'ask', rules: [], reason: 'No rule matches, so you decide.', findings: [] }],
    ['Checked and left to a person. One thing was flagged. A rule allows it. But hidden text was found in it. Matched: rule r1.', { event: 'evaluated', gate: 'request', verdict: 'ask', rules: ['r1'], reason: 'A rule allows it. But hidden text was found in it.', findings: [{}] }],
    ['Checked and let through. 2 things were flagged. A rule allows it. Matched: rules r1, r2.', { event: 'evaluated', gate: 'request', verdict: 'allow', rules: ['r1', 'r2'], reason: 'A rule allows it.', findings: [{}, {}] }],
    ['Checked and refused. No rule allows it.', { event: 'evaluated', gate: 'request', verdict: 'deny', rules: [], reason: 'No rule allows it.', findings: null }],
    ['Shown in the window', { event: 'shown', gate: 'request', where: 'window' }],
    ['Answer shown in the terminal', { event: 'shown', gate: 'answer', where: 'terminal' }],
    ['Shown in a notification: “crawler asks\nSay hello.”', { event: 'shown', gate: 'request', where: 'notification', text: 'crawler asks\nSay hello.' }],
    ['Approved by ada', { event: 'decided', gate: 'request', decision: 'approved', ...person }],
    ['Edited and approved by ada', { event: 'decided', gate: 'request', decision: 'edited', ...person }],
    ['Answer approved by ada', { event: 'decided', gate: 'answer', decision: 'approved', ...person }],
    ['Answer edited and approved by ada', { event: 'decided', gate: 'answer', decision: 'edited', ...person }],
    ['Answer edited and approved by ada. Tool calls approved: look_up, find; refused: pay', { event: 'decided', gate: 'answer', decision: 'edited', ...person, tool_calls: [{ id: 'a', name: 'look_up', decision: 'approved' }, { id: 'b', name: 'pay', decision: 'refused' }, { id: 'c', name: 'find', decision: 'approved' }] }],
    ['Second opinion asked by ada of smol on 127.0.0.1:8080', { event: 'opinion_asked', reviewer: 'ada', provider: 'openai', model: 'smol', host: '127.0.0.1:8080', is_local: true }],
    ['Second opinion by smol: “It wants a list.”', { event: 'opinion', model: 'smol', tokens_in: 7, tokens_out: 9, cost_microusd: null, text: 'It wants a list.' }],
    ['No second opinion: the model answered 500', { event: 'opinion', model: null, error: 'the model answered 500' }],
    ['Denied by ada: “not today”', { event: 'decided', gate: 'request', decision: 'denied', ...person, reason: 'not today' }],
    ['Answer denied by ada', { event: 'decided', gate: 'answer', decision: 'denied', ...person }],
    ['Answer written by ada', { event: 'decided', gate: 'request', decision: 'answered_by_hand', ...person }],
    ['Model asked again by ada', { event: 'decided', gate: 'answer', decision: 'asked_again', ...person }],
    ['Model stopped by ada', { event: 'decided', gate: 'answer', decision: 'stopped', ...person }],
    ['Approved by rule r1: A rule allows it.', { event: 'decided', gate: 'request', decision: 'approved', by: 'rule', rules: ['r1'], reason: 'A rule allows it.' }],
    ['Approved by a grant: Allowed by the grant of 11:02.', { event: 'decided', gate: 'request', decision: 'approved', by: 'rule', rules: ['grant:1'], reason: 'Allowed by the grant of 11:02.' }],
    ['Checked and left to a person. Matched: rule r1 and 2 grants.', { event: 'evaluated', gate: 'request', verdict: 'ask', rules: ['r1', 'grant:1', 'grant:2'], reason: null, findings: [] }],
    ['Approved by ada, and let requests like it through for 15 minutes', { event: 'decided', gate: 'request', decision: 'approved', ...person, scope: 'minutes', grant: '1', granted: { gates: 'request' } }],
    ['Approved by ada, and let requests like it and their answers through until revoked', { event: 'decided', gate: 'request', decision: 'approved', ...person, scope: 'always', grant: '1', granted: { gates: 'both' } }],
    ['Answer approved by ada, and let answers to requests like it through until the server is started anew', { event: 'decided', gate: 'answer', decision: 'approved', ...person, scope: 'session', grant: '1', granted: null }],
    ['Denied by the settings: No rule allows it.', { event: 'decided', gate: 'request', decision: 'denied', by: 'rule', rules: [], reason: 'No rule allows it.' }],
    ['Answered with a fixed text by rules r1, r2: A rule answers it.', { event: 'decided', gate: 'request', decision: 'answered_by_hand', by: 'rule', rules: ['r1', 'r2'], reason: 'A rule answers it.' }],
    ['Denied because nobody was there to decide', { event: 'decided', gate: 'request', decision: 'denied', by: 'nobody', rules: [], reason: 'nobody was there to be asked' }],
    ['Answer denied because nobody decided before the deadline', { event: 'decided', gate: 'answer', decision: 'denied', by: 'timeout', rules: [], reason: 'nobody answered in time' }],
    ['Denied by a limit: 3 a minute', { event: 'decided', gate: 'request', decision: 'denied', by: 'limit', rules: [], reason: '3 a minute' }],
    ['Denied because the server changed: a new tool', { event: 'decided', gate: 'request', decision: 'denied', by: 'drift', rules: [], reason: 'a new tool' }],
    ['Sent to m-1 at openai', { event: 'sent', model: 'm-1', provider: 'openai', attempt: 1 }],
    ['Sent to m-1 at openai, attempt 2', { event: 'sent', model: 'm-1', provider: 'openai', attempt: 2 }],
    ['Answered by m-1, 7 tokens in, an unknown number out', { event: 'answered', model: 'm-1', tokens_in: 7, tokens_out: null, cost_microusd: null }],
    ['Answered by m-1. Checked and let through. You switched the answer gate off for this server.', { event: 'answered', model: 'm-1', verdict: 'allow', rules: [], reason: 'You switched the answer gate off for this server.', findings: [] }],
    ['The model failed: 401', { event: 'answered', model: 'm-1', error: '401' }],
    ['Released', { event: 'released', edited: false }],
    ['Released as edited', { event: 'released', edited: true }],
    ['Replied to the server', { event: 'replied' }],
    ['The reply could not be delivered: the server had given up', { event: 'reply_failed', why: 'the server had given up' }],
    ['Closed as released', { event: 'closed', outcome: 'released', reason: null }],
    ['Closed as timed out', { event: 'closed', outcome: 'timed_out', reason: null }],
    ['Closed as failed: the disk is full', { event: 'closed', outcome: 'failed', reason: 'the disk is full' }],
    ['something new', { event: 'something_new' }],
  ])('%s', (expected, event) => expect(said(event)).toBe(expected))

  test('what was flagged stands out at both gates', () => {
    expect(sentence({ event: 'evaluated', gate: 'request', verdict: 'ask', findings: [{}] }).tone).toBe('look')
    expect(sentence({ event: 'answered', model: 'm', verdict: 'ask', findings: [{}] }).tone).toBe('look')
  })
})

describe('the list', () => {
  test.each<[string, Parameters<typeof decision>[0]]>([
    ['released by ada', { outcome: 'released', decidedBy: 'person', reviewer: 'ada' }],
    ['released by a rule', { outcome: 'released', decidedBy: 'rule', reviewer: null }],
    ['denied: nobody was there', { outcome: 'denied', decidedBy: 'nobody', reviewer: null }],
    ['timed out', { outcome: 'timed_out', decidedBy: 'timeout', reviewer: null }],
  ])('%s', (expected, row) => expect(decision(row)).toBe(expected))
})
