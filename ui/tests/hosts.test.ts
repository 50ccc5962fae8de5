import { render, screen, within } from '@testing-library/svelte'
import { tick } from 'svelte'
import { beforeEach, describe, expect, test, vi } from 'vitest'

import { createFakeHost } from '../src/host/fake'
import SettingsWindow from '../src/settings/Window.svelte'

const settle = async (ms = 150) => {
  await new Promise((done) => setTimeout(done, ms))
  await tick()
}
async function open(section: string) {
  location.hash = section
  const host = createFakeHost({ seeds: [] })
  render(SettingsWindow, { host })
  await settle()
  return host
}
const click = async (testid: string, at?: HTMLElement) => {
  ;(at ? within(at) : screen).getByTestId(testid).click()
  await settle(30)
}
const write = async (testid: string, text: string) => {
  const field = screen.getByTestId<HTMLInputElement>(testid)
  field.value = text
  field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))
  await tick()
}
const one = (testid: string, key: string, value: string) => screen.getAllByTestId(testid).find((e) => e.dataset[key] === value)!
beforeEach(() => void (location.hash = ''))

describe('hosts', () => {
  test('a host is added with a token that is shown once, and says in words what it may', async () => {
    const host = await open('hosts')
    const add = vi.spyOn(host, 'hostAdd')
    await click('host-add')
    await click('host-save')
    expect(screen.getByTestId('host-form-error').textContent).toBe('Give it a name.')
    await write('host-name', 'my-agent')
    await write('host-sampling', 'pass')
    await write('host-calls', 'rules')
    await click('host-save')
    expect(add).toHaveBeenCalledWith({ name: 'my-agent', sampling: 'pass', elicitation: 'answer', toolCalls: 'rules' })
    expect(screen.getByTestId('token').textContent).toMatch(/^sgh_/)
    await settle()
    expect(within(one('host', 'name', 'my-agent')).getByTestId('host-modes').textContent).toBe(
      'Sampling is left to this host, unseen. Questions to you are asked here. Only tool calls that a rule allows are made.',
    )
    await click('host-token-done')
    expect(document.body.textContent).not.toContain('sgh_')
  })

  test('a host is changed, and removed after a question', async () => {
    const host = await open('hosts')
    const save = vi.spyOn(host, 'hostSave')
    await click('host-edit', one('host', 'name', 'claude-desktop'))
    await write('host-calls', 'off')
    await click('host-save')
    expect(save).toHaveBeenCalledWith({ name: 'claude-desktop', sampling: 'answer', elicitation: 'gate', toolCalls: 'off' })
    await settle()
    await click('host-remove', one('host', 'name', 'claude-desktop'))
    expect(screen.getByTestId('confirm-dialog').textContent).toContain('use Undo below')
    await click('host-remove-confirm')
    await settle()
    expect(screen.queryAllByTestId('host')).toHaveLength(0)
    expect(screen.getByTestId('hosts-none')).toBeTruthy()
  })

  test('connecting shows the difference, and writes exactly that', async () => {
    const host = await open('hosts')
    const connect = vi.spyOn(host, 'hostConnect')
    await click('known-connect', one('known-host', 'app', 'cursor'))
    expect(within(screen.getByTestId('plan-lines')).getAllByText('added:', { exact: false }).length).toBe(3)
    expect(screen.getByTestId('plan-backup').textContent).toContain('mcp.json.before-samplegate')
    expect(screen.getByTestId<HTMLInputElement>('plan-move').checked).toBe(false)
    screen.getByTestId('plan-move').click()
    await settle(30)
    expect(screen.getByTestId('plan-lines').textContent).toContain('removed:')
    await click('plan-write')
    expect(connect).toHaveBeenCalledWith('cursor', ['keywords'], 'cursor:keywords:false')
    await settle()
    expect(screen.queryByTestId('plan-dialog')).toBeNull()
    expect(one('known-host', 'app', 'cursor').dataset['state']).toBe('connected')
    expect(screen.getByTestId('known-done').textContent).toContain('Cursor is connected')
  })

  test('a change that is not what was shown stays in sight with the reason', async () => {
    const host = await open('hosts')
    vi.spyOn(host, 'hostUndo').mockRejectedValue({ code: 'stale', message: 'the file is not what was shown any more' })
    await click('known-undo', one('known-host', 'app', 'claude-desktop'))
    await click('plan-write')
    expect(screen.getByTestId('plan-error').textContent).toBe('the file is not what was shown any more')
    expect(one('known-host', 'app', 'claude-desktop').dataset['state']).toBe('connected')
  })

  test('a file that cannot be read has no button, and what is not here is named', async () => {
    await open('hosts')
    const zed = one('known-host', 'app', 'zed')
    expect(within(zed).queryByRole('button')).toBeNull()
    expect(within(zed).getByTestId('known-unreadable').textContent).toContain('line 4')
    expect(screen.getByTestId('known-away').textContent).toBe('Not found: Codex.')
    expect(screen.getByTestId('host-command').textContent).toBe('/opt/samplegate/samplegate bridge --host NAME')
  })
})

describe('import', () => {
  test('nothing is ticked, and what is ticked is taken as it was chosen', async () => {
    const host = await open('servers')
    const take = vi.spyOn(host, 'importTake')
    await click('server-import')
    await settle()
    expect(screen.getAllByTestId<HTMLInputElement>('import-tick').some((box) => box.checked)).toBe(false)
    expect(screen.getByTestId<HTMLButtonElement>('import-take').disabled).toBe(true)
    expect(within(one('import-server', 'name', 'folder')).queryByRole('checkbox')).toBeNull()
    const github = one('import-server', 'name', 'github')
    expect(within(github).getByTestId('import-left-out').textContent).toContain('envFile')
    await click('import-tick', github)
    const [token, level] = within(github).getAllByTestId<HTMLInputElement>('import-secret')
    expect([token!.checked, level!.checked]).toEqual([true, false])
    token!.click()
    level!.click()
    await write('import-name', 'gh')
    await click('import-take')
    expect(take).toHaveBeenCalledWith(null, [{ id: 'i-github', name: 'gh', secrets: ['LOG_LEVEL'] }])
    await settle()
    expect(screen.getByTestId('import-done').textContent).toBe('Imported: gh.')
  })

  test('what fails is told by name, and a file can be named', async () => {
    const host = await open('servers')
    const look = vi.spyOn(host, 'importLook')
    await click('server-import')
    await settle()
    await click('import-tick', one('import-server', 'name', 'demo'))
    expect(screen.getByTestId<HTMLInputElement>('import-name').value).toBe('demo-2')
    await write('import-name', 'taken')
    await click('import-take')
    await settle()
    expect(screen.getByTestId('import-failed').textContent).toContain('taken was not taken: there is a server')
    await write('import-path', ' /shop/.mcp.json ')
    await click('import-look')
    expect(look).toHaveBeenLastCalledWith('/shop/.mcp.json')
    expect(screen.getByTestId('import-none')).toBeTruthy()
  })
})
