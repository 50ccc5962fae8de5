import { screen, within } from '@testing-library/svelte'
import { describe, expect, test, vi } from 'vitest'

import { grants } from '../../src/host/fake/grants'
import { click, open, settle } from './window'

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
