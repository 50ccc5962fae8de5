import { render, screen } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import type { ConfinementView } from '../../src/bindings/ConfinementView'
import type { HeldChange } from '../../src/bindings/HeldChange'
import { createFakeHost, type FakeOptions } from '../../src/host/fake'
import Confinement from '../../src/settings/Confinement.svelte'
import Waiting from '../../src/settings/Waiting.svelte'
import { accessible } from '../accessible'
import { click, settle } from './window'

describe('what a server may reach', () => {
  const none: ConfinementView = { enabled: false, network: true, folders: [] }
  async function open(value: ConfinementView, proposed: boolean, options: FakeOptions = {}) {
    const onchange = vi.fn<(value: ConfinementView) => void>()
    const { rerender } = render(Confinement, { host: createFakeHost({ seeds: [], ...options }), value, proposed, onchange })
    await settle()
    const last = () => onchange.mock.lastCall![0]
    return { onchange, last, take: () => rerender({ value: last(), proposed: false }) }
  }

  test('confinement is proposed where it works, and opting out says what that means', async () => {
    const { last, take } = await open(none, true)
    expect(screen.getByTestId<HTMLInputElement>('confine').checked).toBe(true)
    expect(screen.queryByTestId('confine-trouble')).toBeNull()
    await accessible(true)
    await click('confine')
    expect(last()).toEqual(none)
    await take()
    expect(screen.getByTestId('not-confined').textContent).toContain('It runs as you')
    expect(screen.queryByTestId('confine-network')).toBeNull()
    await accessible(true)
  })

  test('folders are added, changed and taken away, and the network is a choice', async () => {
    const { last, take } = await open({ ...none, enabled: true }, false)
    await click('confine-network')
    expect(last().network).toBe(false)
    await take()
    await click('confine-folder-add')
    await take()
    const path = screen.getByTestId<HTMLInputElement>('confine-folder')
    path.value = '~/notes'
    path.dispatchEvent(new Event('input', { bubbles: true }))
    await take()
    const access = screen.getByTestId<HTMLSelectElement>('confine-access')
    access.value = 'read'
    access.dispatchEvent(new Event('change', { bubbles: true }))
    await take()
    expect(last()).toEqual({ enabled: true, network: false, folders: [{ path: '~/notes', access: 'read' }] })
    await accessible(true)
    screen.getByRole('button', { name: 'Remove folder 1' }).click()
    expect(last().folders).toEqual([])
  })

  test.each([
    ['is not proposed', none, true, false, 'Servers cannot be confined here: bwrap was not found'],
    ['and who wants it is told that nothing will start', { ...none, enabled: true }, false, true, 'It will not start: bwrap was not found'],
  ])('where it does not work it %s', async (_, value, proposed, checked, words) => {
    await open(value, proposed, { confinement: { ok: false, message: 'bwrap was not found' } })
    expect(screen.getByTestId<HTMLInputElement>('confine').checked).toBe(checked)
    expect(screen.getByTestId('confine-trouble').textContent).toBe(words)
    await accessible(true)
  })
})

describe('a change from outside', () => {
  const held: HeldChange = {
    id: 'a1'.repeat(32),
    summary: 'notes: sampling from off to rules',
    keys: [
      { key: 'servers.notes.gates', before: 'request', after: 'both', allowsMore: false },
      { key: 'servers.notes.sampling', before: null, after: 'ru\u202eles', allowsMore: true },
    ],
    refused: false,
  }
  async function open(options: FakeOptions = {}) {
    const host = createFakeHost({ seeds: [], held, ...options })
    render(Waiting, { host })
    await settle()
    return host
  }

  test('shows what allows more first, value by value, with what is not seen drawn', async () => {
    await open()
    const keys = screen.getAllByTestId('held-key')
    expect(keys.map((e) => [e.getAttribute('data-key'), e.getAttribute('data-more')])).toEqual([['servers.notes.sampling', 'true'], ['servers.notes.gates', 'false']])
    expect(keys[0]!.textContent).toContain('allows more')
    expect(keys[0]!.querySelector('.was')!.textContent).toContain('nothing')
    expect(keys[0]!.querySelector('.becomes')!.textContent).not.toContain('\u202e')
    await accessible(true)
  })

  test('is accepted as it was shown', async () => {
    const host = await open()
    const accept = vi.spyOn(host, 'heldAccept')
    await click('held-accept')
    expect(accept).toHaveBeenCalledWith(held.id)
    expect(screen.getByTestId('held-told').textContent).toContain('in force')
    expect(screen.getByTestId('held-none')).not.toBeNull()
    await accessible(true)
  })

  test('is refused, and the file put back or left', async () => {
    const host = await open()
    const refuse = vi.spyOn(host, 'heldRefuse')
    await click('held-refuse')
    await accessible(true)
    await click('held-leave')
    expect(refuse).toHaveBeenLastCalledWith(held.id, false)
    expect(screen.getByTestId('held').getAttribute('data-refused')).toBe('true')
    await click('held-refuse')
    await click('held-restore')
    expect(refuse).toHaveBeenLastCalledWith(held.id, true)
    expect(screen.getByTestId('held-told').textContent).toContain('config.refused.toml')
    expect(screen.queryByTestId('held')).toBeNull()
  })

  test('is still there where the answer did not get through', async () => {
    const host = await open()
    vi.spyOn(host, 'heldAccept').mockRejectedValue({ code: 'stale', message: 'The file changed again: look once more.' })
    await click('held-accept')
    expect(screen.getByTestId('held-error').textContent).toContain('look once more')
    expect(screen.getByTestId('held')).not.toBeNull()
  })

  test('says so where nothing waits', async () => {
    const host = createFakeHost({ seeds: [] })
    render(Waiting, { host })
    await settle()
    expect(screen.getByTestId('held-none').textContent).toBe('Nothing waits.')
    await accessible(true)
  })
})
