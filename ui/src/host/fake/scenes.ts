//! What `?scene=` in the address shows, for development in a browser and for screenshots.

import { createFakeHost, type FakeOptions } from '../fake'
import type { Host } from '../host'
import { fakeCall, flaggedCall } from './calls'
import { booking, connect, phishing } from './elicitation'
import { grants } from './grants'
import { endlessAddress, endlessCall, endlessForm, endlessRequest } from './hostile'
import * as seeds from './questions'

/** The fake with what `?scene=` in the address asks for. */
export function fakeHostFromAddress(address: Location): Host {
  const scene = new URLSearchParams(address.search).get('scene') ?? ''
  const big = 'The quick brown fox jumps over the lazy dog, and the log goes on.\n'
  const scenes: { [name: string]: FakeOptions } = {
    one: { seeds: [seeds.payment] },
    flagged: { seeds: [seeds.keywords] },
    everything: { seeds: [seeds.everything, seeds.payment] },
    answer: { seeds: [seeds.crawler], streamMs: 5 },
    cannot: {
      seeds: [{ ...seeds.weather, cannotReturn: 'this answer cannot be returned: the server speaks a protocol before 2025-11-25, whose answers cannot hold tool calls; edit it, ask again, or deny' }],
      streamMs: 5,
    },
    tools: { seeds: [seeds.assistant], streamMs: 5 },
    letter: { seeds: [{ ...seeds.letter, opinion: seeds.offered }], streamMs: 5 },
    failed: { seeds: [{ ...seeds.payment, fails: 'The model answered 401: the key is not accepted. Edit the model’s key in Settings, then ask again.' }], streamMs: 2 },
    waiting: { seeds: [{ ...seeds.payment, waits: '429 from the model; trying again at 12:00:05 (try 2 of 3)' }] },
    human: { seeds: [{ ...seeds.payment, noModel: true }] },
    form: { seeds: [], forms: [booking] },
    phishing: { seeds: [], forms: [phishing] },
    address: { seeds: [], forms: [connect] },
    call: { seeds: [], calls: [fakeCall()], looksAtResults: true },
    'call-flagged': { seeds: [], calls: [flaggedCall()] },
    'endless-request': { seeds: [endlessRequest] },
    'endless-form': { seeds: [], forms: [endlessForm] },
    'endless-address': { seeds: [], forms: [endlessAddress] },
    'endless-call': { seeds: [], calls: [endlessCall()] },
    kinds: { seeds: [seeds.payment], forms: [booking, connect], calls: [fakeCall(), endlessCall()] },
    'no-hosts': { seeds: [], hosts: [] },
    empty: { seeds: [] },
    grants: { seeds: [], grants: grants },
    welcome: { seeds: [], firstRun: true },
    trouble: { trouble: [{ text: 'weather does not start: its program ended with status 1.', section: 'servers' }] },
    huge: { seeds: [{ ...seeds.payment, request: { messages: [{ role: 'user', content: { type: 'text', text: big.repeat(80_000) } }], maxTokens: 10 } }] },
    thousand: {
      seeds: Array.from({ length: 1000 }, (_, i) => ({ ...seeds.payment, id: `0197a003-0000-7000-8000-${String(i).padStart(12, '0')}`, secondsAgo: 1000 - i })),
    },
  }
  return createFakeHost(scenes[scene] ?? {})
}
