import { screen, within } from '@testing-library/svelte'
import { tick } from 'svelte'
import { describe, expect, test, vi } from 'vitest'

import { click, one, open, settle, type } from './window'

describe('what is approved of a server', () => {
  const approval = async (part?: string, name = 'keywords') => {
    const host = await open('servers')
    const keywords = one('server', 'name', name)
    await click('server-approval', keywords)
    if (part) await click(`part-${part}`)
    return host
  }

  test('“only these” without a model is said, not saved', async () => {
    const host = await approval(undefined, 'weather')
    const save = vi.spyOn(host, 'serverRecordSave')
    await click('record-models-only')
    await click('record-save')
    expect(screen.getByTestId('record-error').textContent).toContain('Choose the models')
    expect(save).not.toHaveBeenCalled()
    screen.getAllByTestId('record-model')[0]!.click()
    await settle()
    await click('record-save')
    expect(save.mock.calls[0]![1].models).toHaveLength(1)
  })

  test('a record that is due says so and is renewed with one click', async () => {
    await approval()
    expect(screen.getByTestId('record-due').textContent).toContain('the record was due on 2024-05-01')
    await click('record-renew')
    expect(screen.queryByTestId('record-due')).toBeNull()
  })

  test('a record is copied, saved and has its history', async () => {
    const host = await approval()
    const written: string[] = []
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (text: string) => void written.push(text) } })
    await click('record-copy-markdown')
    await click('record-copy-json')
    expect(written).toEqual([await host.serverRecordText('keywords', 'markdown'), await host.serverRecordText('keywords', 'json')])
    await click('record-save-markdown')
    expect(screen.getByTestId('record-said').textContent).toContain('/home/jo/Downloads/samplegate-record-keywords.md')
    expect(within(screen.getByTestId('record-history')).getAllByRole('listitem', { hidden: true })).toHaveLength(2)
  })

  test('a proposal is accepted with a click, and a label is taken away', async () => {
    const host = await approval('tools')
    const tool = () => one('tool-risk', 'name', 'confirm_payment')
    expect(within(tool()).getByTestId('tool-proposal').textContent).toContain('can destroy something')
    await click('tool-accept', tool())
    let said = (await host.serverRisk('keywords')).tools[0]!
    expect([said.risk, said.labels]).toEqual(['high', ['outward']])
    expect(within(tool()).queryByTestId('tool-proposal')).toBeNull()
    within(tool()).getAllByTestId('tool-label').find((e) => e.getAttribute('data-label') === 'outward')!.click()
    await settle()
    said = (await host.serverRisk('keywords')).tools[0]!
    expect(said.labels).toEqual([])
    await click('typed-confirmation')
    expect((await host.serverRisk('keywords')).typedConfirmation).toBe(true)
  })

  test('the tools of a server that connects while they are looked at are listed', async () => {
    const host = await open('servers')
    const none = { ...(await host.serverRisk('keywords')), tools: [] }
    const risk = vi.spyOn(host, 'serverRisk').mockResolvedValue(none)
    await click('server-approval', screen.getAllByTestId('server')[1])
    await click('part-tools')
    expect(screen.queryAllByTestId('tool-risk')).toEqual([])
    risk.mockRestore()
    await host.serverRestart('keywords')
    await settle(200)
    expect(screen.getAllByTestId('tool-risk')).toHaveLength(2)
  })

  test('limits: only what differs is saved, and what is no number is not', async () => {
    const host = await approval('limits')
    const save = vi.spyOn(host, 'limitsSave')
    const row = (key: string) => one('limit', 'key', key)
    expect(within(row('per_day')).getByTestId('limit-used').textContent).toBe('41')
    expect(within(row('usd_per_day')).getByTestId('limit-used').textContent).toBe('$0.12')
    const put = async (key: string, text: string) => {
      const field = within(row(key)).getByTestId<HTMLInputElement>('limit-value')
      field.value = text
      field.dispatchEvent(new Event('input', { bubbles: true }))
      await tick()
    }
    await put('per_day', '1.5')
    await click('limits-save')
    expect(screen.getByTestId('limits-error').textContent).toContain('Questions a day')
    expect(save).not.toHaveBeenCalled()
    await put('per_day', '20')
    await put('usd_per_day', '0.5')
    within(row('per_call')).getByTestId('limit-none').click()
    await tick()
    await click('limits-save')
    expect(save).toHaveBeenCalledWith({ of: 'server', name: 'keywords' }, { per_day: 20, usd_per_day: 0.5, per_call: 'none' })
  })

  test('a new server may not sample until its record is filled in, and what each choice means is said', async () => {
    const host = await open('servers')
    const save = vi.spyOn(host, 'serverRecordSave')
    await click('server-add')
    expect(screen.getByTestId('sampling-later').textContent).toContain('approval record')
    await type('server-name', 'new')
    await type('server-command', 'new-mcp')
    await click('server-save')
    expect((await host.serversList()).find((s) => s.config.name === 'new')!.config.sampling).toBe('off')
    expect(screen.getByTestId('record-form')).toBeTruthy()
    const said: string[] = []
    for (const value of ['off', 'rules', 'ask']) {
      screen.getByTestId(`record-sampling-${value}`).click()
      await tick()
      said.push(screen.getByTestId('sampling-means').textContent)
    }
    expect(new Set(said).size).toBe(3)
    await type('record-purpose', 'Sums up')
    await click('record-models-local')
    await click('record-tools-only')
    await type('record-tool-names', 'fetch, search ')
    await click('record-gate-answer')
    expect(screen.getByTestId<HTMLInputElement>('record-gate-request').disabled).toBe(true)
    await click('record-save')
    expect(save).toHaveBeenCalledWith('new', expect.objectContaining({
      sampling: 'ask', gates: 'request', purpose: 'Sums up', models: ['class:local'], owner: 'jo',
      samplingTools: { type: 'only', names: ['fetch', 'search'] }, allowTrifecta: false,
    }))
    expect(screen.queryByTestId('record-form')).toBeNull()
  })
})
