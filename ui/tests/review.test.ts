import { render, screen, waitFor, within } from '@testing-library/svelte'
import { tick } from 'svelte'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import { createFakeHost, type FakeHost, type FakeOptions } from '../src/host/fake'
import { crawler, everything, keywords, notes, payment, weather, type Seed } from '../src/host/fake/questions'
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
/** Long enough for the window to read, paint and arm. */
const armed = () => pass(1200)

async function open(options: FakeOptions = {}): Promise<FakeHost> {
  const host = createFakeHost({ streamMs: 20, ...options })
  render(Window, { host })
  await pass(20)
  return host
}
const key = async (k: string, more: KeyboardEventInit = {}) => {
  ;(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true, cancelable: true, ...more }))
  await pass(0)
}
const click = async (testid: string) => {
  const element = screen.getByTestId(testid)
  element.dispatchEvent(new Event('pointerdown', { bubbles: true }))
  element.click()
  await pass(0)
}
const type = async (testid: string, text: string) => {
  const field = screen.getByTestId<HTMLInputElement>(testid)
  field.value = text
  field.dispatchEvent(new Event('input', { bubbles: true }))
  await tick()
}
const phase = () => screen.getByTestId('review').getAttribute('data-phase')
const decided = (host: FakeHost) => host.acted.map(({ action }) => action.type)

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

describe('the bar offers exactly the actions', () => {
  const buttons: { [action: string]: string } = { approve: 'approve', edit: 'edit', revert: 'revert', deny: 'deny', answerByHand: 'answer-by-hand', stop: 'stop', askAgain: 'ask-again', return: 'return' }
  const names = Object.keys(buttons)
  // Every pair of actions, and none, and all.
  const sets = [[], names, ...names.map((n) => [n]), ...names.flatMap((n, i) => names.slice(i + 1).map((m) => [n, m]))]
  test.each(sets.map((s) => [s.join(' ') || 'none', s] as const))('%s', async (_, actions) => {
    const host = createFakeHost({ seeds: [payment] })
    host.question(payment.id).actions = [...actions] as never
    render(Window, { host })
    await pass(20)
    for (const name of names) expect(screen.queryByTestId(buttons[name]!) !== null, name).toBe(actions.includes(name))
    expect(screen.getByTestId('later')).toBeTruthy()
  })
})

