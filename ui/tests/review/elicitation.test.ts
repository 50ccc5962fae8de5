import { screen } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import type { FormField } from '../../src/bindings/FormField'
import type { FakeHost } from '../../src/host/fake'
import { booking, connect, formField, type FormSeed, phishing } from '../../src/host/fake/elicitation'
import { endlessForm } from '../../src/host/fake/hostile'
import { accessible } from '../accessible'
import { view } from '../setup'
import { armed, click, key, open, pass, show } from './window'

async function ask(...forms: FormSeed[]): Promise<FakeHost> {
  const host = await open({ forms })
  await armed()
  return host
}
const field = (name: string) => document.querySelector<HTMLElement>(`[data-testid=field][data-name="${name}"]`)!
const input = (name: string) => field(name).querySelector<HTMLInputElement>('[data-testid=field-input]')!
const fill = async (name: string, text: string) => {
  const element = input(name)
  element.focus()
  element.value = text
  element.dispatchEvent(new Event('input', { bubbles: true }))
  element.blur()
  await pass(300)
}
const choose = async (name: string, value: string) => {
  field(name).querySelector<HTMLInputElement>(`[data-testid=choice][data-value="${value}"]`)!.click()
  await pass(300)
}
const actions = (host: FakeHost) => host.acted.map(({ action }) => action).filter(({ type }) => type !== 'fill')
const dead = (testid: string) => screen.getByTestId(testid).getAttribute('aria-disabled')

