import { describe, expect, test } from 'vitest'

import type { JsonObject } from '../src/text/json'
import { splitCommand, joinCommand } from '../src/settings/command-line'
import { initial, kindOf, resolve, toValue } from '../src/settings/schema'

const run = (schema: JsonObject, fill: (draft: never) => unknown = (draft) => draft) => toValue(schema, schema, fill(initial(schema, schema) as never) as never, true)

describe('a form from a schema', () => {
  const payment: JsonObject = {
    type: 'object',
    properties: {
      amount: { type: 'number', default: 1000, minimum: 0 },
      to: { type: 'string', default: 'Acme GmbH' },
      currency: { type: 'string', enum: ['EUR', 'USD'] },
      urgent: { type: 'boolean' },
      lines: { type: 'array', items: { type: 'object', properties: { text: { type: 'string' }, n: { type: 'integer' } }, required: ['text'] } },
    },
    required: ['amount', 'to'],
  }

  test('defaults are filled in, what is optional and empty is left out', () => {
    expect(run(payment)).toEqual({ value: { amount: 1000, to: 'Acme GmbH' }, problems: {} })
  })

  test('every kind of value comes out as its type', () => {
    const draft = { amount: '12.5', to: 'B', currency: '1', urgent: true, lines: [{ text: 'x', n: '3' }, { text: 'y', n: '' }] }
    expect(toValue(payment, payment, draft, true)).toEqual({
      value: { amount: 12.5, to: 'B', currency: 'USD', urgent: true, lines: [{ text: 'x', n: 3 }, { text: 'y' }] },
      problems: {},
    })
  })

  test('what is wrong is said at its place', () => {
    const draft = { amount: '-1', to: 'B', lines: [{ text: 'x', n: '1.5' }] }
    expect(toValue(payment, payment, draft, true).problems).toEqual({ '/amount': 'At least 0.', '/lines/0/n': 'A whole number, please.' })
    expect(toValue(payment, payment, { amount: '', to: '' }, true).problems).toEqual({ '/amount': 'This is needed.' })
    expect(toValue(payment, payment, { amount: 'ten', to: 'x' }, true).problems).toEqual({ '/amount': 'This is not a number.' })
  })

  test('references, “or null” and nested definitions are followed', () => {
    const schema: JsonObject = {
      type: 'object',
      $defs: { Style: { type: 'object', properties: { tone: { enum: ['plain', 'formal'] } }, required: ['tone'] } },
      properties: {
        style: { $ref: '#/$defs/Style' },
        limit: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null },
        both: { type: ['string', 'null'] },
      },
    }
    expect(kindOf(resolve({ $ref: '#/$defs/Style' }, schema))).toBe('object')
    expect(run(schema)).toEqual({ value: {}, problems: {} })
    expect(toValue(schema, schema, { style: { tone: '1' }, limit: '5', both: 'x' }, true).value).toEqual({ style: { tone: 'formal' }, limit: 5, both: 'x' })
    expect(toValue(schema, schema, { style: { tone: '' }, limit: '', both: '' }, true)).toEqual({ value: {}, problems: {} })
  })

  test('what the form cannot express is JSON', () => {
    const schema: JsonObject = { type: 'object', properties: { any: {}, either: { oneOf: [{ type: 'string' }, { type: 'number' }] } }, required: ['either'] }
    expect(toValue(schema, schema, { any: '', either: '[1, 2]' }, true)).toEqual({ value: { either: [1, 2] }, problems: {} })
    expect(toValue(schema, schema, { any: '{', either: '' }, true).problems).toEqual({ '/any': 'This is not JSON.', '/either': 'This is needed.' })
  })

  test('endless references and odd keys do no harm', () => {
    const loop: JsonObject = { $ref: '#' }
    expect(() => resolve(loop, loop)).not.toThrow()
    const odd: JsonObject = { type: 'object', properties: { 'a/b~c': { type: 'string' }, ['__proto__']: { type: 'string' } } }
    expect(toValue(odd, odd, { 'a/b~c': 'x' }, true).value).toEqual({ 'a/b~c': 'x' })
  })
})

describe('command lines', () => {
  test('are taken apart as a shell does, without expanding anything', () => {
    expect(splitCommand(`uv run --with 'a b' "c \\" d" e\\ f ''`)).toEqual(['uv', 'run', '--with', 'a b', 'c " d', 'e f', ''])
    expect(splitCommand('C:\\tools\\x.exe $HOME *')).toEqual(['C:\\tools\\x.exe', '$HOME', '*'])
  })
  test('there and back', () => {
    const words = ['a', 'b c', "it's", '', '"', '--x=1', '$HOME']
    expect(splitCommand(joinCommand(words))).toEqual(words)
  })
})
