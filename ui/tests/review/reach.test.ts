import { screen } from '@testing-library/svelte'
import { describe, expect, test } from 'vitest'

import { keywords, offered, payment } from '../../src/host/fake/questions'
import { armed, click, key, open, pass, phase } from './window'

describe('how far it reaches', () => {
  const reach = async (scope: string) => {
    const list = screen.getByTestId<HTMLSelectElement>('scope')
    list.value = scope
    list.dispatchEvent(new Event('change', { bubbles: true }))
    await pass(0)
  }
  const tick_ = async (testid: string) => {
    screen.getByTestId(testid).click()
    await pass(0)
  }

  test('this time only, unless somebody says so', async () => {
    const host = await open({ seeds: [payment] })
    expect(screen.getByTestId<HTMLSelectElement>('scope').value).toBe('')
    expect(screen.queryByTestId('reach')).toBeNull()
    await armed()
    await key('a')
    expect(host.acted[0]!.action).toEqual({ type: 'approve' })
  })

  test('says exactly what it lets through, and the answers only where that is chosen too', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await reach('minutes')
    const offered = host.question(payment.id).offer.scopes.find(({ scope }) => scope === 'minutes')!
    expect(screen.getByTestId('reach-says').textContent).toBe(`From now on: ${offered.says}.`)
    expect(screen.getByTestId<HTMLInputElement>('reach-answers').checked).toBe(false)
    await tick_('reach-answers')
    expect(screen.getByTestId('reach-says').textContent).toBe(`From now on: ${offered.withAnswers}.`)
    await tick_('reach-answers')
    await armed()
    await key('a')
    expect(host.acted[0]!.action).toEqual({ type: 'grant', scope: 'minutes', answers: false })
  })

  test('what was chosen must be read: Approve rests a moment after each change', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await reach('always')
    await key('a')
    await click('approve')
    expect(host.acted).toEqual([])
    await armed()
    await tick_('reach-answers')
    await key('a')
    expect(host.acted).toEqual([])
    await armed()
    await click('approve')
    expect(host.acted[0]!.action).toEqual({ type: 'grant', scope: 'always', answers: true })
  })

  test('by keyboard: Shift+A to the list, Enter on to the button, Escape back to this time only', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await key('A', { shiftKey: true })
    const list = screen.getByTestId<HTMLSelectElement>('scope')
    expect(document.activeElement).toBe(list)
    await reach('call')
    await key('Enter')
    expect(document.activeElement).toBe(screen.getByTestId('approve'))
    expect(host.acted).toEqual([])
    list.focus()
    await key('Escape')
    expect(list.value).toBe('')
    expect(screen.queryByTestId('reach')).toBeNull()
    await armed()
    await key('a')
    expect(host.acted[0]!.action).toEqual({ type: 'approve' })
  })

  test('begins anew at the next gate, whose list is about answers', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await reach('minutes')
    await armed()
    await key('a')
    await pass(200)
    expect(phase()).toBe('answer')
    expect(screen.getByTestId<HTMLSelectElement>('scope').value).toBe('')
    await armed()
    await reach('session')
    expect(screen.getByTestId('reach-says').textContent).toContain('answers to requests')
    expect(screen.queryByTestId('reach-answers')).toBeNull()
    await armed()
    await key('a')
    expect(host.acted[1]!.action).toEqual({ type: 'grant', scope: 'session', answers: false })
  })

  test('a question that changes is for this time again', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await reach('always')
    host.bump(payment.id)
    await pass(200)
    expect(screen.getByTestId<HTMLSelectElement>('scope').value).toBe('')
    expect(screen.queryByTestId('reach')).toBeNull()
  })

  test('where it cannot reach further, it says why and offers no list', async () => {
    await open({ seeds: [keywords] })
    expect(screen.queryByTestId('scope')).toBeNull()
    expect(screen.getByTestId('only-once').textContent).toBe('This time only. What was flagged is decided each time.')
  })
})
