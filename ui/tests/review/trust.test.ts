import { screen } from '@testing-library/svelte'
import { describe, expect, test } from 'vitest'

import { crawler, keywords, payment } from '../../src/host/fake/questions'
import { view } from '../setup'
import { armed, click, decided, key, open, pass, phase, type } from './window'

describe('trust', () => {
  test('nothing can be decided in the first second', async () => {
    const host = await open({ seeds: [payment] })
    for (const k of ['a', 'd', 'w', 'e', 'Enter', ' ']) await key(k)
    await click('approve')
    await click('deny')
    await click('answer-by-hand')
    await pass(500)
    await click('approve')
    expect(host.acted).toEqual([])
    expect(screen.queryByTestId('deny-form')).toBeNull()
    expect(screen.getByTestId('approve').getAttribute('aria-disabled')).toBe('true')
  })

  test('nor in the second after focus came back', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    window.dispatchEvent(new Event('focus'))
    await key('a')
    await click('approve')
    expect(host.acted).toEqual([])
    await armed()
    await key('a')
    expect(decided(host)).toEqual(['approve'])
  })

  test('a press that began before the button was armed does not count', async () => {
    const host = await open({ seeds: [payment] })
    const button = screen.getByTestId('approve')
    button.dispatchEvent(new Event('pointerdown', { bubbles: true }))
    await armed()
    button.dispatchEvent(new MouseEvent('click', { bubbles: true, detail: 1 }))
    await pass(0)
    expect(host.acted).toEqual([])
  })

  test('held keys and Enter never approve', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await key('a', { repeat: true })
    screen.getByTestId('approve').focus()
    const enter = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true })
    screen.getByTestId('approve').dispatchEvent(enter)
    expect(enter.defaultPrevented).toBe(true)
    expect(host.acted).toEqual([])
  })

  test('the next question comes disarmed', async () => {
    const host = await open({ seeds: [payment, { ...payment, id: 'second', server: 'other', secondsAgo: 1 }] })
    await armed()
    await key('d')
    screen.getByTestId<HTMLFormElement>('deny-form').requestSubmit()
    await pass(10)
    expect(screen.getByTestId('review').getAttribute('data-id')).toBe('second')
    await key('a')
    await key('d')
    expect(decided(host)).toEqual(['deny'])
    expect(screen.queryByTestId('deny-form')).toBeNull()
  })

  test('whoever goes on while a decision is being written stays with the question they chose', async () => {
    const host = await open({ seeds: [{ ...payment, secondsAgo: 200 }, crawler] })
    await armed()
    const { reviewAct } = host
    let write = () => {}
    host.reviewAct = async (...args) => {
      await new Promise<void>((done) => (write = done))
      return reviewAct(...args)
    }
    await key('a')
    await key(']')
    await armed()
    write()
    await pass(0)
    expect(screen.getByTestId('review').getAttribute('data-id')).toBe(crawler.id)
    await pass(2000)
    expect([screen.getByTestId('review').getAttribute('data-id'), phase()]).toEqual([crawler.id, 'request'])
    expect(host.acted.map(({ id, action }) => [id, action.type])).toEqual([[payment.id, 'approve']])
  })

  test('Escape is later: the window goes, nothing is decided', async () => {
    const host = await open({ seeds: [payment] })
    await key('Escape')
    expect(host.laterCount).toBe(1)
    expect(host.acted).toEqual([])
  })

  test('Escape in a form leaves the form only', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await key('w')
    await key('Escape')
    expect(screen.queryByTestId('answer-form')).toBeNull()
    expect(host.laterCount).toBe(0)
  })

  test('keys typed into a field decide nothing', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await key('w')
    screen.getByTestId('answer-text').focus()
    for (const k of ['a', 'd', 'e', 'j']) await key(k)
    expect(host.acted).toEqual([])
    expect(screen.getByTestId('answer-form')).toBeTruthy()
  })

  test('with a grave finding Approve waits until its place and the end were seen', async () => {
    view.inView = false
    const host = await open({ seeds: [keywords] })
    await armed()
    expect(screen.getByTestId('unseen').textContent).toContain('the flagged place and the end')
    await key('a')
    await click('approve')
    expect(host.acted).toEqual([])
  })

  test('a sliver of the last line is not the end', async () => {
    Object.assign(view, { ratio: 0.05, height: 1 })
    const host = await open({ seeds: [keywords] })
    await armed()
    expect(screen.getByTestId('unseen').textContent).toContain('the flagged place and the end')
    await key('a')
    expect(host.acted).toEqual([])
  })

  test('of a place taller than the window a line is enough, of the end it is not', async () => {
    Object.assign(view, { ratio: 0.3, height: 200 })
    await open({ seeds: [keywords] })
    await armed()
    expect(screen.getByTestId('unseen').textContent).toMatch(/until you have seen\s+the end\./)
  })

  test('and can go on then', async () => {
    const host = await open({ seeds: [keywords] })
    await armed()
    expect(screen.queryByTestId('unseen')).toBeNull()
    await key('a')
    expect(decided(host)).toEqual(['approve'])
  })

  test('a withdrawn question is greyed, stays readable and cannot be decided', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    host.withdraw(payment.id)
    await pass(50)
    expect(screen.getByTestId('ended').textContent).toContain('withdrawn by the server')
    expect(screen.getByTestId('message').textContent).toContain('Pay 1000.00 EUR')
    expect(screen.queryByTestId('decisions')).toBeNull()
    await key('a')
    expect(host.acted).toEqual([])
  })

  describe('a withdrawn question, when the next one comes,', () => {
    const shown = () => screen.getByTestId('review').getAttribute('data-id')

    test('makes place for it, which can be decided after its second', async () => {
      const host = await open({ seeds: [payment] })
      await armed()
      host.withdraw(payment.id)
      await pass(200)
      expect(shown()).toBe(payment.id)
      host.put(crawler)
      await pass(200)
      expect(shown()).toBe(crawler.id)
      await key('a')
      expect(host.acted).toEqual([])
      await armed()
      await key('a')
      expect(host.acted.map(({ id }) => id)).toEqual([crawler.id])
    })

    test('makes place for it though both came to pass at once', async () => {
      const host = await open({ seeds: [payment] })
      await armed()
      host.withdraw(payment.id)
      host.put(crawler)
      await pass(200)
      expect(shown()).toBe(crawler.id)
    })

    test('makes place for an answer that comes back, when its request was approved in a notification', async () => {
      const host = await open({ seeds: [payment], streamMs: 200 })
      await armed()
      host.withdraw(payment.id)
      host.put(crawler)
      await host.reviewAct(crawler.id, 1, { type: 'approve' })
      await pass(150)
      expect(shown()).toBe(payment.id)
      await pass(60_000)
      expect([shown(), phase()]).toEqual([crawler.id, 'answer'])
    })

    test.each([
      ['d', 'deny-reason', 'written'],
      ['w', 'answer-text', 'written'],
      ['e', 'edit-text', 'request-editor'],
    ])('stays while %s was being written into %s, says so and offers the next', async (k, field, kept) => {
      const host = await open({ seeds: [payment] })
      await armed()
      await key(k)
      await type(field, 'half a sentence')
      host.withdraw(payment.id)
      await pass(200)
      host.put(crawler)
      await pass(200)
      expect(shown()).toBe(payment.id)
      expect(screen.getByTestId('kept').textContent).toContain('another question waits')
      const place = screen.getByTestId(kept)
      expect([place.textContent, ...[...place.querySelectorAll('textarea')].map(({ value }) => value)].join(' ')).toContain('half a sentence')
      expect(screen.queryByTestId('edit-save')).toBeNull()
      await click('next')
      await pass(50)
      expect(shown()).toBe(crawler.id)
      await armed()
      await key('w')
      expect(screen.getByTestId<HTMLTextAreaElement>('answer-text').value).toBe('')
    })
  })
})
