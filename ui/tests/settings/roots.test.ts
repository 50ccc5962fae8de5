import { render, screen } from '@testing-library/svelte'
import { tick } from 'svelte'
import { expect, test, vi } from 'vitest'

import type { ServerInput } from '../../src/bindings/ServerInput'
import { createFakeHost } from '../../src/host/fake'
import ServerForm from '../../src/settings/ServerForm.svelte'

const server: ServerInput = {
  name: 'notes',
  transport: { type: 'http', url: 'https://notes.example/mcp', headers: [] },
  enabled: true,
  sampling: 'off',
  gates: 'both',
  samplingTools: { type: 'none' },
  roots: ['/home/me/a'],
}
async function open() {
  const host = createFakeHost({ seeds: [], streamMs: 5 })
  const save = vi.spyOn(host, 'serverSave').mockResolvedValue()
  render(ServerForm, { host, original: server, onclose: () => {} })
  await tick()
  return async () => {
    screen.getByTestId('server-save').click()
    await vi.waitFor(() => expect(screen.getByTestId<HTMLButtonElement>('server-save').disabled).toBe(false))
    return save.mock.calls.at(-1)![1].roots
  }
}
const click = async (testid: string, at = 0) => {
  screen.getAllByTestId(testid)[at]!.click()
  await tick()
}

test('roots that nobody touched are left as they are', async () => {
  const saved = await open()
  expect(screen.getByTestId<HTMLInputElement>('root').value).toBe('/home/me/a')
  expect(await saved()).toBeUndefined()
})

test('roots are added and removed, and what is empty is none', async () => {
  const saved = await open()
  await click('root-add')
  await click('root-add')
  const field = screen.getAllByTestId<HTMLInputElement>('root')[1]!
  field.value = ' /home/me/b '
  field.dispatchEvent(new Event('input', { bubbles: true }))
  await tick()
  expect(await saved()).toEqual(['/home/me/a', '/home/me/b'])
  await click('root-remove')
  expect(await saved()).toEqual(['/home/me/b'])
  await click('root-remove')
  await click('root-remove')
  expect(screen.getByTestId('roots').textContent).toContain('None')
  expect(await saved()).toEqual([])
})
