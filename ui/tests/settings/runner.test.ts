import { screen, within } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import { click, open, settle, type } from './window'

describe('tool runner', () => {
  test('the form’s defaults run; a waiting question leads to the review', async () => {
    const host = await open('tools')
    const start = vi.spyOn(host, 'callStart')
    await settle()
    await click('run-tool')
    expect(start).toHaveBeenCalledWith({ server: 'demo', kind: 'tool', name: 'confirm_payment', arguments: { amount: 1000, to: 'Acme GmbH', currency: 'EUR' } })
    await settle(80)
    await click('run-review')
    expect(host.opened).toMatchObject([{ name: 'review', goto: { id: expect.any(String) } }])
  })

  test('what is wrong is said and nothing runs', async () => {
    const host = await open('tools')
    const start = vi.spyOn(host, 'callStart')
    await settle()
    await type('run-name', 'rewrite')
    await settle()
    await click('run-tool')
    expect(screen.getByTestId('field-problem').textContent).toBe('This is needed.')
    expect(start).not.toHaveBeenCalled()
  })

  test('a result shows every kind of block and the structured content', async () => {
    await open('tools')
    await settle()
    await type('run-name', 'everything')
    await settle()
    await click('run-tool')
    await settle(200)
    const result = screen.getByTestId('run-result')
    expect(within(result).getAllByTestId('block').map((b) => b.getAttribute('data-kind'))).toEqual(['text', 'image', 'audio', 'resource'])
    expect(result.textContent).toContain('Receipt 2041')
    expect(result.textContent).toContain('Structured content')
  })
})

describe('welcome', () => {
  test('greets on the first run, and “Try it” runs the demo and opens the review', async () => {
    const host = await open('', { firstRun: true })
    await settle()
    const start = vi.spyOn(host, 'callStart')
    await click('try-it')
    expect(start).toHaveBeenCalledWith({ server: 'demo', kind: 'tool', name: 'confirm_payment', arguments: { amount: 1000, to: 'Acme GmbH' } })
    expect(host.opened).toMatchObject([{ name: 'review' }])
  })
})
