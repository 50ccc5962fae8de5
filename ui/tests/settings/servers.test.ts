import { screen, within } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import { createFakeHost } from '../../src/host/fake'
import { click, one, open, settle, show, type } from './window'

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
    const card = () => one('server', 'name', 'drive')
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
    const card = one('server', 'name', 'drive')
    await click('server-sign-in', card)
    const told = within(card).getByTestId('server-login-error')
    expect(told.textContent).not.toContain('\u202e')
  })

  test('a client id is saved, and its secret only when it is typed', async () => {
    const host = await open('servers')
    const save = vi.spyOn(host, 'serverSave')
    const card = one('server', 'name', 'drive')
    await click('server-edit', card)
    await type('server-client-id', 'abc')
    await click('server-save')
    expect(save.mock.lastCall![1].oauth).toEqual({ clientId: 'abc', hasSecret: false })
  })

  test('a server that changed shows how, and is approved as it was shown', async () => {
    const host = await open('servers')
    const approve = vi.spyOn(host, 'serverApprove')
    const save = vi.spyOn(host, 'serverSave')
    const card = one('server', 'name', 'keywords')
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

  test('a server that nobody approved shows what it is, and is approved as it was shown', async () => {
    const fake = createFakeHost({ seeds: [] })
    let approved = false
    const [list, pin] = [fake.serversList.bind(fake), fake.serverPin.bind(fake)]
    vi.spyOn(fake, 'serversList').mockImplementation(async () => (await list()).map((s) => (s.config.name === 'weather' && !approved ? { ...s, needsApproval: true, pin: { ...s.pin!, approved: null } } : s)))
    vi.spyOn(fake, 'serverPin').mockImplementation(async (name) => {
      const view = await pin(name)
      return view && name === 'weather' && !approved ? { ...view, summary: { ...view.summary, approved: null } } : view
    })
    const approve = vi.spyOn(fake, 'serverApprove').mockImplementation(async () => void (approved = true))
    await show('servers', fake)
    await settle()
    const card = one('server', 'name', 'weather')
    expect(within(card).getByTestId('server-unapproved').textContent).toBe('not approved')
    expect(within(card).getByTestId('pin-unapproved').textContent).toContain('no rule and no grant counts')
    // What would be approved is on the screen without a further click.
    expect(within(card).getByTestId<HTMLDetailsElement>('pin').open).toBe(true)
    expect(card.textContent).toContain('program’s SHA-256')
    await click('pin-approve', card)
    expect(approve).toHaveBeenCalledWith('weather', 'a1'.repeat(32))
  })

  test('what was pinned unfolds, and what cannot be pinned says what to write', async () => {
    await open('servers')
    const card = one('server', 'name', 'weather')
    expect(within(card).getByTestId('pin-unpinned').textContent).toContain('npx fetches what')
    const pin = within(card).getByTestId<HTMLDetailsElement>('pin')
    expect(pin.textContent).toContain('2 tools')
    expect(pin.textContent).not.toContain('SHA-256')
    pin.open = true
    await settle()
    expect(pin.textContent).toContain('program’s SHA-256')
    expect(within(card).getByTestId('pin-unpinned').textContent).toContain('npx -y weather-mcp@1.2.3')
  })

  test('what is stored and secret is kept when nothing is typed', async () => {
    const host = await open('servers')
    const save = vi.spyOn(host, 'serverSave')
    const keywords = one('server', 'name', 'keywords')
    await click('server-edit', keywords)
    await click('server-save')
    expect(save.mock.calls[0]![1]).toEqual((await host.serversList()).find((s) => s.config.name === 'keywords')!.config)
  })

  test('why a server failed is said with its last lines', async () => {
    await open('servers')
    expect(screen.getByTestId('server-stderr').textContent).toContain('ModuleNotFoundError')
  })

  test('what holds up a server is said', async () => {
    const host = createFakeHost({ seeds: [] })
    const [first, second] = await host.serversList()
    vi.spyOn(host, 'serversList').mockResolvedValue([
      { ...first!, state: { state: 'starting', waitsFor: 'the keychain' } },
      { ...second!, state: { state: 'starting' } },
    ])
    await show('servers', host)
    expect(screen.getAllByTestId('server-state').map((e) => e.textContent)).toEqual(['starting: waiting for the keychain', 'starting'])
  })
})
