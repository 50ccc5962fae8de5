//! How far a decision reaches: this question only, until the person chooses more, once again for every other question.

import type { GrantScope } from '../bindings/GrantScope'
import type { OfferView } from '../bindings/OfferView'

export class Granting {
  /** Null: this question only. */
  scope = $state<GrantScope | null>(null)
  answersToo = $state(false)

  choose(scope: GrantScope | null, answersToo: boolean) {
    this.scope = scope
    this.answersToo = answersToo
  }

  /** What exactly would be let through from now on; null: nothing beyond this question. */
  says(offer: OfferView | undefined): string | null {
    const offered = offer?.scopes.find(({ scope }) => scope === this.scope)
    if (!offered) return null
    return this.answersToo && offered.withAnswers !== null ? offered.withAnswers : offered.says
  }
}
