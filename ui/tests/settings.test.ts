import { render, screen, within } from '@testing-library/svelte'
import { tick } from 'svelte'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import AuditWindow from '../src/audit/Window.svelte'
import type { RuleInput } from '../src/bindings/RuleInput'
import { createFakeHost, type FakeOptions } from '../src/host/fake'
import { noFilter } from '../src/host/fake/audit'
import { grants } from '../src/host/fake/grants'
import { anyRule, asSaved } from '../src/settings/rule'
import SettingsWindow from '../src/settings/Window.svelte'

const settle = async (ms = 30) => {
  await new Promise((done) => setTimeout(done, ms))
  await tick()
}
async function open(section: string, options: FakeOptions = {}) {
  location.hash = section
  const host = createFakeHost({ seeds: [], streamMs: 5, ...options })
  render(SettingsWindow, { host })
  await settle()
  return host
}
const type = async (testid: string, text: string, at = 0) => {
  const field = screen.getAllByTestId<HTMLInputElement>(testid)[at]!
  field.value = text
  field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))
  await tick()
}
const click = async (testid: string, within_?: HTMLElement) => {
  ;(within_ ? within(within_) : screen).getByTestId(testid).click()
  await settle()
}
beforeEach(() => void (location.hash = ''))

describe('servers', () => {
  test('a command line is taken apart and saved', async () => {
    const host = await open('servers')
    const save = vi.spyOn(host, 'serverSave')
    await click('server-add')
    await type('server-name', 'new')
    await type('server-command', 'uv run --with "fast mcp" x.py')
    await click('server-env-add')
    await type('server-env-name', 'TOKEN')
    await type('server-env-value', 's3cret')
    screen.getByTestId('server-env-secret').click()
    await click('server-save')
    expect(save).toHaveBeenCalledWith(null, {
      name: 'new',
      transport: { type: 'stdio', command: 'uv', args: ['run', '--with', 'fast mcp', 'x.py'], cwd: null, env: [{ name: 'TOKEN', value: 's3cret', secret: true }] },
      enabled: true,
      sampling: 'off',
      gates: 'both',
      samplingTools: { type: 'none' },
    })
    await settle(150)
    expect(screen.queryByTestId('server-form')).toBeNull()
    expect(screen.getAllByTestId('server').map((e) => e.getAttribute('data-name'))).toContain('new')
  })

  test('a person sees where they would sign in before the browser opens, and what was granted', async () => {
    const host = await open('servers')
    const opened = vi.spyOn(host, 'serverLoginOpen')
    const card = () => screen.getAllByTestId('server').find((e) => e.getAttribute('data-name') === 'drive')!
    expect(within(card()).getByTestId('server-state').textContent).toBe('needs you to sign in')
    await click('server-sign-in', card())
    await settle(120)
    expect(within(card()).getByTestId('server-login-host').textContent).toBe('sign-in.example.com')
    expect(opened).not.toHaveBeenCalled()
    await click('server-sign-in-cancel', card())
    await settle(120)
    await click('server-sign-in', card())
    await settle(120)
    await click('server-sign-in-open', card())
    expect(opened).toHaveBeenCalledWith('drive', false)
    await settle(200)
    expect(within(card()).getByTestId('server-login').textContent).toContain('Signed in at sign-in.example.com')
    expect(within(card()).getByTestId('server-login-wanted').textContent).toContain('files:write')
    await click('server-sign-out', card())
    await settle(120)
    expect(within(card()).getByTestId('server-login').getAttribute('data-step')).toBe('signedOut')
  })

  test('the host of a stranger cannot pass for another', async () => {
    const host = await open('servers')
    host.serverLogin = async () => { throw { code: 'failed', message: 'where to sign in could not be found out: \u202egpj.exe' } }
    const card = screen.getAllByTestId('server').find((e) => e.getAttribute('data-name') === 'drive')!
    await click('server-sign-in', card)
    const told = within(card).getByTestId('server-login-error')
    expect(told.textContent).not.toContain('\u202e')
  })

  test('a client id is saved, and its secret only when it is typed', async () => {
    const host = await open('servers')
    const save = vi.spyOn(host, 'serverSave')
    const card = screen.getAllByTestId('server').find((e) => e.getAttribute('data-name') === 'drive')!
    await click('server-edit', card)
    await type('server-client-id', 'abc')
    await click('server-save')
    expect(save.mock.lastCall![1].oauth).toEqual({ clientId: 'abc', hasSecret: false })
  })

  test('a server that changed shows how, and is approved as it was shown', async () => {
    const host = await open('servers')
    const approve = vi.spyOn(host, 'serverApprove')
    const save = vi.spyOn(host, 'serverSave')
    const card = screen.getAllByTestId('server').find((e) => e.getAttribute('data-name') === 'keywords')!
    expect(within(card).getByTestId('server-changed').textContent).toBe('changed')
    const drift = within(card).getByTestId('pin-drift')
    expect(within(drift).getAllByTestId('pin-difference').map((e) => e.getAttribute('data-change'))).toEqual(['changed', 'changed', 'added'])
    expect(drift.textContent).toContain('read ~/.ssh/id_rsa')
    expect(within(drift).getByTestId('pin-finding').textContent).toContain('spell “add”')
    // What is not seen is drawn.
    expect(drift.querySelector('[data-testid=chip], .chip')).not.toBeNull()
    await click('pin-sampling-off', drift)
    expect(save).toHaveBeenCalledWith('keywords', expect.objectContaining({ sampling: 'off' }))
    await click('pin-approve', drift)
    expect(approve).toHaveBeenCalledWith('keywords', 'b2'.repeat(32))
    await settle(150)
    expect(screen.queryByTestId('pin-drift')).toBeNull()
    expect(screen.queryByTestId('server-changed')).toBeNull()
  })

  test('what was pinned unfolds, and what cannot be pinned says what to write', async () => {
    await open('servers')
    const card = screen.getAllByTestId('server').find((e) => e.getAttribute('data-name') === 'weather')!
    expect(within(card).getByTestId('pin-unpinned').textContent).toContain('npx fetches what')
    const pin = within(card).getByTestId<HTMLDetailsElement>('pin')
    expect(pin.textContent).toContain('2 tools')
    expect(pin.textContent).not.toContain('SHA-256')
    pin.open = true
    await settle()
    expect(pin.textContent).toContain('program’s SHA-256')
    expect(within(card).getByTestId('pin-unpinned').textContent).toContain('npx -y weather-mcp@1.2.3')
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

  const approval = async (part?: string, name = 'keywords') => {
    const host = await open('servers')
    const keywords = screen.getAllByTestId('server').find((e) => e.getAttribute('data-name') === name)!
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
    const tool = () => screen.getAllByTestId('tool-risk').find((e) => e.getAttribute('data-name') === 'confirm_payment')!
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
    const row = (key: string) => screen.getAllByTestId('limit').find((e) => e.getAttribute('data-key') === key)!
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
    expect(save).toHaveBeenCalledWith('keywords', { per_day: 20, usd_per_day: 0.5, per_call: 'none' })
  })

  test('what is stored and secret is kept when nothing is typed', async () => {
    const host = await open('servers')
    const save = vi.spyOn(host, 'serverSave')
    const keywords = screen.getAllByTestId('server').find((e) => e.getAttribute('data-name') === 'keywords')!
    await click('server-edit', keywords)
    await click('server-save')
    expect(save.mock.calls[0]![1]).toEqual((await host.serversList()).find((s) => s.config.name === 'keywords')!.config)
  })

  test('why a server failed is said with its last lines', async () => {
    await open('servers')
    expect(screen.getByTestId('server-stderr').textContent).toContain('ModuleNotFoundError')
  })

  test('what holds up a server is said', async () => {
    location.hash = 'servers'
    const host = createFakeHost({ seeds: [] })
    const [first, second] = await host.serversList()
    vi.spyOn(host, 'serversList').mockResolvedValue([
      { ...first!, state: { state: 'starting', waitsFor: 'the keychain' } },
      { ...second!, state: { state: 'starting' } },
    ])
    render(SettingsWindow, { host })
    await settle()
    expect(screen.getAllByTestId('server-state').map((e) => e.textContent)).toEqual(['starting: waiting for the keychain', 'starting'])
  })
})

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

describe('models', () => {
  test('a key goes in and leaves nothing behind', async () => {
    const host = await open('models')
    const save = vi.spyOn(host, 'modelSave')
    await click('model-add')
    await type('model-name', 'mine')
    await type('model-id', 'gpt-6-sol')
    await type('model-key', 'sk-very-secret')
    await click('model-save')
    expect(save).toHaveBeenCalledWith(null, { name: 'mine', provider: 'openai', baseUrl: null, model: 'gpt-6-sol', key: { type: 'keychain', value: 'sk-very-secret' } })
    await settle(150)
    expect(document.body.innerHTML).not.toContain('sk-very-secret')
  })

  test('the person can be the default', async () => {
    const host = await open('models')
    const human = screen.getAllByTestId('model').find((e) => e.getAttribute('data-name') === 'human')!
    await click('model-default', human)
    expect((await host.status()).defaultModel).toBe('human')
  })

  test('a local model that was found is one form away', async () => {
    await open('models')
    await click('find-local')
    screen.getAllByTestId('found-add')[1]!.click()
    await settle()
    expect(screen.getByTestId<HTMLInputElement>('model-id').value).toBe('llama3.2:3b')
    expect(screen.getByTestId<HTMLSelectElement>('model-key-kind').value).toBe('none')
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

describe('grants', () => {
  test('each says what it allows, since when, on which question, and how often it was used', async () => {
    const host = await open('grants', { grants })
    const rows = screen.getAllByTestId('grant')
    expect(rows.map((row) => row.getAttribute('data-id'))).toEqual(grants.map(({ id }) => id))
    expect(within(rows[0]!).getByTestId('grant-sentence').textContent).toBe(`${grants[0]!.sentence}.`)
    expect(rows[0]!.textContent).toMatch(/Given .* by ada, on this question · used 3 times, last .* · ends /)
    expect(rows[2]!.textContent).toContain('not used yet')
    expect(within(rows[2]!).getByTestId('grant-suspended').textContent).toContain('It allows nothing now. The review date')
    await click('grant-question', rows[0])
    expect(host.opened).toEqual([{ name: 'audit', goto: { id: grants[0]!.question } }])
  })

  test('one is revoked at once, all of them on the second press', async () => {
    const host = await open('grants', { grants })
    await click('grant-revoke', screen.getAllByTestId('grant')[1])
    await settle(150)
    expect(screen.getAllByTestId('grant').map((row) => row.getAttribute('data-id'))).toEqual([grants[0]!.id, grants[2]!.id])
    await click('grants-revoke-all')
    expect(await host.grantsList()).toHaveLength(2)
    await click('grants-revoke-all')
    await settle(150)
    expect(await host.grantsList()).toEqual([])
    expect(screen.getByTestId('grants-none').textContent).toContain('No grants.')
  })

  test('one that is over meanwhile is told', async () => {
    const host = await open('grants', { grants })
    vi.spyOn(host, 'grantRevoke').mockRejectedValue({ code: 'notFound', message: 'there is no grant 1: it was revoked, or is over' })
    await click('grant-revoke', screen.getAllByTestId('grant')[0])
    expect(screen.getByTestId('grant-error').textContent).toContain('was revoked, or is over')
  })
})

describe('audit', () => {
  async function audit() {
    location.hash = ''
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
