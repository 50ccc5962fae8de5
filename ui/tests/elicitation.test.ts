import { render, screen } from '@testing-library/svelte'
import axe from 'axe-core'
import { tick } from 'svelte'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { createFakeHost, type FakeHost } from '../src/host/fake'
import { booking, connect, phishing, type FormSeed } from '../src/host/fake/elicitation'
import Window from '../src/review/Window.svelte'
import { view } from './setup'

beforeEach(() => {
  location.hash = ''
  Object.assign(view, { inView: true, ratio: 1, height: 20 })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance', 'requestAnimationFrame', 'cancelAnimationFrame'] })
})
afterEach(() => void vi.useRealTimers())

const pass = async (ms: number) => {
  await vi.advanceTimersByTimeAsync(ms)
  await tick()
}
async function open(...forms: FormSeed[]): Promise<FakeHost> {
  const host = createFakeHost({ seeds: [], forms })
  render(Window, { host })
  await pass(1200)
  return host
}
const key = async (k: string) => {
  ;(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true, cancelable: true }))
  await pass(0)
}
const click = async (testid: string) => {
  const element = screen.getByTestId(testid)
  element.dispatchEvent(new Event('pointerdown', { bubbles: true }))
  element.click()
  await pass(0)
}
const field = (name: string) => document.querySelector<HTMLElement>(`[data-testid=field][data-name="${name}"]`)!
const input = (name: string) => field(name).querySelector<HTMLInputElement>('[data-testid=field-input]')!
const type = async (name: string, text: string) => {
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
    const host = await open(booking)
    expect(screen.getByTestId('title').textContent).toContain('asks for your input')
    expect(dead('accept')).toBe('true')
    expect(screen.getByTestId('open-fields').textContent).toContain('Guest, E-mail')
    await key('a')
    expect(actions(host)).toEqual([])
    await type('guest', 'Ann')
    await type('mail', 'ann@example.org')
    await choose('extras', 'pet')
    await choose('breakfast', 'false')
    expect(dead('accept')).toBe('false')
    await click('accept')
    expect(actions(host)).toEqual([
      { type: 'accept', values: { guest: 'Ann', mail: 'ann@example.org', nights: '2', breakfast: false, room: 'dbl', extras: ['pet'], currency: 'EUR' } },
    ])
  })

  test('says at each field what is wrong, and ties it to the field', async () => {
    await open(booking)
    expect(field('mail').querySelector('[data-testid=field-problem]')!.textContent).toBe('')
    await type('mail', 'nobody')
    const problem = field('mail').querySelector('[data-testid=field-problem]')!
    expect(problem.textContent).toContain('e-mail address')
    expect(input('mail').getAttribute('aria-describedby')!.split(' ')).toContain(problem.id)
    expect(input('mail').getAttribute('aria-invalid')).toBe('true')
    expect(input('mail').labels![0]!.textContent).toContain('E-mail')
    expect(field('nights').querySelector('[data-testid=field-suggested]')!.textContent).toContain('Suggested by travel')
  })

  test('keeps what was typed when the window closes', async () => {
    const host = await open(booking)
    await type('guest', 'Ann')
    expect(host.form(booking.id).typed).toMatchObject({ guest: 'Ann' })
    document.body.innerHTML = ''
    render(Window, { host })
    await pass(1200)
    expect(input('guest').value).toBe('Ann')
  })

  test('can be declined and cancelled, and Enter does neither', async () => {
    const host = await open(booking, { ...booking, id: 'other' })
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
    const host = await open(booking)
    host.endForm(booking.id, 'withdrawn by the server')
    await pass(200)
    expect(screen.getByTestId<HTMLFieldSetElement>('form').disabled).toBe(true)
    expect(screen.queryByTestId('accept')).toBeNull()
  })

  test('that asks for a password says so where it does, and Accept waits until that was seen', async () => {
    view.inView = false
    await open(phishing)
    expect(field('password').querySelector('[data-testid=field-secret]')!.textContent).toContain('asks for a password')
    expect(input('password').getAttribute('aria-describedby')).toContain('secret')
    await type('user', 'ann')
    await type('password', 'x')
    expect(dead('accept')).toBe('true')
    expect(screen.getByTestId('unseen').textContent).toContain('flagged')
  })

  test('shows text of servers as text', async () => {
    const evil = '<img src=x onerror=alert(1)>\u202Egnp'
    const fields = booking.asks.mode === 'form' ? booking.asks.fields.map((f) => ({ ...f, title: evil, description: evil })) : []
    await open({ ...booking, message: evil, asks: { mode: 'form', fields } })
    expect(document.querySelector('img')).toBeNull()
    expect(screen.getByTestId('message').textContent).toContain('<img src=x')
  })
})

describe('an address', () => {
  test('is shown whole with its host, and goes on only by Accept', async () => {
    const host = await open(connect)
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
  await open(seed)
  vi.useRealTimers()
  document.documentElement.lang = 'en'
  document.title = 'Samplegate'
  const { violations } = await axe.run(document.documentElement, { rules: { 'color-contrast': { enabled: false } }, resultTypes: ['violations'] })
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ').slice(0, 300)}`)).toEqual([])
}, 60_000)
