//! The tool runner in the fake: what servers offer, and calls that run, ask and end.

import type { Offers } from '../../bindings/Offers'
import type { RunView } from '../../bindings/RunView'
import type { JsonValue } from '../../bindings/serde_json/JsonValue'
import type { Host } from '../host'
import { clone, type Tell } from './base'
import { picture, tone } from './media'
import { payment, type Seed } from './questions'

const offers: Offers = {
  tools: [
    {
      name: 'confirm_payment',
      title: 'Confirm a payment',
      description: 'Asks through sampling whether a payment is to be made, and compares the answer with “yes”.',
      inputSchema: {
        type: 'object',
        properties: {
          amount: { type: 'number', description: 'How much', default: 1000, minimum: 0 },
          to: { type: 'string', description: 'Who gets it', default: 'Acme GmbH' },
          currency: { type: 'string', enum: ['EUR', 'USD', 'CHF'], default: 'EUR' },
        },
        required: ['amount', 'to'],
      },
    },
    {
      name: 'rewrite',
      description: 'Samples twice in a row: rewrites a prompt, then answers it.',
      inputSchema: {
        type: 'object',
        properties: {
          prompt: { type: 'string', minLength: 1 },
          style: {
            type: 'object',
            title: 'Style',
            properties: { tone: { type: 'string', enum: ['plain', 'formal'] }, words: { type: 'integer', minimum: 1, maximum: 500 } },
          },
          tags: { type: 'array', items: { type: 'string' } },
          keep: { type: 'boolean', description: 'Keep the original' },
        },
        required: ['prompt'],
      },
    },
    { name: 'everything', description: 'Returns a block of every kind.', inputSchema: { type: 'object', properties: {} } },
  ],
  prompts: [
    {
      name: 'review',
      title: 'Review a text',
      description: 'A prompt with one argument.',
      arguments: [{ name: 'text', description: 'The text', required: true }, { name: 'language', required: false }],
    },
  ],
  resources: [{ uri: 'demo://readme', name: 'readme', title: 'About the demo server', mimeType: 'text/plain' }],
  resourceTemplates: [{ uriTemplate: 'demo://note/{name}', name: 'note' }],
}

const callResult: JsonValue = {
  content: [
    { type: 'text', text: 'Paid 1000.00 EUR to Acme GmbH.' },
    { type: 'image', data: picture, mimeType: 'image/png' },
    { type: 'audio', data: tone(), mimeType: 'audio/wav' },
    { type: 'resource', resource: { uri: 'demo://receipt', mimeType: 'text/plain', text: 'Receipt 2041' } },
  ],
  structuredContent: { paid: true, amount: 1000, to: 'Acme GmbH' },
  isError: false,
}

/** `put`: a question that a call asks. */
export function fakeRuns(streamMs: number, put: (seed: Seed) => void, tell: Tell) {
  const runs: RunView[] = []
  let serial = 0
  return {
    serverOffers: async () => clone(offers),
    async callStart(input) {
      serial += 1
      const id = `run-${serial}`
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
        const question = { ...payment, id: `0197a002-0000-7000-8000-${String(serial).padStart(12, '0')}`, server: input.server, secondsAgo: 0 }
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
        run.state = { state: 'done', result: clone(callResult), isError: false }
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
  } satisfies Partial<Host>
}
