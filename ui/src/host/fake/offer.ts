//! What a decision may reach in the fake, and the models there are to choose from.

import type { GrantScope } from '../../bindings/GrantScope'
import type { ModelOption } from '../../bindings/ModelOption'
import type { OfferView } from '../../bindings/OfferView'

export const options: ModelOption[] = [
  { name: 'claude', provider: 'anthropic', model: 'claude-sonnet-5-5', why: 'hint “sonnet”', tokensIn: 212, costAtMostMicrousd: 15700, cannot: null },
  { name: 'gpt', provider: 'openai', model: 'gpt-6-sol', why: 'default model', tokensIn: 205, costAtMostMicrousd: 12400, cannot: null },
  { name: 'local', provider: 'ollama', model: 'smollm2:1.7b', why: 'configured', tokensIn: 230, costAtMostMicrousd: null, cannot: null },
]

export const noOffer: OfferView = { scopes: [], onlyOnce: null, missed: null }

/** The scopes of a question that a grant could cover. */
export function offerOf(server: string, tool: string, gate: 'request' | 'answer'): OfferView {
  const words: [GrantScope, string][] = [
    ['call', 'while this tool call runs'], ['minutes', 'for 15 minutes'], ['session', 'until the server is started anew'], ['always', 'until you revoke it'],
  ]
  const says = (what: string, until: string, and: string) => `${server} › ${tool}: ${what} with the same system prompt, for claude, up to 2.4 kB, ${until}; ${and}`
  return {
    scopes: words.map(([scope, until]) => ({
      scope,
      words: until,
      says: gate === 'request' ? says('requests', until, 'the answers are still shown to you') : says('answers to requests', until, 'the requests are still shown to you'),
      withAnswers: gate === 'request' ? says('requests and their answers', until, 'neither is shown to you') : null,
    })),
    onlyOnce: null,
    missed: null,
  }
}
