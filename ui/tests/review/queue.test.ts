import { screen, waitFor } from '@testing-library/svelte'
import { describe, expect, test } from 'vitest'

import { crawler, notes, payment } from '../../src/host/fake/questions'
import { armed, click, key, open, pass } from './window'

describe('the queue', () => {
  test('is there only where more than one waits', async () => {
    await open({ seeds: [payment] })
    expect(screen.queryByTestId('queue')).toBeNull()
  })

  test('oldest first; what is over is greyed', async () => {
    await open({ seeds: [payment, crawler, notes] })
    expect(screen.getAllByTestId('queue-item').map((e) => e.getAttribute('data-id'))).toEqual([notes.id, crawler.id, payment.id])
    expect(screen.getByTestId('review').getAttribute('data-id')).toBe(crawler.id)
    expect(screen.getByTestId('queue-count').textContent).toBe('2')
  })

  test('a thousand cost no more than what is in sight', async () => {
    await open({ seeds: Array.from({ length: 1000 }, (_, i) => ({ ...payment, id: `q${i}`, secondsAgo: 1000 - i })) })
    expect(screen.getAllByTestId('queue-item').length).toBeLessThan(60)
    expect(screen.getByTestId('queue-count').textContent).toBe('1,000')
  })

  describe('what is nearly the same', () => {
    const ask = (n: number, secondsAgo: number) => ({
      ...payment,
      id: `a${n}`,
      secondsAgo,
      request: { ...payment.request, messages: [{ role: 'user', content: { type: 'text', text: `Pay ${n} EUR to Acme GmbH now?` } }] },
    })
    const flood = () => [ask(1, 90), ask(2, 80), ask(3, 70), ask(4, 60), crawler]
    const shown = () => screen.getAllByTestId('queue-item').map((e) => e.getAttribute('data-id'))

    test('folds into one card, which unfolds', async () => {
      await open({ seeds: flood() })
      expect(shown()).toEqual([crawler.id, 'a1'])
      expect(screen.getByTestId('queue-count').textContent).toBe('5')
      await click('fold')
      // Only the rows in sight are drawn.
      expect(shown()).toEqual([crawler.id, 'a1', 'a2', 'a3'])
      await click('fold')
      expect(shown()).toEqual([crawler.id, 'a1'])
    })

    test('is read by its differences to the first, which are marked and can be unmarked', async () => {
      await open({ seeds: flood() })
      await key(']')
      expect(screen.getByTestId('alike').textContent).toContain('1 of 4')
      expect(screen.queryByTestId('unmark')).toBeNull()
      await key(']')
      await pass(20)
      expect(screen.getByTestId('alike').textContent).toContain('2 of 4')
      expect(screen.getByTestId('message').querySelector('del')?.textContent).toContain('1')
      expect(screen.getByTestId('message').querySelector('ins')?.textContent).toContain('2')
      await click('unmark')
      expect(screen.getByTestId('message').querySelector('del, ins')).toBeNull()
      await click('mark')
      await pass(20)
      expect(screen.getByTestId('message').querySelector('ins')).not.toBeNull()
    })

    test('stays one decision each', async () => {
      const host = await open({ seeds: flood() })
      await key(']')
      await armed()
      await key('a')
      expect(host.acted).toEqual([{ id: 'a1', revision: 1, action: { type: 'approve' } }])
    })
  })

  describe('after three quick denials', () => {
    async function denied(n: number) {
      const host = await open({ seeds: Array.from({ length: 5 }, (_, i) => ({ ...payment, id: `p${i}`, secondsAgo: 90 - i })) })
      for (let i = 0; i < n; i += 1) {
        await armed()
        await key('d')
        await click('deny-confirm')
        await pass(200)
      }
      return host
    }

    test('and not before, blocking is offered', async () => {
      await denied(2)
      expect(screen.queryByTestId('often')).toBeNull()
    })

    test('blocking denies the rest and says how to take it back', async () => {
      const host = await denied(3)
      expect(screen.getByTestId('often').textContent).toContain('You denied three requests of payments')
      expect(host.blocked).toEqual([])
      await click('block-server')
      await pass(50)
      expect(host.blocked).toEqual(['payments'])
      expect(screen.getByTestId('last').textContent).toContain('Sampling is off for payments')
    })

    test('muting keeps the rest waiting, and can be ended', async () => {
      const host = await denied(3)
      await click('mute')
      await pass(200)
      expect(screen.queryByTestId('often')).toBeNull()
      expect(screen.getByTestId('muted').textContent).toContain('payments is muted until')
      expect(host.question('p3').phase).toBe('request')
      await click('unmute')
      await pass(200)
      expect(screen.queryByTestId('muted')).toBeNull()
    })

    test('the offer can be put away', async () => {
      await denied(3)
      await click('not-now')
      await pass(200)
      expect(screen.queryByTestId('often')).toBeNull()
    })
  })

  test('all of one server can be denied', async () => {
    const host = await open({ seeds: [payment, { ...payment, id: 'p2' }, crawler] })
    await key(']')
    await armed()
    await key('d')
    await click('deny-all')
    expect([payment.id, 'p2', crawler.id].map((id) => host.question(id).phase)).toEqual(['closed', 'closed', 'request'])
  })

  test('the address chooses the question', async () => {
    location.hash = `#${payment.id}`
    await open({ seeds: [payment, crawler] })
    expect(screen.getByTestId('review').getAttribute('data-id')).toBe(payment.id)
  })

  test('an open window goes where it is asked to', async () => {
    const host = await open({ seeds: [payment, crawler] })
    host.goto({ id: payment.id })
    await waitFor(() => expect(screen.getByTestId('review').getAttribute('data-id')).toBe(payment.id))
  })
})
