//! Finds what a person would not see in a text, so that it can be shown as a labelled chip.
//!
//! Every invisible, direction-changing or control character counts, wherever it stands. The one exception: characters
//! inside a recommended emoji sequence (a flag, a family), where they have a visible effect that everyone knows.

export type HiddenKind =
  | 'bidi'
  | 'zero_width'
  | 'tag'
  | 'variation_selector'
  | 'filler'
  | 'soft_hyphen'
  | 'control'
  | 'separator'
  | 'format'

export interface Hidden {
  /** UTF-16 offsets. */
  start: number
  end: number
  kind: HiddenKind
  /** How many characters. */
  count: number
  /** What stands in their place. */
  label: string
}

// All default-ignorable and format characters, controls but tab and newline, and blanks that are drawn as nothing.
// Prepended concatenation marks (Arabic number signs and their like) are format characters that are drawn.
const hiddenClass =
  '[[\\p{Cf}\\p{Cs}\\p{Default_Ignorable_Code_Point}\\p{Variation_Selector}\\p{Noncharacter_Code_Point}' +
  '\\u0000-\\u0008\\u000B-\\u000C\\u000E-\\u001F\\u007F-\\u009F\\u2028\\u2029\\u2800\\u{E0000}-\\u{E0FFF}]' +
  '--[\\p{Prepended_Concatenation_Mark}]]'

// `Prepended_Concatenation_Mark` is not a property a regular expression knows; these are all of them.
const prepended = '\\u0600-\\u0605\\u06DD\\u070F\\u0890-\\u0891\\u08E2\\u{110BD}\\u{110CD}'
const source = hiddenClass.replace('\\p{Prepended_Concatenation_Mark}', prepended)
const loneCr = '\\r(?!\\n)'

const any = new RegExp(`${source}|${loneCr}`, 'v')
const scanner = new RegExp(`\\p{RGI_Emoji}|${source}|${loneCr}`, 'gv')
const one = new RegExp(`^(?:${source}|\\r)$`, 'v')

const names: { [code: number]: string } = {
  0x00: 'NUL', 0x07: 'BEL', 0x08: 'backspace', 0x0b: 'vertical tab', 0x0c: 'form feed', 0x0d: 'carriage return', 0x1b: 'ESC', 0x7f: 'DEL',
  0x85: 'next line', 0x9b: 'CSI', 0xad: 'soft hyphen', 0x34f: 'grapheme joiner', 0x61c: 'Arabic letter mark',
  0x115f: 'Hangul filler', 0x1160: 'Hangul filler', 0x3164: 'Hangul filler', 0xffa0: 'Hangul filler', 0x180e: 'Mongolian vowel separator',
  0x200b: 'zero width space', 0x200c: 'zero width non-joiner', 0x200d: 'zero width joiner', 0x200e: 'left-to-right mark', 0x200f: 'right-to-left mark',
  0x2028: 'line separator', 0x2029: 'paragraph separator',
  0x202a: 'left-to-right embedding', 0x202b: 'right-to-left embedding', 0x202c: 'end of direction', 0x202d: 'left-to-right override', 0x202e: 'right-to-left override',
  0x2060: 'word joiner', 0x2061: 'function application', 0x2062: 'invisible times', 0x2063: 'invisible separator', 0x2064: 'invisible plus',
  0x2066: 'left-to-right isolate', 0x2067: 'right-to-left isolate', 0x2068: 'first strong isolate', 0x2069: 'end of isolate',
  0x2800: 'blank Braille pattern', 0xfeff: 'byte order mark',
}

function kindOf(code: number): HiddenKind {
  if ((code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || code === 0x200e || code === 0x200f || code === 0x61c) return 'bidi'
  if (code >= 0xe0100 && code <= 0xe01ef) return 'variation_selector'
  if (code >= 0xe0000 && code <= 0xe007f) return 'tag'
  if ((code >= 0xfe00 && code <= 0xfe0f) || (code >= 0x180b && code <= 0x180d) || code === 0x180f) return 'variation_selector'
  if ((code >= 0x200b && code <= 0x200d) || (code >= 0x2060 && code <= 0x2064) || code === 0xfeff || code === 0x180e || code === 0x34f) return 'zero_width'
  if (code === 0x115f || code === 0x1160 || code === 0x3164 || code === 0xffa0 || code === 0x2800) return 'filler'
  if (code === 0xad) return 'soft_hyphen'
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return 'control'
  if (code === 0x2028 || code === 0x2029) return 'separator'
  return 'format'
}

const hex = (code: number) => 'U+' + code.toString(16).toUpperCase().padStart(4, '0')

/** Whether this one character would not be seen. */
export function isHidden(character: string): boolean {
  return one.test(character)
}

/** The label of a run of hidden characters of one kind. */
function labelOf(kind: HiddenKind, codes: number[]): string {
  const [first] = codes as [number, ...number[]]
  if (kind === 'tag') {
    const spelled = codes
      .map((code) => code - 0xe0000)
      .filter((code) => code >= 0x20 && code < 0x7f)
      .map((code) => String.fromCharCode(code))
      .join('')
    const count = codes.length === 1 ? '1 tag character' : `${codes.length} tag characters`
    return spelled ? `${count}: “${spelled}”` : `${count} (${hex(first)})`
  }
  const same = codes.every((code) => code === first)
  if (same) {
    const name = names[first]
    const times = codes.length > 1 ? ` ×${codes.length.toLocaleString('en')}` : ''
    return (name ? `${hex(first)} ${name}` : `${hex(first)} ${kind.replace('_', ' ')}`) + times
  }
  const shown = codes.slice(0, 4).map(hex).join(' ')
  const more = codes.length > 4 ? ` and ${(codes.length - 4).toLocaleString('en')} more` : ''
  return `${codes.length.toLocaleString('en')} ${kind.replace('_', ' ')} characters: ${shown}${more}`
}

/** Whether there is anything to find; much cheaper than `findHidden`. */
export function hasHidden(text: string): boolean {
  return any.test(text)
}

/** All hidden characters of a text, neighbours of one kind together. */
export function findHidden(text: string): Hidden[] {
  if (!hasHidden(text)) return []
  const found: Hidden[] = []
  let run: { start: number; end: number; kind: HiddenKind; codes: number[] } | undefined
  const flush = () => {
    if (!run) return
    found.push({ start: run.start, end: run.end, kind: run.kind, count: run.codes.length, label: labelOf(run.kind, run.codes) })
    run = undefined
  }
  for (const match of text.matchAll(scanner)) {
    const [character] = match
    if (!isHidden(character)) continue
    const code = character.codePointAt(0)!
    const kind = kindOf(code)
    if (run && run.kind === kind && run.end === match.index) {
      run.end += character.length
      run.codes.push(code)
    } else {
      flush()
      run = { start: match.index, end: match.index + character.length, kind, codes: [code] }
    }
  }
  flush()
  return found
}

/** The text without its hidden characters. */
export function withoutHidden(text: string): string {
  let out = ''
  let at = 0
  for (const { start, end } of findHidden(text)) {
    out += text.slice(at, start)
    at = end
  }
  return out + text.slice(at)
}

/** The text with each hidden character spelt out, for places that can hold a text and no more, such as the options of a list. */
export function visible(text: string): string {
  let out = ''
  let at = 0
  for (const { start, end, label } of findHidden(text)) {
    out += `${text.slice(at, start)}[${label}]`
    at = end
  }
  return out + text.slice(at)
}
