import { render } from '@testing-library/svelte'
import { describe, expect, test } from 'vitest'

import AuditWindow from '../src/audit/Window.svelte'
import { createFakeHost } from '../src/host/fake'
import { grants } from '../src/host/fake/grants'
import { assistant, crawler, everything, keywords, letter, payment } from '../src/host/fake/questions'
import ReviewWindow from '../src/review/Window.svelte'
import SettingsWindow from '../src/settings/Window.svelte'
import { accessible } from './accessible'
import { settle } from './settings/window'

describe('a screen reader finds its way', () => {
  test('settings: signing in', async () => {
    location.hash = 'servers'
    const host = createFakeHost({ seeds: [] })
    render(SettingsWindow, { host })
    await settle(60)
    await accessible()
    const within = (part: string) => document.querySelector<HTMLElement>(`[data-name=drive] [data-testid=${part}]`)!
    for (const [press, next] of [['server-sign-in', 'ready'], ['server-sign-in-open', 'waiting']] as const) {
      within(press).click()
      await settle(130)
      expect(['signedIn', next]).toContain(within('server-login').dataset['step'])
      await accessible()
    }
  })

  test.each([
    ['one question', [payment]],
    ['a flagged one in a queue', [keywords, crawler]],
    ['one with everything', [everything]],
    ['one with data', [letter]],
    ['nothing', []],
  ])('review: %s', async (_, seeds) => {
    render(ReviewWindow, { host: createFakeHost({ seeds }) })
    await settle(60)
    await accessible()
  })

  test('review: the forms', async () => {
    render(ReviewWindow, { host: createFakeHost({ seeds: [everything] }) })
    await settle(1150)
    for (const key of ['d', 'Escape', 'w', 'Escape', 'e']) {
      ;(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))
      await settle(20)
      await accessible()
    }
  })

  const press = (key: string) => (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))

  test('review: redacting', async () => {
    render(ReviewWindow, { host: createFakeHost({ seeds: [letter] }) })
    await settle(1150)
    press('x')
    await settle(60)
    expect(document.querySelector('[data-testid=redact-dialog]')).not.toBeNull()
    await accessible()
  })

  test('review: tool calls', async () => {
    render(ReviewWindow, { host: createFakeHost({ seeds: [assistant], streamMs: 0 }) })
    await settle(1150)
    press('a')
    await settle(100)
    expect(document.querySelectorAll('[data-testid=tool-call]')).toHaveLength(2)
    await accessible()
  })

  test('review: how far it reaches', async () => {
    render(ReviewWindow, { host: createFakeHost({ seeds: [payment] }) })
    await settle(1150)
    const scope = document.querySelector<HTMLSelectElement>('[data-testid=scope]')!
    scope.value = 'minutes'
    scope.dispatchEvent(new Event('change', { bubbles: true }))
    await settle(60)
    expect(document.querySelector('[data-testid=reach-says]')).not.toBeNull()
    await accessible()
  })

  test.each(['known-connect', 'known-undo'])('settings: the difference of a host’s file, %s', async (button) => {
    location.hash = 'hosts'
    render(SettingsWindow, { host: createFakeHost({ seeds: [] }) })
    await settle(150)
    document.querySelector<HTMLElement>(`[data-testid=${button}]`)!.click()
    await settle(60)
    expect(document.querySelector('[data-testid=plan-dialog]')).not.toBeNull()
    await accessible()
  })

  test('audit', async () => {
    render(AuditWindow, { host: createFakeHost({ auditTotal: 20 }) })
    await settle(60)
    document.querySelector<HTMLElement>('[data-testid=audit-row]')!.click()
    await settle(60)
    await accessible()
  })

  test.each(['record', 'tools', 'limits'])('settings: what is approved of a server, %s', async (part) => {
    location.hash = 'servers'
    render(SettingsWindow, { host: createFakeHost({ seeds: [] }) })
    await settle(150)
    document.querySelectorAll<HTMLElement>('[data-testid=server-approval]')[1]!.click()
    await settle(60)
    document.querySelector<HTMLElement>(`[data-testid=part-${part}]`)!.click()
    await settle(60)
    await accessible()
  })

  test.each(['welcome', 'servers', 'hosts', 'tools', 'models', 'rules', 'grants', 'general'])('settings: %s', async (section) => {
    location.hash = section
    render(SettingsWindow, { host: createFakeHost({ seeds: [payment], grants, trouble: [{ text: 'Something.', section: 'servers' }] }) })
    await settle(150)
    for (const id of ['server-add', 'server-import', 'model-add', 'rule-add', 'host-add']) document.querySelector<HTMLElement>(`[data-testid=${id}]`)?.click()
    await settle(60)
    await accessible()
  })
})
