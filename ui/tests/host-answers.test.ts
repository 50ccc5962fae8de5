//! What the review window says where the host that made the call answers itself.

import { expect, test } from 'vitest'

import { commandOf } from '../src/review/keys'
import { titleOf } from '../src/review/titles'
import { elicitationHint, samplingHint } from '../src/settings/host-words'
import { booking } from '../src/host/fake/elicitation'
import { createFakeHost } from '../src/host/fake'
import { payment } from '../src/host/fake/questions'

const press = (key: string) => ({ key, repeat: false, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, inField: false })

test('a question is passed on with a key of its own, and A accepts what stands here', () => {
  const both = ['deny', 'cancel', 'fill', 'accept', 'approve'] as const
  expect(commandOf(press('h'), both)).toBe('passOn')
  expect(commandOf(press('a'), both)).toBe('accept')
  expect(commandOf(press('h'), ['deny', 'accept'])).toBe(null)
  expect(commandOf(press('h'), ['deny', 'approve'])).toBe(null)
  expect(commandOf(press('a'), ['deny', 'approve'])).toBe('approve')
})

test('the title says who is asked', () => {
  const fake = createFakeHost({ forms: [booking], seeds: [payment] })
  const form = fake.form(booking.id)
  const host = form.provenance.host ?? 'The host'
  expect(titleOf({ ...form, phase: 'answering', withHost: true })).toBe(`${host} asks its user for ${form.provenance.server}`)

  const item = fake.question(payment.id)
  const own = { ...item.models[0]!, name: 'host:editor', provider: 'host', model: 'editor' }
  const asked = { ...item, provenance: { ...item.provenance, host: 'editor' }, models: [own, ...item.models] }
  expect(titleOf({ ...asked, model: own.name })).toBe(`${item.provenance.server} asks the model of editor to write something`)
  expect(titleOf(asked)).not.toContain('the model of editor')
})

test('the form says what each choice means', () => {
  for (const hints of [samplingHint, elicitationHint]) {
    expect(hints.gate).toContain('A host that does not say it can is not asked')
    expect(hints.pass).toContain('unless something is found')
  }
})
