import { render, screen } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import AuditWindow from '../src/audit/Window.svelte'
import { createFakeHost } from '../src/host/fake'
import { click, settle, type } from './settings/window'

describe('audit', () => {
  async function audit() {
    const host = createFakeHost({ auditTotal: 320 })
    render(AuditWindow, { host })
    await settle()
    return host
  }

  test('pages by key until the end', async () => {
    await audit()
    await settle(100)
    expect(screen.getAllByTestId('audit-row').length).toBe(320)
    const ids = screen.getAllByTestId('audit-row').map((r) => r.getAttribute('data-id'))
    expect(new Set(ids).size).toBe(320)
    expect([...ids].sort().reverse()).toEqual(ids)
  })

  test('searches when typing rests', async () => {
    const host = await audit()
    const list = vi.spyOn(host, 'auditList')
    for (const text of ['p', 'pa', 'pay']) await type('audit-search', text)
    await settle(250)
    expect(list.mock.calls.map(([q]) => q.text)).toEqual(['pay'])
  })

  test('an entry tells its story', async () => {
    await audit()
    screen.getAllByTestId('audit-row').find((r) => r.getAttribute('data-outcome') === 'released')!.click()
    await settle()
    const line = screen.getByTestId('timeline').textContent!.replace(/\s+/g, ' ')
    for (const part of ['Received from keywords', 'Approved by ada', 'Sent to claude-sonnet-5-5', 'Answer edited and approved', 'Released as edited', 'Closed as released', 'Answered by claude-sonnet-5-5, 212 tokens in', 'Checked and left to a person. One thing was flagged.']) expect(line).toContain(part)
    expect(screen.getByTestId('entry-answer').querySelector('del')).not.toBeNull()
    const call = screen.getByTestId('entry-call').textContent!
    expect(call).toContain('The call that led here')
    expect(call).toContain('elements')
  })

  test('a question to the person shows what was asked and what was told, and makes no rule', async () => {
    const host = await audit()
    const { auditShow } = host
    host.auditShow = async (id) => ({
      ...(await auditShow(id)), kind: 'elicitation', answer: null, approved: null, model: null,
      request: { message: 'Who comes?', requestedSchema: { type: 'object', properties: { guest: { type: 'string' } } } },
      released: { action: 'accept', content: { guest: 'Ann' } },
    })
    screen.getAllByTestId('audit-row')[0]!.click()
    await settle()
    expect(screen.getByTestId('entry-request').textContent).toMatch(/^The question.*"message": "Who comes\?"/s)
    const told = screen.getByTestId('entry-answer').textContent!
    expect(told).toMatch(/^What the server was told.*"action": "accept".*"guest": "Ann"/s)
    expect(told).not.toContain('Assistant')
    expect(screen.queryByTestId('entry-rule')).toBeNull()
  })

  test('verifies the chain', async () => {
    await audit()
    await click('verify')
    expect(screen.getByTestId('verify-result').getAttribute('data-ok')).toBe('true')
    expect(screen.queryByTestId('head-error')).toBeNull()
  })

  test('changes of the settings are listed with their values before and after', async () => {
    await audit()
    await click('show-changes')
    const rows = screen.getAllByTestId('change').map((row) => row.textContent!.replace(/\s+/g, ' '))
    expect(rows.length).toBe(3)
    expect(rows[0]).toContain('in the file')
    expect(rows[1]).toContain('in a window, by ada Server crawler was changed: gates.Rule r-7 was removed.')
    expect(rows[1]).toContain('servers.crawler.gates "both" "request"')
    expect(rows[1]).toContain('"action":"deny"} nothing')
    expect(screen.queryByTestId('audit-search')).toBeNull()
    await click('show-changes')
    expect(screen.queryByTestId('changes')).toBeNull()
    expect(screen.getByTestId('audit-search')).toBeTruthy()
  })

  test('a head that was noted down is looked for in the chain', async () => {
    const host = await audit()
    const verify = vi.spyOn(host, 'auditVerify')
    await click('verify')
    const head = screen.getByTestId('head-now').getAttribute('title')!
    expect(head).toMatch(/^\d+:[0-9a-f]{64}$/)
    await type('head-noted', 'nonsense')
    await click('head-check')
    expect(screen.getByTestId('head-error').textContent).toContain('is no head')
    await type('head-noted', head)
    await click('head-check')
    expect(verify.mock.calls.map(([known]) => known)).toEqual([null, 'nonsense', head])
    expect(screen.queryByTestId('head-error')).toBeNull()
    expect(screen.getByTestId('verify-result').textContent).toContain('The head that was noted down')
    await type('head-noted', head.replace(/^\d+/, '999999999'))
    await click('head-check')
    expect(screen.getByTestId('verify-result').getAttribute('data-ok')).toBe('false')
  })
})
