//! For `{@attach focused}`: a field that takes the focus when it appears.

import { tick } from 'svelte'

export function focused(element: HTMLElement) {
  void tick().then(() => element.focus())
}
