//! The fake's records, classes and limits of servers.

import type { LimitView } from '../../bindings/LimitView'
import type { LimitsOf } from '../../bindings/LimitsOf'
import type { RecordInput } from '../../bindings/RecordInput'
import type { RiskView } from '../../bindings/RiskView'
import type { ServerView } from '../../bindings/ServerView'
import type { Host } from '../host'
import { clone, type Tell } from './base'

const usual: [string, string, string, number | null, number | null][] = [
  ['per_minute', 'Questions a minute', '', 10, 2],
  ['per_call', 'Questions in one tool call', '', 5, null],
  ['per_day', 'Questions a day', '', 200, 41],
  ['prompt_bytes', 'Size of a request', 'bytes', 1_048_576, null],
  ['tokens_in_per_day', 'Tokens read a day', 'tokens', 1_000_000, 38_210],
  ['usd_per_day', 'Money a day', 'US dollars', 1, 0.12],
  ['usd_per_month', 'Money a month', 'US dollars', 10, 1.9],
  ['max_tokens', 'Tokens of one answer', 'tokens', 4096, null],
]

type Records = Pick<
  Host,
  'serverRecord' | 'serverRecordSave' | 'serverRecordRenew' | 'serverRecordText' | 'serverRecordFile' | 'serverRisk' | 'serverRiskSave' | 'limitsList' | 'limitsSave'
>

/** Limits that a host may have. */
const ofCalls = ['per_minute', 'per_day', 'in_flight', 'queue', 'prompt_bytes']
const account = (of: LimitsOf) => (of.of === 'all' ? '' : `${of.of} ${of.name}`)

export function fakeRecords(servers: ServerView[], tell: Tell): Records {
  const records = new Map<string, RecordInput>()
  const risks = new Map<string, RiskView>()
  const limits = new Map<string, Record<string, number | 'none'>>()
  const find = (name: string) => {
    const view = servers.find((s) => s.config.name === name)
    if (!view) throw { code: 'notFound', message: `there is no server "${name}"` }
    return view
  }
  const due = (record: RecordInput) => record.reviewBy !== null && record.reviewBy < new Date().toISOString().slice(0, 10)
  function record(name: string): RecordInput {
    const { sampling, gates, samplingTools } = find(name).config
    const about = name === 'keywords' ? { purpose: 'It proposes words for a topic', context: 'The topic I type', models: ['claude'], reviewBy: '2024-05-01' } : { purpose: '', context: '', models: [], reviewBy: '2031-05-20' }
    return { ...about, toolsMay: '', allowTrifecta: false, owner: 'jo', ...records.get(name), sampling, gates, samplingTools: clone(samplingTools) }
  }
  const risk = (name: string): RiskView =>
    risks.get(name) ?? {
      risk: 'medium',
      typedConfirmation: false,
      tools: [
        { name: 'confirm_payment', risk: null, labels: null, proposed: 'high', why: 'Its server says that it can destroy something.', proposedLabels: [{ label: 'outward', why: 'Its name says “payment”.' }] },
        { name: 'list_files', risk: 'medium', labels: ['private'], proposed: 'medium', why: 'Its name says “files”: it may read what is private.', proposedLabels: [{ label: 'private', why: 'Its name says “files”.' }] },
      ],
    }
  return {
    async serverRecord(name) {
      const now = record(name)
      return clone({
        server: name,
        filled: now.sampling !== 'off',
        due: now.sampling !== 'off' && due(now),
        record: now,
        log: '/home/jo/.local/share/samplegate/samplegate.db',
        history: [
          { id: 7, at: '2024-02-02T09:12:00.000Z', by: 'jo', via: 'window', what: 'gates: “both” → “request”; record.models: – → “claude”' },
          { id: 3, at: '2024-02-01T08:00:00.000Z', by: 'jo', via: 'command', what: 'added' },
        ],
      })
    },
    async serverRecordSave(name, input) {
      records.set(name, clone(input))
      Object.assign(find(name).config, clone({ sampling: input.sampling, gates: input.gates, samplingTools: input.samplingTools }))
      tell('servers')
    },
    async serverRecordRenew(name) {
      records.set(name, { ...record(name), reviewBy: '2031-05-20' })
      tell('servers')
    },
    serverRecordText: async (name, format) => (format === 'json' ? JSON.stringify({ server: name, ...record(name) }, null, 2) : `# Approval record: ${name}\n`),
    serverRecordFile: async (name, format) => `/home/jo/Downloads/samplegate-record-${name}.${format === 'json' ? 'json' : 'md'}`,
    serverRisk: async (name) => clone(risk(name)),
    async serverRiskSave(name, input) {
      const view = clone(risk(name))
      view.risk = input.risk ?? view.risk
      view.typedConfirmation = input.typedConfirmation ?? view.typedConfirmation
      for (const tool of view.tools) Object.assign(tool, input.tools?.[tool.name])
      risks.set(name, view)
    },
    async limitsList(of) {
      const said = limits.get(account(of)) ?? {}
      const shown = of.of === 'host' ? usual.filter(([key]) => ofCalls.includes(key)) : usual
      return shown.map(([key, title, unit, number, used]): LimitView => {
        const normal = of.of === 'server' ? number : null
        const value = said[key]
        return { key, title, unit, usual: normal, said: value !== undefined, holds: value === undefined ? normal : value === 'none' ? null : value, used }
      })
    },
    async limitsSave(of, input) {
      limits.set(account(of), input === 'none' ? Object.fromEntries(usual.map(([key]) => [key, 'none' as const])) : { ...input })
    },
  }
}
