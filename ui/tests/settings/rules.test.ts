import { screen } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import type { RuleInput } from '../../src/bindings/RuleInput'
import { noFilter } from '../../src/host/fake/audit'
import { anyRule, asSaved } from '../../src/settings/rule'
import { click, open, settle, type } from './window'

describe('rules', () => {
  const preview = async () => {
    await settle(120)
    return screen.getByTestId('rule-preview').textContent
  }

  test('a rule is added as its sentence says, which the app behind it gives', async () => {
    const host = await open('rules')
    const saved = vi.spyOn(host, 'ruleSave')
    await click('rule-add')
    expect(document.activeElement).toBe(screen.getByTestId('rule-server'))
    await type('rule-server', 'keywords')
    await type('rule-action', 'deny')
    expect(await preview()).toBe('Deny requests and answers of keywords.')
    await click('rule-save')
    expect(saved).toHaveBeenCalledWith({ ...anyRule(), server: 'keywords', action: { type: 'deny' } })
    await settle(150)
    expect(screen.queryByTestId('rule-form')).toBeNull()
    expect(screen.getAllByTestId('rule').at(-1)!.textContent).toContain('Deny requests and answers of keywords')
  })

  test('every condition is saved, and what belongs to another action is left out', async () => {
    const host = await open('rules')
    const saved = vi.spyOn(host, 'ruleSave')
    await click('rule-add')
    expect(screen.getByTestId<HTMLDetailsElement>('rule-more').open).toBe(false)
    await type('rule-action', 'allow')
    await type('rule-prompt-form', 'template')
    await type('rule-prompt-text', 'Summarise {file:word 1..60}.')
    await type('rule-system-form', 'exact')
    await click('rule-argument-add')
    await type('rule-argument-name', 'path')
    await type('rule-argument-is-text', '/tmp/*')
    for (const [field, value] of [['kind', 'sampling'], ['findings', 'high'], ['tools', 'none'], ['context', 'false'], ['max-bytes', '1000'], ['max-tokens', '200'], ['model', 'gpt'], ['host', 'here'], ['hours', '08:00-18:00'], ['expires', '2030-01-01T00:00'], ['uses', '5'], ['note', 'for tests']])
      await type(`rule-${field}`, value!)
    const whole = {
      ...anyRule(), action: { type: 'allow' }, prompt: { form: 'template', text: 'Summarise {file:word 1..60}.' }, systemPrompt: { form: 'exact', text: '' },
      arguments: [{ name: 'path', is: { form: 'glob', text: '/tmp/*' } }], kind: 'sampling', findings: 'high', tools: { type: 'none' }, includeContext: false,
      maxBytes: 1000, maxTokens: 200, model: 'gpt', host: 'here', hours: '08:00-18:00', expires: new Date('2030-01-01T00:00').toISOString(), uses: 5, note: 'for tests',
    }
    await click('rule-save')
    expect(saved).toHaveBeenLastCalledWith(whole)
    expect(asSaved({ ...whole, action: { type: 'deny' } } as RuleInput).uses).toBeNull()
  })

  test('a rule about tool calls has the conditions of tool calls and no others', async () => {
    const host = await open('rules')
    const saved = vi.spyOn(host, 'ruleSave')
    await click('rule-add')
    await type('rule-prompt-form', 'exact')
    await type('rule-prompt-text', 'left over')
    await type('rule-kind', 'tool_call')
    expect(screen.queryByTestId('rule-prompt-text')).toBeNull()
    expect(screen.queryByTestId('rule-model')).toBeNull()
    expect([...screen.getByTestId<HTMLSelectElement>('rule-action').options].map((o) => o.value)).toEqual(['ask', 'allow', 'deny'])
    await type('rule-action', 'allow')
    for (const [field, value] of [['risk', 'low'], ['read-only', 'true'], ['destructive', 'false']]) await type(`rule-${field}`, value!)
    const meant = { ...anyRule(), action: { type: 'allow' }, kind: 'tool_call', risk: 'low', readOnly: true, destructive: false }
    await click('rule-save')
    expect(saved).toHaveBeenLastCalledWith(meant)
    expect(asSaved({ ...meant, kind: 'sampling' } as RuleInput)).toMatchObject({ readOnly: null, destructive: null })
  })

  test('what is wrong is said at its field, and nothing is saved', async () => {
    const host = await open('rules')
    const saved = vi.spyOn(host, 'ruleSave')
    await click('rule-add')
    await type('rule-prompt-form', 'regex')
    await type('rule-prompt-text', '(')
    await type('rule-hours', 'noon')
    expect(await preview()).toBe('…')
    const field = screen.getByTestId('rule-prompt-text')
    expect(field.getAttribute('aria-invalid')).toBe('true')
    expect(document.getElementById(field.getAttribute('aria-describedby')!)!.textContent).toContain('not a regular expression')
    expect(screen.getByTestId('rule-hours-problem').textContent).toContain('hours are like')
    await click('rule-save')
    expect(saved).not.toHaveBeenCalled()
    expect(screen.getByTestId('rule-form-error').textContent).toContain('marked')
  })

  test('a rule is tried before it is saved, each question with the way to its entry', async () => {
    const host = await open('rules')
    const tried = vi.spyOn(host, 'ruleTry')
    await click('rule-add')
    await type('rule-action', 'deny')
    await type('rule-server', 'crawler')
    expect(tried).not.toHaveBeenCalled()
    await click('rule-try')
    expect(tried).toHaveBeenCalledWith({ ...anyRule(), server: 'crawler', action: { type: 'deny' } }, 50)
    expect(screen.getByTestId('rule-try-sum').textContent).toMatch(/^Would have denied \d of your last 8\.$/)
    expect(screen.getAllByTestId('dry-row')).toHaveLength(8)
    screen.getAllByTestId('dry-open')[0]!.click()
    expect(host.opened).toMatchObject([{ name: 'audit', goto: { id: expect.any(String) } }])
    await type('rule-server', 'keywords')
    await settle()
    expect(screen.getByTestId('rule-try-sum').textContent).toContain('The rule was changed since.')
  })

  test('a rule from a decision is proposed and tried, and saved only by a click', async () => {
    const host = await open('rules')
    const question = (await host.auditList({ ...noFilter, outcome: 'released', limit: 1 })).rows[0]!.id
    const [saved, tried] = [vi.spyOn(host, 'ruleSave'), vi.spyOn(host, 'ruleTry')]
    host.goto({ section: `rules/${question}` })
    await settle(200)
    expect(screen.getByTestId('rule-why').textContent).toContain('You approved it. This rule was made from that question and 3 others like it.')
    expect(screen.getByTestId<HTMLDetailsElement>('rule-more').open).toBe(true)
    expect(await preview()).toContain('fits the template')
    expect(tried).toHaveBeenCalledTimes(1)
    expect(saved).not.toHaveBeenCalled()
    await click('rule-save')
    expect(saved).toHaveBeenCalledTimes(1)
  })

  test('a rule is changed, set aside, taken up and removed after a second click', async () => {
    const host = await open('rules')
    const rule = (id: string) => screen.getAllByTestId('rule').find((e) => e.dataset['id'] === id)!
    expect(rule('r1').textContent).toContain('12 of 20 uses left')
    expect(rule('r3').textContent).toContain('set aside')
    const saved = vi.spyOn(host, 'ruleSave')
    await click('rule-edit', rule('r2'))
    await type('rule-tool', 'refund')
    await click('rule-save')
    expect(saved).toHaveBeenCalledWith({ ...anyRule(), id: 'r2', server: 'payments', tool: 'refund' })
    await settle(150)
    await click('rule-enable', rule('r3'))
    await settle(150)
    expect(rule('r3').dataset['state']).toBe('active')
    const removed = vi.spyOn(host, 'ruleRemove')
    await click('rule-remove', rule('r3'))
    expect(removed).not.toHaveBeenCalled()
    await click('rule-remove', rule('r3'))
    expect(removed).toHaveBeenCalledWith('r3')
  })
})
