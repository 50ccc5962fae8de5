//! The review window in a test, by keys and clicks, on a clock that the test moves.

import { render, screen } from '@testing-library/svelte'
import { tick } from 'svelte'
import { afterEach, beforeEach, vi } from 'vitest'

import { createFakeHost, type FakeHost, type FakeOptions } from '../../src/host/fake'
import Window from '../../src/review/Window.svelte'
import { view } from '../setup'

beforeEach(() => {
  location.hash = ''
  Object.assign(view, { inView: true, ratio: 1, height: 20 })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance', 'requestAnimationFrame', 'cancelAnimationFrame'] })
})
afterEach(() => void vi.useRealTimers())

export const pass = async (ms: number) => {
  await vi.advanceTimersByTimeAsync(ms)
  await tick()
}
/** Long enough for the window to read, paint and arm. */
export const armed = () => pass(1200)

export async function show(host: FakeHost): Promise<FakeHost> {
  render(Window, { host })
  await pass(20)
  return host
}
export const open = (options: FakeOptions) => show(createFakeHost({ seeds: [], streamMs: 20, ...options }))

export const key = async (k: string, more: KeyboardEventInit = {}) => {
  ;(document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', { key: k, bubbles: true, cancelable: true, ...more }))
  await pass(0)
}
export const press = async (element: HTMLElement) => {
  element.dispatchEvent(new Event('pointerdown', { bubbles: true }))
  element.click()
  await pass(0)
}
export const click = (testid: string) => press(screen.getByTestId(testid))

export const write = async (field: HTMLElement, text: string) => {
  ;(field as HTMLInputElement).value = text
  field.dispatchEvent(new Event('input', { bubbles: true }))
  await tick()
}
export const type = (testid: string, text: string) => write(screen.getByTestId(testid), text)

export const phase = () => screen.getByTestId('review').getAttribute('data-phase')
export const decided = (host: FakeHost) => host.acted.map(({ action }) => action.type)
