//! What a screen reader would stumble over, by axe's rules.

import axe from 'axe-core'
import { expect } from 'vitest'

/** `part`: it is a part of a window; landmarks and headings are the window's. */
export async function accessible(part = false) {
  document.documentElement.lang = 'en'
  document.title = 'Samplegate'
  // Colours need a real browser; the pictures are looked at for them.
  const off = ['color-contrast', ...(part ? ['region', 'landmark-one-main', 'page-has-heading-one'] : [])]
  const { violations } = await axe.run(document.documentElement, { rules: Object.fromEntries(off.map((id) => [id, { enabled: false }])), resultTypes: ['violations'] })
  expect(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ').slice(0, 300)}`)).toEqual([])
}
