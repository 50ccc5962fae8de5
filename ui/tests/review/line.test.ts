import { screen, within } from '@testing-library/svelte'
import { tick } from 'svelte'
import { describe, expect, test } from 'vitest'

import { crawler, payment, weather } from '../../src/host/fake/questions'
import { armed, click, decided, key, open, pass, phase, type } from './window'

describe('the main line', () => {
  test('approve, see the answer, return it', async () => {
    const host = await open({ seeds: [payment] })
    expect(screen.getByTestId('title').textContent).toBe('payments asks your model to write something')
    await armed()
    await key('a')
    expect(phase()).toBe('answering')
    await pass(200)
    expect(phase()).toBe('answer')
    expect(screen.getByTestId('answer').textContent).toContain('yes')
    await armed()
    await click('return')
    await pass(200)
    expect(decided(host)).toEqual(['approve', 'return'])
    expect(screen.getByTestId('empty').textContent).toContain('Nothing waits for you')
  })

  test('another model is a choice before the first gate, and is asked at the second', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    const models = host.question(payment.id).models.map(({ name }) => name)
    const pick = async (name: string) => {
      await key('m')
      screen.getAllByTestId('model-option').find((e) => e.getAttribute('data-name') === name)!.click()
      await pass(0)
    }
    await pick(models[1]!)
    expect(phase()).toBe('request')
    await armed()
    await key('a')
    await pass(200)
    expect(phase()).toBe('answer')
    await armed()
    await pick(models[0]!)
    expect(host.acted.slice(-1)[0]!.action).toEqual({ type: 'askAgain', model: models[0] })
  })

  test('high risk goes on only once the name was typed, at each gate', async () => {
    const host = await open({ seeds: [{ ...payment, confirm: 'confirm_payment' }] })
    await armed()
    await key('a')
    expect(phase()).toBe('request')
    expect(screen.getByTestId('act-error').textContent).toContain('confirm_payment')
    await type('typed-name', 'confirm_paymen')
    expect(screen.getByTestId('approve').getAttribute('aria-disabled')).toBe('true')
    await type('typed-name', 'confirm_payment')
    await click('approve')
    await pass(200)
    expect(phase()).toBe('answer')
    expect(screen.getByTestId<HTMLInputElement>('typed-name').value).toBe('')
    await armed()
    await click('return')
    expect(phase()).toBe('answer')
    await type('typed-name', 'confirm_payment')
    await click('return')
    await pass(200)
    expect(decided(host).filter((type) => type !== 'confirm')).toEqual(['approve', 'return'])
  })

  test('high risk is asked again only once the name was typed', async () => {
    const host = await open({ seeds: [{ ...payment, confirm: 'confirm_payment' }] })
    await armed()
    await type('typed-name', 'confirm_payment')
    await click('approve')
    await pass(200)
    await armed()
    expect(screen.getByTestId('ask-again').getAttribute('aria-disabled')).toBe('true')
    await type('typed-name', 'confirm_payment')
    await click('ask-again')
    expect(decided(host).slice(-2)).toEqual(['confirm', 'askAgain'])
  })

  test('where the person is the default, a model can be chosen all the same', async () => {
    const host = await open({ seeds: [{ ...payment, noneProposed: true }] })
    await armed()
    expect(screen.queryByTestId('approve')).toBeNull()
    expect(screen.getByTestId('fact-model').textContent).toContain('you')
    await key('m')
    screen.getAllByTestId('model-option')[1]!.click()
    await pass(0)
    expect(host.acted.slice(-1)[0]!.action.type).toBe('chooseModel')
    await armed()
    await click('approve')
    expect(decided(host)).toEqual(['chooseModel', 'approve'])
  })

  test('each decision names the revision on the screen', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    host.bump(payment.id)
    await pass(1200)
    await key('a')
    expect(host.acted[0]).toMatchObject({ id: payment.id, revision: 2 })
  })

  test('says once what was really painted', async () => {
    const host = await open({ seeds: [payment] })
    await pass(100)
    expect(host.shown).toEqual([{ id: payment.id, revision: 1 }])
  })

  test('deny with a reason; Enter in the field is enough', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await key('d')
    await type('deny-reason', 'not today')
    screen.getByTestId<HTMLFormElement>('deny-form').requestSubmit()
    await pass(0)
    expect(host.acted[0]!.action).toEqual({ type: 'deny', reason: 'not today' })
  })

  test('answer by hand: a quick reply needs two clicks', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await key('w')
    screen.getAllByTestId('quick-reply')[0]!.click()
    await tick()
    expect(screen.getByTestId<HTMLTextAreaElement>('answer-text').value).toBe('yes')
    expect(host.acted).toEqual([])
    screen.getAllByTestId('quick-reply')[0]!.click()
    await pass(0)
    expect(host.acted[0]!.action).toEqual({ type: 'answerByHand', text: 'yes' })
  })

  test('edit: the whole params go, the difference stays, it can be undone', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    await key('e')
    await type('edit-text', 'Pay 10.00 EUR to Acme GmbH (INV-2041)?')
    await type('edit-max-tokens', '8')
    await click('edit-save')
    expect(host.acted[0]!.action).toEqual({
      type: 'editRequest',
      params: { ...payment.request, maxTokens: 8, messages: [{ role: 'user', content: { type: 'text', text: 'Pay 10.00 EUR to Acme GmbH (INV-2041)?' } }] },
    })
    const diff = screen.getByTestId('diff')
    expect(diff.querySelector('del')!.textContent).toContain('1000')
    expect(diff.querySelector('ins')!.textContent).toContain('10')
    expect(screen.getByTestId('fact-max-tokens').textContent).toContain('16')
    await click('revert')
    expect(screen.queryByTestId('diff')).toBeNull()
  })

  test('what the app refuses about an edit is said beside it, and the edit is kept', async () => {
    const host = await open({ seeds: [payment] })
    host.reviewAct = async () => {
      throw { code: 'invalid', message: 'The text is too long.' }
    }
    await armed()
    await key('e')
    await type('edit-text', 'changed')
    await click('edit-save')
    expect(screen.getByTestId('edit-error').textContent).toContain('The text is too long.')
    expect(screen.getByTestId<HTMLTextAreaElement>('edit-text').value).toBe('changed')
  })

  test('a stale decision is not taken; the question is read again and has to be looked at again', async () => {
    const host = await open({ seeds: [payment] })
    await armed()
    const act = host.reviewAct
    host.reviewAct = async (id, revision, action) => {
      host.question(id).revision += 1
      host.reviewAct = act
      return act(id, revision, action)
    }
    await key('a')
    await pass(10)
    expect(screen.getByTestId('act-error').textContent).toContain('It changed meanwhile')
    expect(screen.getByTestId('review').getAttribute('data-revision')).toBe('2')
    expect(phase()).toBe('request')
    expect(screen.getByTestId('approve').getAttribute('aria-disabled')).toBe('true')
  })

  test('stop keeps what came so far; other model and ask again', async () => {
    const host = await open({ seeds: [crawler] })
    await armed()
    await key('a')
    await pass(100)
    await key('s')
    expect(phase()).toBe('answer')
    expect(screen.getByTestId('answer').textContent).toContain('The page')
    await armed()
    await key('m')
    within(screen.getByTestId('models-dialog')).getAllByTestId('model-option')[1]!.click()
    await pass(0)
    await pass(5000)
    await armed()
    await key('r')
    expect(host.acted.map(({ action }) => action)).toEqual([
      { type: 'approve' }, { type: 'stop' }, { type: 'askAgain', model: 'gpt' }, { type: 'askAgain', model: null },
    ])
  })

  test('each tool call of an answer is shown', async () => {
    await open({ seeds: [weather] })
    await armed()
    await key('a')
    await pass(500)
    const blocks = within(screen.getByTestId('answer')).getAllByTestId('block')
    expect(blocks.map((b) => b.getAttribute('data-kind'))).toEqual(['text', 'tool_use', 'tool_use'])
    expect(blocks[1]!.textContent).toContain('Lisbon')
    expect(blocks[2]!.textContent).toContain('Porto')
  })

  test('a failed model offers what the app offers', async () => {
    await open({ seeds: [{ ...payment, fails: 'The model answered 401.' }] })
    await armed()
    await key('a')
    await pass(500)
    expect(screen.getByTestId('answer-error').textContent).toContain('The model answered 401.')
    expect(screen.queryByTestId('return')).toBeNull()
    for (const id of ['ask-again', 'other-model', 'answer-by-hand', 'deny']) expect(screen.getByTestId(id)).toBeTruthy()
  })
})
