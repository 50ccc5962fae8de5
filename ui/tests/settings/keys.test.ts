import { fireEvent, screen } from '@testing-library/svelte'
import { expect, test, vi } from 'vitest'

import { open } from './window'

test('a page is leafed through from the navigation, and left to the browser within the section', async () => {
  await open('general')
  const content = screen.getByTestId('content')
  const scroll = vi.spyOn(content, 'scrollBy')
  const nav = screen.getByTestId('nav-general')
  await fireEvent.keyDown(nav, { key: 'PageDown' })
  await fireEvent.keyDown(nav, { key: 'PageUp' })
  expect(scroll).toHaveBeenCalledTimes(2)
  await fireEvent.keyDown(content, { key: 'PageDown' })
  await fireEvent.keyDown(nav, { key: 'ArrowDown' })
  expect(scroll).toHaveBeenCalledTimes(2)
})
