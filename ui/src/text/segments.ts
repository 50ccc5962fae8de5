//! A text cut into what is drawn: plain text, marked text, and chips in place of hidden characters.

import type { FindingView } from '../bindings/FindingView'
import { findHidden } from './invisible'

/** A finding with its number in the list above the text and its place in UTF-16 offsets. */
export interface Mark {
  number: number
  finding: FindingView
  start: number
  end: number
}

export interface Segment {
  kind: 'text' | 'chip'
  /** The text, or the chip's label. */
  text: string
  marks: Mark[]
  /** Marks that begin here: the spots that links jump to. */
  anchors: number[]
  start: number
  end: number
}

/** Findings of one string with offsets in UTF-16 units instead of Unicode scalar values. */
export function marksIn(text: string, findings: { number: number; finding: FindingView }[]): Mark[] {
  if (findings.length === 0) return []
  const wanted = new Map<number, number>()
  let last = 0
  for (const { finding } of findings) {
    wanted.set(finding.start, text.length).set(finding.end, text.length)
    last = Math.max(last, finding.end)
  }
  let scalar = 0
  for (let unit = 0; unit <= text.length && scalar <= last; scalar += 1) {
    if (wanted.has(scalar)) wanted.set(scalar, unit)
    const code = text.charCodeAt(unit)
    unit += code >= 0xd800 && code < 0xdc00 ? 2 : 1
  }
  return findings.map(({ number, finding }) => ({
    number,
    finding,
    start: wanted.get(finding.start) ?? 0,
    end: wanted.get(finding.end) ?? text.length,
  }))
}

/** Cuts a piece of a text. `offset` is where the piece begins in the text that the marks are about. */
export function segment(piece: string, marks: Mark[] = [], offset = 0): Segment[] {
  const end = offset + piece.length
  const here = marks.filter((m) => m.start < end && m.end > offset)
  const hidden = findHidden(piece)
  if (here.length === 0 && hidden.length === 0) {
    return piece ? [{ kind: 'text', text: piece, marks: [], anchors: [], start: offset, end }] : []
  }

  // A finding that is about nothing but one run of hidden characters names them better than we can.
  const labels = new Map<number, string>()
  const edges = new Set<number>([offset, end])
  for (const m of here) {
    edges.add(Math.max(m.start, offset)).add(Math.min(m.end, end))
  }
  for (const h of hidden) {
    edges.add(offset + h.start).add(offset + h.end)
    const exact = here.find((m) => m.start === offset + h.start && m.end === offset + h.end)
    labels.set(offset + h.start, exact?.finding.label || h.label)
  }
  const cuts = [...edges].sort((a, b) => a - b)
  const out: Segment[] = []
  for (let i = 0; i + 1 < cuts.length; i += 1) {
    const [from, to] = [cuts[i]!, cuts[i + 1]!]
    const covering = hidden.find((h) => offset + h.start <= from && offset + h.end >= to)
    const on = here.filter((m) => m.start <= from && m.end >= to)
    const text = covering
      ? (from === offset + covering.start && to === offset + covering.end
          ? labels.get(from)!
          : (findHidden(piece.slice(from - offset, to - offset))[0]?.label ?? covering.label))
      : piece.slice(from - offset, to - offset)
    out.push({
      kind: covering ? 'chip' : 'text',
      text,
      marks: on,
      anchors: on.filter((m) => m.start === from || (m.start < offset && from === offset)).map((m) => m.number),
      start: from,
      end: to,
    })
  }
  return out
}

/** Where a long text may be cut for drawing: at line ends where there are any, never inside a character. */
export function chunks(text: string, size = 12_000): { start: number; end: number; runsOn: boolean }[] {
  const out: { start: number; end: number; runsOn: boolean }[] = []
  let start = 0
  while (start < text.length) {
    if (text.length - start <= size * 1.25) {
      out.push({ start, end: text.length, runsOn: false })
      break
    }
    let end = text.lastIndexOf('\n', start + size) + 1
    let runsOn = false
    if (end <= start) {
      const next = text.indexOf('\n', start + size)
      if (next !== -1 && next - start < size * 1.25) {
        end = next + 1
      } else {
        runsOn = true
        const space = text.lastIndexOf(' ', start + size) + 1
        end = space > start + size / 2 ? space : start + size
        const code = text.charCodeAt(end - 1)
        if (code >= 0xd800 && code < 0xdc00) end += 1
      }
    }
    out.push({ start, end, runsOn })
    start = end
  }
  return out
}
