//! What every part of the fake uses.

import type { Topic } from '../../bindings/Topic'
import type { WireError } from '../../bindings/WireError'

/** Tells the windows that something is to be read again. */
export type Tell = (topic: Topic, id?: string | null) => void

export const clone = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

export const wireError = (code: WireError['code'], message: string): WireError => ({ code, message })

/** Hex that looks like a SHA-256 and depends on the text; the fake proves nothing. */
export function fakeHash(text: string): string {
  let out = ''
  for (let part = 0; part < 8; part += 1) {
    let h = 0x811c9dc5 ^ (part * 0x9e3779b9)
    for (let i = 0; i < text.length; i += 1 + (text.length >> 12)) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
    out += (h >>> 0).toString(16).padStart(8, '0')
  }
  return out
}

/** The time so many seconds ago. */
export const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString()

/** What most findings have in common. */
export const seen = { inName: false, advice: 'Delete what you did not ask for.', decoded: null, isData: false }
