//! JSON as a text to look at, with the places of the strings in it, so that findings can be marked there too.

import type { FindingView } from '../bindings/FindingView'
import type { JsonValue } from '../bindings/serde_json/JsonValue'
import type { Mark } from './segments'
import { marksIn } from './segments'

export type JsonObject = { [key: string]: JsonValue }

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A copy of its own, of what may be in the state of a component too. */
export const copyJson = <T extends JsonValue>(value: T): T => JSON.parse(JSON.stringify(value)) as T

/** Why what is written is not the JSON that is wanted; empty: it is. */
export function jsonProblem(text: string, wants: 'arguments' | 'anything'): string {
  try {
    const value: unknown = JSON.parse(text)
    return wants === 'anything' || isObject(value) ? '' : 'Arguments are a JSON object.'
  } catch {
    return 'This is not JSON yet.'
  }
}

/** One token of a JSON pointer (RFC 6901). */
export const pointerToken = (key: string | number) => String(key).replaceAll('~', '~0').replaceAll('/', '~1')

export interface Numbered {
  number: number
  finding: FindingView
}

/** Pretty-printed JSON and the marks in it. `pointer` is where the value stands in the whole. */
export function printJson(value: JsonValue, pointer = '', findings: Numbered[] = []): { text: string; marks: Mark[] } {
  const parts: string[] = []
  const marks: Mark[] = []
  let length = 0
  const put = (text: string) => {
    parts.push(text)
    length += text.length
  }
  const escaped = (piece: string) => JSON.stringify(piece).length - 2
  /** A string, and the marks in it. */
  const string = (text: string, here: Numbered[]) => {
    const start = length
    put(JSON.stringify(text))
    for (const mark of marksIn(text, here)) {
      const from = start + 1 + escaped(text.slice(0, mark.start))
      marks.push({ ...mark, start: from, end: from + escaped(text.slice(mark.start, mark.end)) })
    }
  }
  const name = (key: string, pointer: string) =>
    string(key, findings.filter(({ finding }) => finding.inName && finding.pointer === pointer))
  const write = (item: JsonValue, at: string, indent: string) => {
    const here = findings.filter(({ finding }) => finding.pointer === at && !finding.inName)
    const start = length
    if (typeof item === 'string') {
      string(item, here)
      return
    }
    if (Array.isArray(item) && item.length > 0) {
      put('[\n')
      item.forEach((entry, i) => {
        put(`${indent}  `)
        write(entry, `${at}/${i}`, `${indent}  `)
        put(i + 1 < item.length ? ',\n' : '\n')
      })
      put(`${indent}]`)
    } else if (isObject(item) && Object.keys(item).length > 0) {
      put('{\n')
      const entries = Object.entries(item)
      entries.forEach(([key, entry], i) => {
        put(`${indent}  `)
        name(key, `${at}/${pointerToken(key)}`)
        put(': ')
        write(entry, `${at}/${pointerToken(key)}`, `${indent}  `)
        put(i + 1 < entries.length ? ',\n' : '\n')
      })
      put(`${indent}}`)
    } else {
      put(JSON.stringify(item))
    }
    for (const { number, finding } of here) marks.push({ number, finding, start, end: length })
  }
  write(value, pointer, '')
  return { text: parts.join(''), marks }
}

/** A call's arguments in one line, as a person writes them. */
export function inlineArguments(value: JsonValue): string {
  if (!isObject(value)) return value === null ? '' : JSON.stringify(value)
  return Object.entries(value)
    .map(([key, entry]) => `${key}: ${JSON.stringify(entry)}`)
    .join(', ')
}

/** The value at a pointer, if there is one. */
export function at(value: JsonValue, pointer: string): JsonValue | undefined {
  let here: JsonValue | undefined = value
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(here)) here = here[Number(key)]
    else if (isObject(here) && Object.hasOwn(here, key)) here = here[key]
    else return undefined
  }
  return here
}
