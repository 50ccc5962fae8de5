import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import type { ActionKind } from '../src/bindings/ActionKind'
import { Arming, armingCap, armingDelay } from '../src/review/arming.svelte'
import { commandOf, type Press } from '../src/review/keys'

const press = (key: string, more: Partial<Press> = {}): Press => ({ key, repeat: false, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, inField: false, ...more })
const all: ActionKind[] = ['approve', 'edit', 'revert', 'deny', 'answerByHand', 'chooseModel', 'stop', 'askAgain', 'return']

describe('keys', () => {
  test('each stands for an action that is offered', () => {
    expect(commandOf(press('a'), ['approve'])).toBe('approve')
    expect(commandOf(press('A'), ['return'])).toBe('return')
    expect(commandOf(press('A', { shiftKey: true }), ['approve'])).toBe('forLonger')
    expect(commandOf(press('A', { shiftKey: true }), ['return'])).toBe('forLonger')
    expect(commandOf(press('A', { shiftKey: true }), ['deny'])).toBeNull()
    expect(commandOf(press('d'), ['deny'])).toBe('deny')
    expect(commandOf(press('w'), ['answerByHand'])).toBe('answerByHand')
    expect(commandOf(press('e'), ['edit'])).toBe('edit')
    expect(commandOf(press('r'), ['askAgain'])).toBe('askAgain')
    expect(commandOf(press('m'), ['chooseModel'])).toBe('chooseModel')
    expect(commandOf(press('m'), ['askAgain'])).toBe('chooseModel')
    expect(commandOf(press('s'), ['stop'])).toBe('stop')
  })

  test('what is not offered has no key', () => {
    for (const key of 'adwermsADWERMS') expect(commandOf(press(key), [])).toBeNull()
  })

  test('no key but A lets anything through, and Enter and Space never do', () => {
    for (let code = 0; code < 0x3000; code += 1) {
      const command = commandOf(press(String.fromCharCode(code)), all)
      if (command === 'approve' || command === 'return') expect('aA').toContain(String.fromCharCode(code))
    }
    for (const key of ['Enter', ' ', 'Tab', 'Spacebar', 'NumpadEnter', 'F1', 'Delete']) expect(commandOf(press(key), all)).toBeNull()
  })

  test('held keys, keys with a modifier and keys in a field mean nothing', () => {
    for (const key of ['a', 'd', 'w', 'e', 'r', 's', 'j', '?', 'Escape']) {
      expect(commandOf(press(key, { repeat: true }), all)).toBeNull()
      expect(commandOf(press(key, { ctrlKey: true }), all)).toBeNull()
      expect(commandOf(press(key, { metaKey: true }), all)).toBeNull()
      expect(commandOf(press(key, { altKey: true }), all)).toBeNull()
      expect(commandOf(press(key, { inField: true }), all)).toBeNull()
    }
  })

  test('Escape is later, never deny', () => {
    expect(commandOf(press('Escape'), all)).toBe('later')
  })
})

describe('arming', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('a question can be decided a second after it is shown', () => {
    const arming = new Arming()
    arming.shown()
    vi.advanceTimersByTime(armingDelay - 1)
    expect(arming.armed).toBe(false)
    vi.advanceTimersByTime(1)
    expect(arming.armed).toBe(true)
  })

  test('focus that comes back disarms for a second', () => {
    const arming = new Arming()
    arming.shown()
    vi.advanceTimersByTime(5000)
    arming.disturbed()
    expect(arming.armed).toBe(false)
    vi.advanceTimersByTime(armingDelay)
    expect(arming.armed).toBe(true)
  })

  test('another question starts the whole delay anew', () => {
    const arming = new Arming()
    arming.shown()
    vi.advanceTimersByTime(900)
    arming.shown()
    vi.advanceTimersByTime(900)
    expect(arming.armed).toBe(false)
    vi.advanceTimersByTime(100)
    expect(arming.armed).toBe(true)
  })

  test('disturbances without end cannot keep it out of reach', () => {
    const arming = new Arming()
    arming.shown()
    let longest = 0
    let dead = 0
    for (let t = 0; t < 20_000; t += 100) {
      arming.disturbed()
      vi.advanceTimersByTime(100)
      dead = arming.armed ? 0 : dead + 100
      longest = Math.max(longest, dead)
    }
    expect(longest).toBeLessThanOrEqual(armingCap)
  })

  test('with nothing shown nothing is armed', () => {
    const arming = new Arming()
    arming.shown()
    arming.nothing()
    vi.advanceTimersByTime(5000)
    expect(arming.armed).toBe(false)
  })
})
