import { describe, expect, test } from 'vitest'

import { align, countChanges, diffText } from '../src/text/diff'

const before = (ops: ReturnType<typeof diffText>) => ops.filter((o) => o.op !== 'ins').map((o) => o.text).join('')
const after = (ops: ReturnType<typeof diffText>) => ops.filter((o) => o.op !== 'del').map((o) => o.text).join('')

describe('difference by words', () => {
  test('one word', () => {
    expect(diffText('the quick fox', 'the slow fox')).toEqual([
      { op: 'same', text: 'the ' },
      { op: 'del', text: 'quick' },
      { op: 'ins', text: 'slow' },
      { op: 'same', text: ' fox' },
    ])
  })

  test('nothing, everything, empty', () => {
    expect(diffText('a b', 'a b')).toEqual([{ op: 'same', text: 'a b' }])
    expect(diffText('', 'new')).toEqual([{ op: 'ins', text: 'new' }])
    expect(diffText('old', '')).toEqual([{ op: 'del', text: 'old' }])
    expect(diffText('', '')).toEqual([])
  })

  test('random texts: both sides come back whole', () => {
    let seed = 3
    const random = (n: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return (seed >>> 8) % n
    }
    const words = ['a', 'b', 'c', ' ', '\n', '🙂', '.', 'word', '\u200b', 'ü']
    const text = () => Array.from({ length: random(60) }, () => words[random(words.length)]!).join('')
    for (let i = 0; i < 400; i += 1) {
      const [a, b] = [text(), text()]
      const ops = diffText(a, b)
      expect(before(ops)).toBe(a)
      expect(after(ops)).toBe(b)
    }
  })

  test('long texts that have little in common stay quick', () => {
    const a = Array.from({ length: 20_000 }, (_, i) => `a${i}`).join(' ')
    const b = Array.from({ length: 20_000 }, (_, i) => `b${i}`).join(' ')
    const start = performance.now()
    const ops = diffText(a, b)
    expect(performance.now() - start).toBeLessThan(3000)
    expect(before(ops)).toBe(a)
    expect(after(ops)).toBe(b)
  })

  test('changes are counted in words', () => {
    expect(countChanges(diffText('one two three', 'one three four five'))).toEqual({ added: 2, removed: 1 })
  })
})

describe('lists side by side', () => {
  test('a removed item keeps the others together', () => {
    expect(align(['a', 'b', 'c'], ['a', 'c'])).toEqual([
      { before: 'a', after: 'a', index: 0 },
      { before: 'b', after: undefined, index: 1 },
      { before: 'c', after: 'c', index: 1 },
    ])
  })
  test('a changed item is a pair', () => {
    expect(align([{ t: 1 }, { t: 2 }], [{ t: 1 }, { t: 3 }])).toEqual([
      { before: { t: 1 }, after: { t: 1 }, index: 0 },
      { before: { t: 2 }, after: { t: 3 }, index: 1 },
    ])
  })
})