describe('a form', () => {
  test('is filled in, checked and accepted as it stands', async () => {
    const host = await ask(booking)
    expect(screen.getByTestId('title').textContent).toContain('asks for your input')
    expect(dead('accept')).toBe('true')
    expect(screen.getByTestId('open-fields').textContent).toContain('Guest, E-mail')
    await key('a')
    expect(actions(host)).toEqual([])
    await fill('guest', 'Ann')
    await fill('mail', 'ann@example.org')
    await choose('extras', 'pet')
    await choose('breakfast', 'false')
    expect(dead('accept')).toBe('false')
    await click('accept')
    expect(actions(host)).toEqual([
      { type: 'accept', values: { guest: 'Ann', mail: 'ann@example.org', nights: '2', breakfast: false, room: 'dbl', extras: ['pet'], currency: 'EUR' } },
    ])
  })

  test('says at each field what is wrong, and ties it to the field', async () => {
    await ask(booking)
    expect(field('mail').querySelector('[data-testid=field-problem]')!.textContent).toBe('')
    await fill('mail', 'nobody')
    const problem = field('mail').querySelector('[data-testid=field-problem]')!
    expect(problem.textContent).toContain('e-mail address')
    expect(input('mail').getAttribute('aria-describedby')!.split(' ')).toContain(problem.id)
    expect(input('mail').getAttribute('aria-invalid')).toBe('true')
    expect(input('mail').labels![0]!.textContent).toContain('E-mail')
    expect(field('nights').querySelector('[data-testid=field-suggested]')!.textContent).toContain('Suggested by travel')
  })

  test('keeps what was typed when the window closes', async () => {
    const host = await ask(booking)
    await fill('guest', 'Ann')
    expect(host.form(booking.id).typed).toMatchObject({ guest: 'Ann' })
    document.body.innerHTML = ''
    await show(host)
    await armed()
    expect(input('guest').value).toBe('Ann')
  })

  test('keeps what was typed last when another question is chosen at once', async () => {
    const host = await ask(booking, { ...booking, id: 'other' })
    field('extras').querySelector<HTMLInputElement>('[data-value=pet]')!.click()
    document.querySelector<HTMLElement>('[data-testid=paper]')!.focus()
    await key(']')
    await pass(20)
    expect(screen.getByTestId('review').dataset['id']).toBe('other')
    expect(host.form(booking.id).typed).toMatchObject({ extras: ['pet'] })
    await pass(1200)
    expect(screen.getByTestId('review').dataset['id'], 'what came back for the first does not show it again').toBe('other')
  })

  test('says why what is typed is not kept', async () => {
    const host = await ask(booking)
    const { reviewAct } = host
    host.reviewAct = () => Promise.reject({ code: 'invalid', message: 'too much is typed: at most 256 KiB are kept' })
    await fill('guest', 'A'.repeat(500))
    expect(screen.getByTestId('act-error').textContent).toContain('too much is typed')
    expect(dead('accept')).toBe('true')
    host.reviewAct = reviewAct
    await fill('guest', 'Ann')
    expect(screen.queryByTestId('act-error')).toBeNull()
    expect(host.form(booking.id).typed).toMatchObject({ guest: 'Ann' })
  })

  test('whose question changes meanwhile keeps what is typed', async () => {
    const host = await ask(booking)
    host.form(booking.id).revision += 1
    await fill('guest', 'Ann')
    expect(host.form(booking.id).typed).toMatchObject({ guest: 'Ann' })
    expect(input('guest').value).toBe('Ann')
  })

  test('is put away by Escape from its fields too, and keeps what stands in them', async () => {
    const host = await ask(booking)
    input('guest').focus()
    input('guest').value = 'Ann'
    input('guest').dispatchEvent(new Event('input', { bubbles: true }))
    await key('Escape', { isComposing: true })
    expect(host.laterCount).toBe(0)
    await key('Escape')
    expect(host.laterCount).toBe(1)
    expect(host.form(booking.id).typed).toMatchObject({ guest: 'Ann' })
    expect(actions(host)).toEqual([])
  })

  test('stays where what is typed cannot be kept', async () => {
    const host = await ask(booking)
    host.reviewAct = () => Promise.reject({ code: 'invalid', message: 'too much is typed' })
    input('guest').focus()
    input('guest').value = 'A'
    input('guest').dispatchEvent(new Event('input', { bubbles: true }))
    await key('Escape')
    expect(host.laterCount).toBe(0)
    expect(screen.getByTestId('act-error').textContent).toContain('too much is typed')
  })

  test('may name its fields and choices as it likes', async () => {
    const names = ['__proto__', 'constructor', 'toString']
    const choices = [{ value: 'undefined', title: 'No answer' }, { value: 'null', title: 'Yes\u202e' }]
    const fields: FormField[] = [
      ...names.map((name) => formField(name, { required: true })),
      formField('few', { takes: { type: 'one', choices } }),
      formField('many', { takes: { type: 'one', choices: [...choices, ...'abcdef'].map((c) => (typeof c === 'string' ? { value: c, title: null } : c)) } }),
    ]
    const host = await ask({ ...booking, asks: { mode: 'form', fields } })
    for (const name of names) {
      expect(input(name).value).toBe('')
      await fill(name, 'x')
    }
    expect([...field('few').querySelectorAll('label')].map((label) => label.textContent)).toEqual(['No answerundefined', 'YesU+202E right-to-left overridenull', 'No answer'])
    expect(input('many').querySelector('[value=null]')!.textContent).toBe('Yes[U+202E right-to-left override]')
    await click('accept')
    expect(JSON.stringify(actions(host))).toBe('[{"type":"accept","values":{"__proto__":"x","constructor":"x","toString":"x"}}]')
  })

  test('with endless names leaves room for the buttons: what is open is named in a line', async () => {
    await ask(endlessForm)
    const open = screen.getByTestId('open-fields').textContent!
    expect([...open].length).toBeLessThan(200)
    expect(open).toContain('invoice')
    expect(document.querySelector('[data-testid=field]')!.textContent).toContain('W'.repeat(5000))
  })

  test('can be declined and cancelled, and Enter does neither', async () => {
    const host = await ask(booking, { ...booking, id: 'other' })
    input('guest').focus()
    await key('Enter')
    expect(actions(host)).toEqual([])
    document.querySelector<HTMLElement>('[data-testid=paper]')!.focus()
    await key('c')
    expect(actions(host)).toEqual([{ type: 'cancel' }])
    await pass(1200)
    await key('d')
    await click('deny-confirm')
    expect(actions(host).slice(1)).toEqual([{ type: 'deny', reason: '' }])
  })

  test('that is over cannot be filled in any more', async () => {
    const host = await ask(booking)
    host.endForm(booking.id, 'withdrawn by the server')
    await pass(200)
    expect(screen.getByTestId<HTMLFieldSetElement>('form').disabled).toBe(true)
    expect(screen.queryByTestId('accept')).toBeNull()
  })

  test('that asks for a password says so where it does, and Accept waits until that was seen', async () => {
    view.inView = false
    await ask(phishing)
    expect(field('password').querySelector('[data-testid=field-secret]')!.textContent).toContain('asks for a password')
    expect(input('password').getAttribute('aria-describedby')).toContain('secret')
    await fill('user', 'ann')
    await fill('password', 'x')
    expect(dead('accept')).toBe('true')
    expect(screen.getByTestId('unseen').textContent).toContain('flagged')
  })

  test('shows text of servers as text', async () => {
    const evil = '<img src=x onerror=alert(1)>\u202Egnp'
    const fields = booking.asks.mode === 'form' ? booking.asks.fields.map((f) => ({ ...f, title: evil, description: evil })) : []
    await ask({ ...booking, message: evil, asks: { mode: 'form', fields } })
    expect(document.querySelector('img')).toBeNull()
    expect(screen.getByTestId('message').textContent).toContain('<img src=x')
  })
})

describe('an address', () => {
  test('is shown whole with its host, and goes on only by Accept', async () => {
    const host = await ask(connect)
    expect(screen.getByTestId('url-host').textContent).toBe('accounts.xn--exmple-cua.org')
    expect(screen.getByTestId('url-full').textContent).toBe('https://accounts.xn--exmple-cua.org/connect?state=8f3a&scope=calendar.read')
    expect(screen.getByTestId('url-full').querySelector('b')!.textContent).toBe('xn--exmple-cua.org')
    expect(screen.getByTestId('url-warnings').textContent).toContain('looks like')
    expect(document.querySelector('a')).toBeNull()
    await key('a')
    expect(actions(host)).toEqual([{ type: 'accept', values: {} }])
  })
})

test.each([['a form', booking], ['one that asks for a password', phishing], ['an address', connect]])('a screen reader finds its way: %s', async (_, seed) => {
  await ask(seed)
  vi.useRealTimers()
  await accessible()
})
