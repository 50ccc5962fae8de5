import { screen, within } from '@testing-library/svelte'
import { describe, expect, test } from 'vitest'

import { createFakeHost } from '../../src/host/fake'
import { everything, payment, type Seed } from '../../src/host/fake/questions'
import { armed, key, open, pass, show } from './window'

describe('the bar offers exactly the actions', () => {
  const buttons: { [action: string]: string } = { approve: 'approve', edit: 'edit', revert: 'revert', deny: 'deny', answerByHand: 'answer-by-hand', stop: 'stop', askAgain: 'ask-again', return: 'return' }
  const names = Object.keys(buttons)
  // Every pair of actions, and none, and all.
  const sets = [[], names, ...names.map((n) => [n]), ...names.flatMap((n, i) => names.slice(i + 1).map((m) => [n, m]))]
  test.each(sets.map((s) => [s.join(' ') || 'none', s] as const))('%s', async (_, actions) => {
    const host = createFakeHost({ seeds: [payment] })
    host.question(payment.id).actions = [...actions] as never
    await show(host)
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

  test('the hint of a server by which a model is proposed is text like any other of its words', async () => {
    const host = createFakeHost({ seeds: [payment] })
    const question = host.question(payment.id)
    question.models = question.models.map((model) => ({ ...model, why: 'hint “a\u202eb” matched' }))
    await show(host)
    expect(screen.getByTestId('fact-model').textContent).toContain('U+202E')
    await armed()
    await key('m')
    expect(screen.getByTestId('models-dialog').textContent).toContain('U+202E')
    expect(document.body.textContent).not.toContain('\u202e')
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
