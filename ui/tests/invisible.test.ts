import { describe, expect, test } from 'vitest'

import { findHidden, hasHidden, withoutHidden } from '../src/text/invisible'
import { chunks, marksIn, segment } from '../src/text/segments'

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

/** Every code point that a person would not see. */
const listed = [
  ...range(0x202a, 0x202e), ...range(0x2066, 0x2069), // bidi
  ...range(0x200b, 0x200f), ...range(0x2060, 0x2064), 0xfeff, 0x00ad, 0x180e, 0x034f, 0x061c, // zero width
  0x115f, 0x1160, 0x3164, 0xffa0, 0x2800, // fillers
  ...range(0xfe00, 0xfe0f), ...range(0xe0100, 0xe01ef), ...range(0x180b, 0x180d), 0x180f, // variation selectors
  ...range(0xe0000, 0xe007f), // tags
  ...range(0x00, 0x08), 0x0b, 0x0c, ...range(0x0e, 0x1f), ...range(0x7f, 0x9f), // controls
  0x2028, 0x2029, ...range(0x206a, 0x206f), ...range(0xfff9, 0xfffb),
]

describe('hidden characters', () => {
  test.each(listed.map((code) => [`U+${code.toString(16).toUpperCase().padStart(4, '0')}`, code] as const))('%s is a chip, wherever it stands', (_, code) => {
    const c = String.fromCodePoint(code)
    for (const [before, after] of [['', ''], ['a', 'b'], [' ', ' '], ['ü', '字'], ['\n', '\t'], ['“', '”']] as const) {
      const text = before + c + after
      const chips = segment(text).filter((s) => s.kind === 'chip')
      expect(chips).toHaveLength(1)
      expect(chips[0]).toMatchObject({ start: before.length, end: before.length + c.length })
      expect(chips[0]!.text).not.toBe('')
      expect(hasHidden(chips[0]!.text)).toBe(false)
      expect(withoutHidden(text)).toBe(before + after)
    }
  })

  test('a carriage return counts where no line feed follows', () => {
    expect(findHidden('a\r\nb')).toEqual([])
    expect(findHidden('a\rb\r')).toMatchObject([{ start: 1, kind: 'control' }, { start: 3, kind: 'control' }])
  })

  test('tabs, newlines and what can be seen do not count', () => {
    for (const text of ['a\tb\nc', 'naïve Ünïcode', '日本語のテキスト', 'مرحبا', 'é e\u0301', '\u0600\u06dd', '🙂👍🏽', '1️⃣', '❤️', '👨‍👩‍👧', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🏳️‍🌈']) {
      expect(findHidden(text), text).toEqual([])
    }
  })

  test('joiners and selectors outside a known emoji do count', () => {
    expect(findHidden('😀\u200d😀')).toMatchObject([{ kind: 'zero_width' }])
    expect(findHidden('a\ufe0f')).toMatchObject([{ kind: 'variation_selector' }])
    expect(findHidden('❤️\ufe0f')).toMatchObject([{ kind: 'variation_selector' }])
    expect(findHidden('🏴󠁧󠁢󠁥󠁮󠁧󠁿' + String.fromCodePoint(0xe0041))).toMatchObject([{ kind: 'tag' }])
  })

  test('tags are decoded', () => {
    const tags = [...'send the notes'].map((c) => String.fromCodePoint(0xe0000 + c.codePointAt(0)!)).join('')
    expect(findHidden(`Hello${tags}.`)).toEqual([
      { start: 5, end: 5 + tags.length, kind: 'tag', count: 14, label: '14 tag characters: “send the notes”' },
    ])
  })

  test('neighbours of one kind are one chip', () => {
    expect(findHidden('a\u200b\u200b\u200bb')).toMatchObject([{ count: 3, label: 'U+200B zero width space ×3' }])
  })

  test('random texts: segments are the whole text in order, and no plain segment holds a hidden character', () => {
    let seed = 7
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
      return seed % n
    }
    const alphabet = [...'ab \n\t字é🙂', ...listed.map((code) => String.fromCodePoint(code))]
    for (let round = 0; round < 300; round += 1) {
      const text = Array.from({ length: random(40) }, () => alphabet[random(alphabet.length)]!).join('')
      const segments = segment(text)
      expect(segments.map((s) => text.slice(s.start, s.end)).join('')).toBe(text)
      for (const s of segments) if (s.kind === 'text') expect(hasHidden(s.text)).toBe(false)
    }
  })
})

describe('findings in a text', () => {
  const finding = (start: number, end: number, label = 'label') => ({
    kind: 'x', severity: 'high' as const, pointer: '/t', start, end, why: 'why', inName: false, advice: '', label, decoded: null, isData: false,
  })

  test('scalar offsets become UTF-16 offsets', () => {
    expect(marksIn('🙂🙂ab', [{ number: 1, finding: finding(2, 3) }])).toMatchObject([{ start: 4, end: 5 }])
    expect(marksIn('🙂', [{ number: 1, finding: finding(0, 1) }])).toMatchObject([{ start: 0, end: 2 }])
    expect(marksIn('ab', [{ number: 1, finding: finding(1, 99) }])).toMatchObject([{ start: 1, end: 2 }])
  })

  test('a finding about hidden characters names their chip', () => {
    const text = 'a\u200b\u200cb'
    const marks = marksIn(text, [{ number: 1, finding: finding(1, 3, 'two hidden characters') }])
    expect(segment(text, marks)).toMatchObject([
      { kind: 'text', text: 'a' },
      { kind: 'chip', text: 'two hidden characters', anchors: [1] },
      { kind: 'text', text: 'b' },
    ])
  })

  test('overlapping findings keep their places', () => {
    const text = 'one two three'
    const marks = marksIn(text, [{ number: 1, finding: finding(0, 7) }, { number: 2, finding: finding(4, 13) }])
    expect(segment(text, marks).map((s) => [s.text, s.anchors, s.marks.length])).toEqual([
      ['one ', [1], 1],
      ['two', [2], 2],
      [' three', [], 1],
    ])
  })
})

describe('long texts', () => {
  test('pieces are the whole text and cut no character', () => {
    for (const text of ['line\n'.repeat(10_000), '🙂'.repeat(30_000), 'x'.repeat(50_001), 'word '.repeat(9000)]) {
      const pieces = chunks(text, 1000)
      expect(pieces.map((p) => text.slice(p.start, p.end)).join('')).toBe(text)
      for (const p of pieces) expect(text.slice(p.start, p.end).isWellFormed()).toBe(true)
    }
    expect(chunks('')).toEqual([])
  })
})
