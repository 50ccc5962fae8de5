//! A form from a JSON Schema: what each field is, what it starts with, and the arguments that come out.
//!
//! What the form cannot express (alternatives, tuples, patterns of keys) becomes a field for raw JSON, so that nothing a
//! tool takes is out of reach.

import type { JsonValue } from '../bindings/serde_json/JsonValue'
import { isObject, pointerToken, type JsonObject } from '../text/json'

export type FieldKind = 'string' | 'number' | 'integer' | 'boolean' | 'enum' | 'array' | 'object' | 'json'

/** What stands in a field: text for strings, numbers and JSON; the index of a choice; lists; objects. */
export type Draft = string | boolean | null | Draft[] | { [key: string]: Draft }

export interface Outcome {
  /** None: the field is left out. */
  value: JsonValue | undefined
  /** What is wrong, by JSON pointer. */
  problems: { [pointer: string]: string }
}

/** Follows references and unwraps “this or null”. */
export function resolve(schema: JsonValue | undefined, root: JsonObject): JsonObject {
  let here: JsonObject = isObject(schema) ? schema : {}
  for (let depth = 0; depth < 16; depth += 1) {
    const ref = here['$ref']
    if (typeof ref === 'string' && ref.startsWith('#/')) {
      let target: JsonValue | undefined = root
      for (const token of ref.slice(2).split('/')) {
        const key = token.replaceAll('~1', '/').replaceAll('~0', '~')
        target = isObject(target) && Object.hasOwn(target, key) ? target[key] : undefined
      }
      if (!isObject(target)) return here
      const { $ref: _, ...besides } = here
      here = { ...target, ...besides }
      continue
    }
    const all = here['allOf']
    if (Array.isArray(all) && all.length === 1 && isObject(all[0])) {
      const { allOf: _, ...besides } = here
      here = { ...all[0], ...besides }
      continue
    }
    const choices = here['anyOf'] ?? here['oneOf']
    if (Array.isArray(choices)) {
      const real = choices.filter((c) => !(isObject(c) && c['type'] === 'null'))
      if (real.length === 1 && isObject(real[0])) {
        const { anyOf: _a, oneOf: _o, ...besides } = here
        here = { ...real[0], ...besides }
        continue
      }
    }
    return here
  }
  return here
}

export function kindOf(schema: JsonObject): FieldKind {
  if (Array.isArray(schema['enum']) || schema['const'] !== undefined) return 'enum'
  if (Array.isArray(schema['anyOf']) || Array.isArray(schema['oneOf'])) return 'json'
  const type = Array.isArray(schema['type']) ? schema['type'].filter((t) => t !== 'null') : [schema['type']]
  if (type.length !== 1) return 'json'
  switch (type[0]) {
    case 'string':
    case 'number':
    case 'integer':
    case 'boolean':
      return type[0]
    case 'array':
      return isObject(schema['items']) ? 'array' : 'json'
    case 'object':
      return isObject(schema['properties']) ? 'object' : 'json'
    default:
      return isObject(schema['properties']) ? 'object' : 'json'
  }
}

export const choicesOf = (schema: JsonObject): JsonValue[] =>
  Array.isArray(schema['enum']) ? schema['enum'] : schema['const'] !== undefined ? [schema['const']] : []

export const requiredOf = (schema: JsonObject): string[] =>
  Array.isArray(schema['required']) ? schema['required'].filter((r): r is string => typeof r === 'string') : []

export const propertiesOf = (schema: JsonObject): [string, JsonValue][] =>
  isObject(schema['properties']) ? Object.entries(schema['properties']) : []

/** What a field starts with: the given value, the schema's default, or nothing. */
export function initial(schemaIn: JsonValue | undefined, root: JsonObject, given?: JsonValue): Draft {
  const schema = resolve(schemaIn, root)
  const value = given ?? schema['default']
  switch (kindOf(schema)) {
    case 'string':
      return typeof value === 'string' ? value : ''
    case 'number':
    case 'integer':
      return typeof value === 'number' ? String(value) : ''
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'enum': {
      const choices = choicesOf(schema)
      const index = choices.findIndex((c) => JSON.stringify(c) === JSON.stringify(value))
      return index >= 0 ? String(index) : schema['const'] !== undefined ? '0' : ''
    }
    case 'array':
      return Array.isArray(value) ? value.map((item) => initial(schema['items'], root, item)) : []
    case 'object': {
      const object = isObject(value) ? value : {}
      return Object.fromEntries(propertiesOf(schema).map(([key, property]) => [key, initial(property, root, object[key])]))
    }
    case 'json':
      return value === undefined || value === null ? '' : JSON.stringify(value, null, 2)
  }
}

