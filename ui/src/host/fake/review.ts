//! What waits in the fake, of every kind, and what a person does about it.

import type { Action } from '../../bindings/Action'
import type { Status } from '../../bindings/Status'
import type { Host } from '../host'
import type { fakeCalls } from './calls'
import { ago, clone, type Tell, wireError } from './base'
import type { fakeElicitation } from './elicitation'
import type { fakeSampling } from './sampling'

/** What a test may look at. */
export interface Seen {
  shown: { id: string; revision: number }[]
  acted: { id: string; revision: number; action: Action }[]
  blocked: string[]
}

interface Kinds {
  sampling: ReturnType<typeof fakeSampling>
  elicitation: ReturnType<typeof fakeElicitation>
  calls: ReturnType<typeof fakeCalls>
}

export function fakeReview({ sampling, elicitation, calls }: Kinds, tell: Tell) {
  const seen: Seen = { shown: [], acted: [], blocked: [] }
  const denials = new Map<string, number>()
  let muted: Status['muted'] = []
  const kinds = [sampling, elicitation, calls]
  const kindOf = (id: string) => {
    const kind = kinds.find((kind) => kind.has(id))
    if (!kind) throw wireError('notFound', 'This question is no longer there.')
    return kind
  }
  return {
    seen,
    /** What of it the status tells. */
    status: (): Pick<Status, 'pending' | 'muted' | 'oftenDenied'> => ({
      pending: sampling.pending(),
      muted,
      oftenDenied: [...denials].filter(([, count]) => count >= 3).map(([server]) => server),
    }),
    host: {
      reviewList: async () => kinds.flatMap((kind) => kind.list()),
      reviewGet: async (id) => clone(kindOf(id).get(id)),
      async reviewShown(id, revision) {
        seen.shown.push({ id, revision })
      },
      async reviewAct(id, revision, action) {
        seen.acted.push({ id, revision, action: clone(action) })
        const kind = kindOf(id)
        if (kind === sampling && action.type === 'deny') {
          const { server } = kind.get(id).provenance
          denials.set(server, (denials.get(server) ?? 0) + 1)
          tell('status')
        }
        return clone(kind.act(id, revision, action))
      },
      reviewOutgoing: async (id) => sampling.outgoing(id),
      reviewOpinion: async (id, revision, confirmed) => sampling.askOpinion(id, revision, confirmed),
      reviewDenyAll: async (server) => sampling.denyAll(server),
      async reviewMute(server, on) {
        muted = muted.filter((m) => m.server !== server)
        if (on) muted = [...muted, { server, until: ago(-600) }]
        tell('status')
      },
      async reviewBlock(server) {
        seen.blocked.push(server)
        denials.delete(server)
        tell('status')
        return sampling.denyAll(server)
      },
      async reviewForgetDenials(server) {
        denials.delete(server)
        tell('status')
      },
    } satisfies Partial<Host>,
  }
}
