import { render, screen } from '@testing-library/svelte'
import { expect, test, vi } from 'vitest'

import type { CallAgain } from '../../src/bindings/CallAgain'
import type { RunView } from '../../src/bindings/RunView'
import { createFakeHost } from '../../src/host/fake'
import Run from '../../src/settings/Run.svelte'

function show(again?: CallAgain) {
  const host = createFakeHost({ seeds: [], streamMs: 5 })
  const start = vi.spyOn(host, 'callStart').mockResolvedValue('next')
  const run: RunView = {
    call: { callId: 'c', host: 'Samplegate', kind: 'tool', name: 'list_files', arguments: { folder: 'x' } },
    server: 'drive', startedAt: new Date().toISOString(), log: [], questions: [],
    state: { state: 'failed', why: 'drive needs something done in the browser first.', ...(again ? { again } : {}) },
  }
  render(Run, { host, run })
  return start
}

test('a call that waits for the browser can be made again, by a click and not by itself', () => {
  const start = show('opened')
  expect(screen.getByTestId('run-again-offer').textContent).toContain('not made again by itself')
  expect(start).not.toHaveBeenCalled()
  screen.getByTestId('run-again').click()
  expect(start).toHaveBeenCalledWith({ server: 'drive', kind: 'tool', name: 'list_files', arguments: { folder: 'x' } })
})

test('it says when the server calls it done', () => {
  show('done')
  expect(screen.getByTestId('run-again-offer').textContent).toContain('The server says')
})

test('a call that failed otherwise is not offered again', () => {
  show()
  expect(screen.queryByTestId('run-again')).toBeNull()
})
