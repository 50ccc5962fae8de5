//! What was found at the gate a question stands at, and what of it must have been on the screen before it may go on.

import type { ReviewItem } from '../bindings/ReviewItem'
import type { Numbered } from '../text/json'
import { isGrave } from '../text/findings'
import type { Spots } from './spots.svelte'

/** The findings of its gate, numbered. */
export function findingsOf(item: ReviewItem): Numbered[] {
  if (item.phase !== 'request' && item.phase !== 'answer') return []
  const answered = item.kind === 'sampling' ? item.answer : item.kind === 'tool_call' ? item.result : null
  const list = item.phase === 'request' ? item.findings : (answered?.findings ?? [])
  return list.map((finding, i) => ({ number: i + 1, finding }))
}

/** The grave places, by their numbers, and the end, that were not seen yet; null: it may go on. */
export function unseenOf(findings: Numbered[], spots: Spots): { spots: number[]; end: boolean } | null {
  const grave = findings.filter(({ finding }) => isGrave(finding.severity))
  if (grave.length === 0) return null
  const left = grave.map(({ number }) => number).filter((n) => !spots.seen.has(n) && (spots.placed.has(n) || !spots.endSeen))
  return left.length === 0 && spots.endSeen ? null : { spots: left, end: !spots.endSeen }
}
