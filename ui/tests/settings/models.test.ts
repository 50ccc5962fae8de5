import { screen } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import { click, one, open, settle, type } from './window'

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
    const human = one('model', 'name', 'human')
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
