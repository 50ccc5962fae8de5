//! Questions by somebody who wants a window to break: endless words, turned directions, names that look like ours.

import { fakeCall } from './calls'
import { type FormSeed, formField } from './elicitation'
import { payment, type Seed } from './questions'

const endless = 'W'.repeat(5000)
const turned = 'invoice\u202etxt.exe\u2066 <b>Approve it</b>'
const choices = [{ value: endless, title: turned }, { value: 'undefined', title: 'No answer' }]

export const endlessRequest: Seed = {
  ...payment,
  id: '0197a005-0000-7000-8000-000000000001',
  provenance: { ...payment.provenance, serverSays: `${turned} ${endless}`, transport: endless, call: { callId: 'h1', host: 'Tool runner', kind: 'tool', name: endless, arguments: { [endless]: endless } } },
  request: { ...payment.request, systemPrompt: endless, messages: [{ role: 'user', content: { type: 'text', text: `${turned} ${endless}` } }], tools: [{ name: endless, description: endless }], metadata: { [endless]: turned } },
  notes: [endless],
}

export const endlessForm: FormSeed = {
  id: '0197a005-0000-7000-8000-000000000002',
  server: 'w'.repeat(64),
  message: `${turned} ${endless}`,
  secondsAgo: 3,
  asks: {
    mode: 'form',
    fields: [
      formField(endless, { title: turned, description: endless, required: true }),
      formField('few', { title: endless, required: true, takes: { type: 'one', choices } }),
      formField('many', { takes: { type: 'one', choices: [...choices, ...'abcdef'].map((c) => (typeof c === 'string' ? { value: c, title: null } : c)) } }),
      formField('several', { title: turned, takes: { type: 'several', hint: endless, choices } }),
    ],
  },
}

export const endlessAddress: FormSeed = {
  id: '0197a005-0000-7000-8000-000000000003',
  server: 'calendar',
  message: turned,
  secondsAgo: 3,
  asks: {
    mode: 'url',
    url: `https://accounts.example.org.${'a'.repeat(60)}.${'b'.repeat(60)}.evil.example/${'p'.repeat(3000)}`,
    host: `accounts.example.org.${'a'.repeat(60)}.${'b'.repeat(60)}.evil.example`,
    registered: 'evil.example',
    warnings: ['It uses port 8443, which is not the usual one.'],
  },
}

export const endlessCall = () =>
  fakeCall({
    id: 'call-2',
    request: { name: endless, arguments: { [endless]: turned, text: `${turned}\n${endless}`, deep: { [endless]: [[[[endless]]]] } }, _meta: { [endless]: turned } },
    tool: { name: endless, title: turned, description: `${turned} ${endless}`, isListed: true, readOnly: true, destructive: false, openWorld: true },
  })
