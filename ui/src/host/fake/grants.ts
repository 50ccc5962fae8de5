//! Grants in the fake.

import type { GrantView } from '../../bindings/GrantView'
import type { Host } from '../host'
import { ago, clone, type Tell, wireError } from './base'

const minutesAgo = (minutes: number) => ago(minutes * 60)

const grant: GrantView = {
  id: '0197a004-0000-7000-8000-000000000001',
  sentence: 'notes › summarise: requests with the same system prompt, for claude, up to 2.4 kB, for 15 minutes; the answers are still shown to you',
  server: 'notes',
  tool: 'summarise',
  gates: 'request',
  scope: 'minutes',
  until: minutesAgo(-11),
  givenAt: minutesAgo(4),
  reviewer: 'ada',
  question: '0197a000-0000-7000-8000-000000000001',
  used: 3,
  usedAt: minutesAgo(1),
  suspended: null,
}

export const grants: GrantView[] = [
  grant,
  {
    ...grant,
    id: '0197a004-0000-7000-8000-000000000002',
    sentence: 'weather › forecast: requests and their answers with no system prompt, for local, up to 900 bytes, until you revoke it; neither is shown to you',
    server: 'weather', tool: 'forecast', gates: 'both', scope: 'always', until: null, givenAt: minutesAgo(3000), used: 214, usedAt: minutesAgo(12),
  },
  {
    ...grant,
    id: '0197a004-0000-7000-8000-000000000003',
    sentence: 'crawler › extract: answers to requests with the same system prompt, for claude, up to 18.0 kB, until the server is started anew; the requests are still shown to you',
    server: 'crawler', tool: 'extract', gates: 'answer', scope: 'session', until: null, givenAt: minutesAgo(50), used: 0, usedAt: null,
    suspended: 'The review date of the server\u2019s record has passed: its rules and grants are suspended.',
  },
]

export function fakeGrants(given: GrantView[], tell: Tell) {
  let grants = clone(given)
  let serial = 0
  return {
    count: () => grants.length,
    /** Keeps one, given on a question. */
    give(sentence: string, question: string) {
      serial += 1
      grants = [...grants, { ...grant, id: `g${serial}`, sentence, question }]
      tell('grants')
    },
    host: {
      grantsList: async () => clone(grants),
      async grantRevoke(id) {
        if (!grants.some((g) => g.id === id)) throw wireError('notFound', `there is no grant ${id}: it was revoked, or is over`)
        grants = grants.filter((g) => g.id !== id)
        tell('grants')
      },
      async grantsRevokeAll() {
        grants = []
        tell('grants')
      },
    } satisfies Partial<Host>,
  }
}
