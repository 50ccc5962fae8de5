//! Which key means what in the review window. Pure, so that every rule of it can be tested.

import type { ActionKind } from '../bindings/ActionKind'

export type Command =
  | 'approve' | 'return' | 'deny' | 'answerByHand' | 'edit' | 'askAgain' | 'chooseModel' | 'stop'
  | 'accept' | 'passOn' | 'cancel' | 'fill' | 'redact' | 'decideToolUse' | 'opinion' | 'forLonger' | 'later' | 'raw' | 'help' | 'next' | 'previous'

export interface Press {
  key: string
  repeat: boolean
  ctrlKey: boolean
  metaKey: boolean
  altKey: boolean
  shiftKey: boolean
  /** An input, a text area, a select, anything that takes text. */
  inField: boolean
}

/** The actions a key stands for; the first that is offered is meant. */
const byKey: { [key: string]: ActionKind[] } = {
  a: ['approve', 'return', 'accept'],
  c: ['cancel'],
  h: ['approve'],
  d: ['deny'],
  w: ['answerByHand', 'fill'],
  e: ['edit'],
  r: ['askAgain'],
  m: ['chooseModel', 'askAgain'],
  s: ['stop'],
  x: ['redact'],
  t: ['decideToolUse'],
}

/**
 * What a press means. Held keys, keys with a modifier and keys that go into a field mean nothing; Enter never means
 * anything; Escape puts the window away and decides nothing.
 */
export function commandOf(press: Press, actions: readonly ActionKind[]): Command | null {
  if (press.repeat || press.ctrlKey || press.metaKey || press.altKey || press.inField) return null
  switch (press.key) {
    case 'Escape':
      return 'later'
    case '?':
      return 'help'
    case 'o':
    case 'O':
      return 'opinion'
    case 'j':
    case 'J':
      return 'raw'
    case ']':
      return 'next'
    case '[':
      return 'previous'
  }
  // With Caps Lock on, A alone is still A.
  if (press.key === 'A' && press.shiftKey) return actions.includes('approve') || actions.includes('return') ? 'forLonger' : null
  const key = press.key.toLowerCase()
  const kind = byKey[key]?.find((action) => actions.includes(action))
  if (!kind) return null
  // A question for input is passed on with a key of its own: A accepts what stands here.
  if (key === 'h') return actions.includes('accept') ? 'passOn' : null
  if (key === 'a' && actions.includes('accept')) return 'accept'
  return key === 'm' ? 'chooseModel' : (kind as Command)
}

/** Whether a press on this element goes into a field. */
export function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.closest('input:not([type=checkbox], [type=radio]), textarea, select, [role=listbox]') !== null)
  )
}

