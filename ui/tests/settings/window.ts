//! The settings window in a test.

import { render, screen, within } from '@testing-library/svelte'
import { tick } from 'svelte'
import { beforeEach } from 'vitest'

import { createFakeHost, type FakeHost, type FakeOptions } from '../../src/host/fake'
import SettingsWindow from '../../src/settings/Window.svelte'

beforeEach(() => void (location.hash = ''))

/** Lets what was asked of the app come back; what the app tells is read again after about 100 ms. */
export const settle = async (ms = 30) => {
  await new Promise((done) => setTimeout(done, ms))
  await tick()
}
export async function show(section: string, host: FakeHost): Promise<FakeHost> {
  location.hash = section
  render(SettingsWindow, { host })
  await settle()
  return host
}
export const open = (section: string, options: FakeOptions = {}) => show(section, createFakeHost({ seeds: [], streamMs: 5, ...options }))

export const click = async (testid: string, inside?: HTMLElement) => {
  ;(inside ? within(inside) : screen).getByTestId(testid).click()
  await settle()
}
export const write = async (field: HTMLElement, text: string) => {
  ;(field as HTMLInputElement).value = text
  field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }))
  await tick()
}
export const type = (testid: string, text: string) => write(screen.getByTestId(testid), text)

/** The one of many that has this in its data. */
export const one = (testid: string, key: string, value: string) => screen.getAllByTestId(testid).find((e) => e.dataset[key] === value)!
