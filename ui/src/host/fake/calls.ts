//! Tool calls of hosts for the fake: they are asked about, edited, made, and their results looked at.

import type { Action } from '../../bindings/Action'
import type { ActionKind } from '../../bindings/ActionKind'
import type { FindingView } from '../../bindings/FindingView'
import type { ReviewSummary } from '../../bindings/ReviewSummary'
import type { JsonValue } from '../../bindings/serde_json/JsonValue'
import type { CallItem } from '../../review/kinds'
import { isObject } from '../../text/json'
import { ago, fakeHash, type Tell, wireError } from './base'
import { noOffer, offerOf } from './offer'

const hidden: FindingView = {
  kind: 'bidi', severity: 'high', pointer: '/arguments/path', start: 10, end: 11, inName: false, isData: false, decoded: null,
  why: 'A character that turns the direction of text (U+202E).', label: 'U+202E', advice: 'Remove it, or deny.',
}
const address: FindingView = {
  kind: 'email', severity: 'low', pointer: '/arguments/note', start: 8, end: 19, inName: false, isData: true, decoded: null,
  why: 'An e-mail address.', label: 'e-mail address', advice: 'Redact it if it is not needed.',
}

/** A host's call, as it arrives. `looksAtResults`: what comes back is looked at too. */
export function fakeCall(more: Partial<CallItem> = {}): CallItem {
  const request = more.request ?? { name: 'write_file', arguments: { path: '/notes/list.txt', text: 'milk\nbread', mode: { append: true, at: 3 } } }
  const name = isObject(request) ? String(request['name']) : ''
  return {
    kind: 'tool_call', id: 'call-1', revision: 1, phase: 'request',
    provenance: {
      host: 'claude-code', call: { callId: 'h1', host: 'claude-code', kind: 'tool', name, arguments: (isObject(request) && request['arguments']) || null }, oneOf: [],
      server: 'files', serverSays: 'Files 2.1', protocol: '2025-11-25', transport: 'stdio', round: 1,
    },
    receivedAt: ago(4), received: structuredClone(request), request, requestEdited: false, notes: [], unknownFields: [],
    requestSha256: fakeHash(JSON.stringify(request)), approvedSha256: fakeHash(`files ${JSON.stringify(request)}`), findings: [],
    evaluation: { verdict: 'ask', matched: [], reason: 'No rule matches, so you decide.' }, offer: offerOf('files', name, 'request'),
    actions: ['deny', 'edit', 'approve'], confirm: null, ended: null, placeholders: [],
    tool: { name, title: 'Write a file', description: 'Writes text into a file, over what is there.', isListed: true, readOnly: false, destructive: true, openWorld: null },
    risk: 'medium', labels: ['private'], result: null,
    ...more,
  }
}

/** One in which something is hidden, and something that may be redacted. */
export const flaggedCall = () =>
  fakeCall({
    request: { name: 'send_note', arguments: { path: '/notes/the\u202etxt.exe', note: 'Ask for ann@corp.io' }, _meta: { 'example.com/trace': 'x1' } },
    findings: [hidden, address], risk: 'high', labels: null, offer: noOffer, actions: ['deny', 'edit', 'redact', 'approve'],
    tool: { name: 'send_note', title: null, description: null, isListed: false, readOnly: null, destructive: null, openWorld: null },
    notes: ['It is of high risk, so you decide, whatever rules say.'],
  })

/** The calls that wait, and what may be done about them. */
export function fakeCalls(items: CallItem[], looksAtResults: boolean, tell: Tell) {
  const calls = new Map(items.map((item) => [item.id, item]))
  const end = (item: CallItem, outcome: string, why: string) => {
    Object.assign(item, { phase: 'closed', actions: [], ended: { outcome, why } })
  }
  function made(item: CallItem) {
    const result: JsonValue = { content: [{ type: 'text', text: 'Written: /notes/list.txt' }], structuredContent: { bytes: 11 } }
    if (!looksAtResults) return end(item, 'released', 'returned to the host')
    Object.assign(item, { phase: 'answer', revision: item.revision + 1, actions: ['deny', 'edit', 'return'] satisfies ActionKind[], offer: noOffer })
    item.result = { result, original: structuredClone(result), edited: false, isError: false, isProtocolError: false, findings: [] }
  }
  function act(id: string, revision: number, action: Action): CallItem {
    const item = calls.get(id)!
    if (item.revision !== revision) throw wireError('stale', 'The question changed since you saw it.')
    item.revision += 1
    const edited: ActionKind[] = ['revert']
    switch (action.type) {
      case 'approve':
      case 'grant':
        Object.assign(item, { phase: 'answering', actions: ['deny'] })
        setTimeout(() => {
          made(item)
          tell('review', id)
        }, 20)
        break
      case 'deny':
        end(item, 'denied', 'denied by you')
        break
      case 'return':
        end(item, 'released', 'returned to the host')
        break
      case 'editRequest':
        Object.assign(item, { request: action.params, requestEdited: true, actions: [...edited, 'deny', 'edit', 'approve'], findings: [], approvedSha256: fakeHash(JSON.stringify(action.params)) })
        break
      case 'redact':
        item.request = JSON.parse(JSON.stringify(item.request).replace('ann@corp.io', '[EMAIL_1]')) as JsonValue
        Object.assign(item, { requestEdited: true, placeholders: ['[EMAIL_1]'], findings: item.findings.filter((_, at) => !action.findings.includes(at)), actions: [...edited, 'deny', 'edit', 'approve'] })
        break
      case 'editAnswer':
        item.result = { ...item.result!, result: action.result, edited: true }
        item.actions = [...edited, 'deny', 'edit', 'return']
        break
      case 'revert':
        Object.assign(item, { request: structuredClone(item.received), requestEdited: false, placeholders: [] })
        break
      case 'confirm':
        break
      default:
        throw wireError('invalid', 'this is not possible now; the question has moved on')
    }
    tell('review', id)
    return item
  }
  const summary = (item: CallItem): ReviewSummary => ({
    id: item.id, kind: 'tool_call', server: item.provenance.server, tool: item.tool.name, phase: item.phase, receivedAt: item.receivedAt,
    firstLine: `${item.tool.name} ${JSON.stringify(isObject(item.request) ? (item.request['arguments'] ?? {}) : {})}`.slice(0, 160),
    findings: item.findings.length, worst: item.findings[0]?.severity ?? null, alike: 1, foldsInto: item.id,
  })
  return { has: (id: string) => calls.has(id), get: (id: string) => calls.get(id)!, act, list: () => [...calls.values()].map(summary) }
}