/** The value of a field, or what is wrong with it. An optional field that is empty is left out. */
export function toValue(schemaIn: JsonValue | undefined, root: JsonObject, draft: Draft, required: boolean, pointer = ''): Outcome {
  const schema = resolve(schemaIn, root)
  const none: Outcome = { value: undefined, problems: {} }
  const wrong = (why: string): Outcome => ({ value: undefined, problems: { [pointer]: why } })
  const min = (key: string) => (typeof schema[key] === 'number' ? schema[key] : undefined)
  switch (kindOf(schema)) {
    case 'string': {
      const text = typeof draft === 'string' ? draft : ''
      const least = min('minLength')
      const most = min('maxLength')
      if (text === '') return required ? (least ? wrong('This is needed.') : { value: '', problems: {} }) : none
      if (least !== undefined && [...text].length < least) return wrong(`At least ${least} characters.`)
      if (most !== undefined && [...text].length > most) return wrong(`At most ${most} characters.`)
      if (typeof schema['pattern'] === 'string') {
        try {
          if (!new RegExp(schema['pattern'], 'u').test(text)) return wrong(`It must match ${schema['pattern']}`)
        } catch {
          // A pattern that this engine cannot read is left to the server.
        }
      }
      return { value: text, problems: {} }
    }
    case 'number':
    case 'integer': {
      const text = typeof draft === 'string' ? draft.trim() : ''
      if (text === '') return required ? wrong('This is needed.') : none
      const n = Number(text)
      if (!Number.isFinite(n)) return wrong('This is not a number.')
      if (kindOf(schema) === 'integer' && !Number.isInteger(n)) return wrong('A whole number, please.')
      const [least, most, above, below] = [min('minimum'), min('maximum'), min('exclusiveMinimum'), min('exclusiveMaximum')]
      if (least !== undefined && n < least) return wrong(`At least ${least}.`)
      if (most !== undefined && n > most) return wrong(`At most ${most}.`)
      if (above !== undefined && n <= above) return wrong(`More than ${above}.`)
      if (below !== undefined && n >= below) return wrong(`Less than ${below}.`)
      return { value: n, problems: {} }
    }
    case 'boolean':
      if (typeof draft === 'boolean') return { value: draft, problems: {} }
      return required ? { value: false, problems: {} } : none
    case 'enum': {
      const value = typeof draft === 'string' && draft !== '' ? choicesOf(schema)[Number(draft)] : undefined
      if (value === undefined) return required ? wrong('Choose one.') : none
      return { value, problems: {} }
    }
    case 'array': {
      const items = Array.isArray(draft) ? draft : []
      if (items.length === 0 && !required) return none
      const results = items.map((item, i) => toValue(schema['items'], root, item, true, `${pointer}/${i}`))
      const problems = Object.assign({}, ...results.map((r) => r.problems)) as Outcome['problems']
      const [least, most] = [min('minItems'), min('maxItems')]
      if (least !== undefined && items.length < least) problems[pointer] = `At least ${least}.`
      if (most !== undefined && items.length > most) problems[pointer] = `At most ${most}.`
      return { value: results.map((r) => r.value ?? null), problems }
    }
    case 'object': {
      const object = isObject(draft) ? (draft as { [key: string]: Draft }) : {}
      const needed = requiredOf(schema)
      const value: JsonObject = {}
      const problems: Outcome['problems'] = {}
      for (const [key, property] of propertiesOf(schema)) {
        const result = toValue(property, root, object[key] ?? '', needed.includes(key), `${pointer}/${pointerToken(key)}`)
        Object.assign(problems, result.problems)
        if (result.value !== undefined) Object.defineProperty(value, key, { value: result.value, enumerable: true, configurable: true, writable: true })
      }
      // An optional object in which nothing was filled in is left out, with what its fields would need.
      if (!required && pointer !== '' && untouched(object)) return none
      return { value, problems }
    }
    case 'json': {
      const text = typeof draft === 'string' ? draft.trim() : ''
      if (text === '') return required ? wrong('This is needed.') : none
      try {
        return { value: JSON.parse(text) as JsonValue, problems: {} }
      } catch {
        return wrong('This is not JSON.')
      }
    }
  }
}

const untouched = (draft: Draft): boolean =>
  draft === '' || draft === null || (Array.isArray(draft) ? draft.length === 0 : typeof draft === 'object' && Object.values(draft).every(untouched))
