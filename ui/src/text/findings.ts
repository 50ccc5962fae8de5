//! What was found, as rows of a list: a run of the same hidden character is one row, whose spots stay many.

import type { FindingView } from '../bindings/FindingView'
import type { Severity } from '../bindings/Severity'
import { at, type Numbered } from './json'
import type { JsonValue } from '../bindings/serde_json/JsonValue'

/** Whether it is so severe that it must have been seen before a text goes on. */
export const isGrave = (severity: Severity | null) => severity === 'high' || severity === 'critical'

/** A row, and the numbers of the findings that it stands for. */
export interface Row {
  finding: FindingView
  numbers: number[]
}

/** Kinds whose characters are not seen, so that many of the same say no more than one. */
const hidden = new Set(['bidi', 'zero_width', 'variation_selector', 'filler', 'soft_hyphen', 'control', 'ansi'])

export function rows(findings: Numbered[]): Row[] {
  const out: Row[] = []
  const known = new Map<string, Row>()
  for (const { number, finding } of findings) {
    const key = JSON.stringify([finding.kind, finding.pointer, finding.inName, finding.why, finding.decoded])
    const row = hidden.has(finding.kind) ? known.get(key) : undefined
    if (row) {
      row.numbers.push(number)
      continue
    }
    const fresh = { finding, numbers: [number] }
    known.set(key, fresh)
    out.push(fresh)
  }
  return out
}

const names: { [kind: string]: string | undefined } = {
  __proto__: null as never,
  bidi: 'Text that runs backwards', zero_width: 'Hidden characters', tag: 'Hidden text', variation_selector: 'Hidden characters',
  filler: 'Blank characters', soft_hyphen: 'Hidden hyphens', control: 'Control characters', ansi: 'Terminal commands',
  homoglyph: 'Look-alike letters', mixed_script: 'Mixed scripts', push_out: 'Text pushed out of sight', encoded: 'Encoded text',
  hidden_html: 'Hidden HTML', active_url: 'An active address', link_mismatch: 'A link that misleads', md_exfil: 'A link that carries data',
  override: 'An order to ignore orders', persistence: 'An order meant to last', second_task: 'A second task', tool_bait: 'Bait for a tool',
  secret_request: 'A request for secrets', prompt_extraction: 'A request for the prompt', authority: 'A claim of authority',
  consent: 'A claim of consent', role_play: 'Role play', secret: 'A secret', private_key: 'A private key', card: 'A card number',
  iban: 'A bank account', phone: 'A telephone number', email: 'An e-mail address', home_path: 'A home folder',
  burst: 'Many at once', near_duplicate: 'Almost the same again', context: 'Context of others',
}

/** A kind as a person says it. */
export const nameOf = (kind: string) => names[kind] ?? kind.replaceAll('_', ' ')

/** The name of the field that a pointer leads to. */
export const fieldOf = (pointer: string) => pointer.slice(pointer.lastIndexOf('/') + 1).replaceAll('~1', '/').replaceAll('~0', '~')

/** The text that a finding is about, or its beginning. */
export function spanned(value: JsonValue, finding: FindingView, most = 80): string {
  const text = finding.inName ? fieldOf(finding.pointer) : at(value, finding.pointer)
  if (typeof text !== 'string') return ''
  const span = [...text].slice(finding.start, finding.end)
  return span.length > most ? `${span.slice(0, most).join('')}…` : span.join('')
}

/** Findings as the log has them, in the words of the windows; what is none is left out. */
export function fromLog(logged: JsonValue | undefined): FindingView[] {
  if (!Array.isArray(logged)) return []
  return logged.flatMap((entry) => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return []
    const text = (key: string) => (typeof entry[key] === 'string' ? entry[key] : '')
    const number = (key: string) => (typeof entry[key] === 'number' ? entry[key] : 0)
    if (text('kind') === '') return []
    return [{
      kind: text('kind'),
      severity: (['info', 'low', 'medium', 'high', 'critical'] as const).find((s) => s === entry['severity']) ?? 'medium',
      pointer: text('pointer'),
      start: number('start'),
      end: number('end'),
      inName: entry['in_name'] === true,
      why: text('why'),
      advice: text('advice'),
      label: text('label'),
      decoded: typeof entry['decoded'] === 'string' ? entry['decoded'] : null,
      isData: false,
    }]
  })
}
