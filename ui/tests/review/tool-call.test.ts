import { screen, within } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import { fakeCall, flaggedCall } from '../../src/host/fake/calls'
import { endlessCall } from '../../src/host/fake/hostile'
import { payment } from '../../src/host/fake/questions'
import { accessible } from '../accessible'
import { view } from '../setup'
import { armed, click, key, open, pass, phase, write } from './window'

const argument = (name: string) => screen.getAllByTestId('argument').find((a) => a.dataset['name'] === name)!

describe('a host’s tool call', () => {
  test('says who calls what, by whose word, with which arguments, and is made when it is approved', async () => {
    const host = await open({ calls: [fakeCall()] })
    expect(screen.getByTestId('title').textContent).toBe('claude-code wants to call write_file of files')
    const tool = within(screen.getByTestId('called-tool'))
    expect(tool.getByTestId('tool-risk').textContent).toBe('medium risk')
    expect(tool.getByText('It reads private data.')).toBeTruthy()
    const claims = screen.getByTestId('tool-claims').textContent
    expect(claims).toContain('Its server says, which may be untrue')
    expect(claims).toContain('It does not only read, can destroy something.')
    expect(argument('text').textContent).toContain('milk\nbread')
    expect(argument('mode').textContent).toContain('"append": true')
    // Nothing of a model is offered.
    for (const none of ['answer-by-hand', 'choose-model', 'outgoing']) expect(screen.queryByTestId(none)).toBeNull()
    await key('a')
    expect(host.acted).toEqual([])
    await armed()
    await key('a')
    expect(host.acted.map(({ action }) => action.type)).toEqual(['approve'])
    expect(host.shown[0]).toEqual({ id: 'call-1', revision: 1 })
  })

  test('with an endless name is told by its beginning, with the whole below', async () => {
    await open({ calls: [endlessCall()] })
    expect(screen.getByTestId('title').textContent).toBe(`claude-code wants to call ${'W'.repeat(63)}… of files`)
    expect(screen.getByTestId('tool-name').textContent).toBe('W'.repeat(5000))
  })

  test('is edited with the difference kept', async () => {
    const host = await open({ calls: [fakeCall()] })
    await armed()
    await key('e')
    const parts = screen.getAllByTestId('edit-part')
    await write(parts[0]!, '/notes/other.txt')
    await write(parts[2]!, '{"append": ')
    await click('edit-save')
    expect(host.acted, 'no JSON yet').toEqual([])
    await write(parts[2]!, '{"append": false}')
    await click('edit-save')
    const params = { name: 'write_file', arguments: { path: '/notes/other.txt', text: 'milk\nbread', mode: { append: false } } }
    expect(host.acted[0]!.action).toEqual({ type: 'editRequest', params })
    await pass(20)
    expect(argument('path').querySelector('del, [data-op=del]') ?? argument('path').textContent).toBeTruthy()
    expect(argument('path').textContent).toContain('other')
    expect(screen.getByTestId('revert')).toBeTruthy()
    await armed()
    await click('approve')
    expect(host.acted.at(-1)!.action.type).toBe('approve')
  })

  test('its result is looked at, edited and returned', async () => {
    const host = await open({ calls: [fakeCall()], looksAtResults: true })
    await armed()
    await key('a')
    expect(phase()).toBe('answering')
    expect(screen.getByTestId('calling')).toBeTruthy()
    await pass(200)
    expect(phase()).toBe('answer')
    expect(screen.getByTestId('title').textContent).toBe('Return this result to claude-code?')
    expect(screen.getByTestId('result').textContent).toContain('Written: /notes/list.txt')
    expect(screen.getByTestId('result').textContent).toContain('"bytes": 11')
    await armed()
    await key('e')
    await write(screen.getAllByTestId('edit-part')[0]!, 'Written.')
    await click('edit-save')
    expect(host.acted.at(-1)!.action).toEqual({ type: 'editAnswer', result: { content: [{ type: 'text', text: 'Written.' }], structuredContent: { bytes: 11 } } })
    await armed()
    await click('return')
    expect(host.acted.at(-1)!.action.type).toBe('return')
  })

  test('what is flagged is seen first, redacted, or denied', async () => {
    view.inView = false
    const host = await open({ calls: [flaggedCall()] })
    expect(screen.getByTestId('tool-unlisted')).toBeTruthy()
    expect(screen.getByTestId('tool-risk').textContent).toBe('high risk')
    expect(screen.getByText('You have not said what it can do, so it counts as able to do everything.')).toBeTruthy()
    expect(screen.getByTestId('arguments').textContent).toContain('The host sends besides: _meta')
    await armed()
    await key('a')
    expect(host.acted).toEqual([])
    expect(screen.getByTestId('unseen')).toBeTruthy()
    await key('x')
    screen.getAllByTestId<HTMLInputElement>('redact-choice').forEach((box) => expect(box.checked).toBe(box.dataset['kind'] === 'email'))
    await click('redact-apply')
    expect(host.acted[0]!.action).toEqual({ type: 'redact', findings: [1] })
    await pass(20)
    await armed()
    await key('d')
    expect(screen.getByTestId('deny-form').textContent).toContain('the host is not told')
    expect(screen.queryByTestId('mute-server')).toBeNull()
    await click('deny-confirm')
    expect(host.acted.at(-1)!.action).toEqual({ type: 'deny', reason: '' })
  })

  test('stands in the queue as a tool call', async () => {
    await open({ seeds: [payment], calls: [fakeCall()] })
    await pass(200)
    expect(screen.getByTestId('queue').textContent).toContain('tool call')
  })
})

describe('a screen reader finds its way', () => {
  test.each([
    ['a call', [fakeCall()], ''],
    ['a flagged one', [flaggedCall()], ''],
    ['the editor', [fakeCall()], 'e'],
    ['the refusal', [fakeCall()], 'd'],
    ['a result', [fakeCall()], 'a'],
  ])('%s', async (_, calls, pressed) => {
    await open({ calls, looksAtResults: true })
    await armed()
    if (pressed) await key(pressed)
    await pass(300)
    vi.useRealTimers()
    await accessible()
  })
})