describe('nothing is hidden', () => {
  test('every part of the request is there', async () => {
    await open({ seeds: [everything] })
    const review = screen.getByTestId('review')
    expect(within(review).getAllByTestId('block').map((b) => b.getAttribute('data-kind'))).toEqual([
      'text', 'image', 'audio', 'text', 'tool_use', 'tool_result', 'text', 'resource_link',
    ])
    expect(review.querySelector('img')!.getAttribute('src')).toMatch(/^data:image\/png;base64,/)
    expect(review.querySelector('audio')!.controls).toBe(true)
    const text = review.textContent!
    for (const part of ['Describe what you see', 'look_up_date', 'Reads the dates', 'scan-04', 'ST-77', 'allServers', 'reasoning', '2,048', 'maxTokens was 8,192', 'one of 2 calls', 'That is all of it.']) {
      expect(text, part).toContain(part)
    }
    expect(screen.getByTestId('unknown-fields').textContent).toContain('never sent to a model')
    expect(review.querySelector('a')).toBeNull()
  })

  test('HTML, Markdown and addresses stay text', async () => {
    const nasty = '<img src=x onerror=alert(1)> <script>alert(1)</' + 'script> [click](https://evil.example) **bold** <a href="javascript:alert(1)">x</a> &lt;'
    const seed: Seed = {
      ...payment,
      server: nasty,
      provenance: { ...payment.provenance, serverSays: nasty, transport: nasty, host: nasty },
      request: {
        systemPrompt: nasty,
        messages: [{ role: 'user', content: [{ type: 'text', text: nasty }, { type: nasty, x: nasty }, { type: 'image', data: nasty, mimeType: 'image/svg+xml' }, { type: 'resource_link', uri: 'javascript:alert(1)', name: nasty }] }],
        tools: [{ name: nasty, description: nasty, inputSchema: { type: 'object' } }],
        metadata: { [nasty]: nasty },
        maxTokens: 1,
      },
      notes: [nasty],
      findings: [{ kind: nasty, severity: 'low', pointer: '/systemPrompt', start: 0, end: 5, inName: false, why: nasty, advice: '', label: nasty, decoded: nasty, isData: false }],
      answer: nasty,
    }
    await open({ seeds: [seed] })
    const clean = () => {
      expect(document.querySelectorAll('img, script, a, iframe, object, embed, b[onclick]')).toHaveLength(0)
      expect(document.querySelectorAll('[href], [onerror]')).toHaveLength(0)
    }
    clean()
    expect(screen.getByTestId('system-prompt').textContent).toContain(nasty)
    await armed()
    await key('a')
    await pass(2000)
    clean()
    expect(screen.getByTestId('answer').textContent).toContain(nasty)
  })

  test('an answer that the server cannot take says why and offers no Return', async () => {
    const why = 'this answer cannot be returned: it holds tool calls; edit it, ask again, or deny'
    await open({ seeds: [{ ...payment, cannotReturn: why }] })
    await armed()
    await key('a')
    await pass(2000)
    expect(screen.getByTestId('cannot-return').textContent).toBe(why)
    expect(screen.queryByTestId('return')).toBeNull()
    for (const other of ['edit', 'ask-again', 'deny']) expect(screen.getByTestId(other), other).toBeTruthy()
    await armed()
    await key('a')
    await pass(500)
    expect(screen.getByTestId('cannot-return'), 'the key does nothing').toBeTruthy()
  })

  test('odd keys are keys like any other', async () => {
    const block = JSON.parse('{"type":"text","text":"hello","__proto__":{"a":"inherited"},"toString":"own","constructor":"too"}')
    await open({ seeds: [{ ...payment, request: { messages: [{ role: 'user', content: block }, { role: 'user', content: { type: '__proto__', x: 'seen' } }, { role: 'user', content: { type: 'toString', y: 'seen too' } }], maxTokens: 1 } }] })
    const text = screen.getByTestId('paper').textContent!
    for (const part of ['inherited', '"toString": "own"', '"constructor": "too"', '"x": "seen"', '"y": "seen too"']) expect(text, part).toContain(part)
  })

  test('thousands of messages are all drawn, and “all of it” is said after them', async () => {
    const messages = Array.from({ length: 1000 }, (_, i) => ({ role: 'user', content: { type: 'text', text: `message ${i}` } }))
    await open({ seeds: [{ ...payment, request: { messages, maxTokens: 1 } }] })
    expect(screen.queryByTestId('all-shown')).toBeNull()
    await pass(2000)
    expect(screen.getAllByTestId('message')).toHaveLength(1000)
    expect(screen.getByTestId('all-shown')).toBeTruthy()
  })

  test('a long text is drawn in pieces, whole', async () => {
    const long = Array.from({ length: 20_000 }, (_, i) => `line ${i} of a long text\n`).join('')
    await open({ seeds: [{ ...payment, request: { messages: [{ role: 'user', content: { type: 'text', text: long } }], maxTokens: 1 } }] })
    expect(screen.queryByTestId('all-shown')).toBeNull()
    await pass(3000)
    expect(screen.getByTestId('message').querySelector('.text')!.textContent).toBe(long)
    expect(screen.getByTestId('all-shown')).toBeTruthy()
  })

  test('hidden characters are chips in every place that shows words of others', async () => {
    const z = 'a\u200bb\u202ec'
    await open({
      seeds: [{
        ...payment,
        provenance: { ...payment.provenance, serverSays: z, call: { callId: 'c', host: 'h', kind: 'tool', name: z, arguments: { [z]: z } } },
        request: { systemPrompt: z, messages: [{ role: 'user', content: { type: 'text', text: z } }], tools: [{ name: z, description: z }], stopSequences: [z], metadata: { k: z }, maxTokens: 1 },
      }],
    })
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node; node = walker.nextNode()) expect(node.textContent).not.toMatch(/[\u200b\u202e]/)
    expect(document.querySelectorAll('[data-hidden]').length).toBeGreaterThan(10)
  })
})

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
