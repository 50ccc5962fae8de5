//! What a host's settings mean, in plain words.

import type { HostMode } from '../bindings/HostMode'
import type { ToolCalls } from '../bindings/ToolCalls'

export const sampling: { [mode in HostMode]: string } = {
  answer: 'Sampling is answered here',
  gate: 'Sampling is looked at here, then this host’s model answers',
  pass: 'Sampling is left to this host, unseen',
}
export const elicitation: { [mode in HostMode]: string } = {
  answer: 'Questions to you are asked here',
  gate: 'Questions to you are looked at here, then this host asks them',
  pass: 'Questions to you are left to this host, unseen',
}
const unable = 'A host that does not say it can is not asked: then it is answered here.'
export const samplingHint: { [mode in HostMode]: string } = {
  answer: 'By you, or a model of yours, between the two gates.',
  gate: `Both gates are here, and the host’s own model answers between them. ${unable}`,
  pass: `You see neither the request nor the answer, unless something is found in them or the risk is high; all of it is in the log. ${unable}`,
}
export const elicitationHint: { [mode in HostMode]: string } = {
  answer: 'In the review window.',
  gate: `You see the question first, and answer it or let the host ask its user. ${unable}`,
  pass: `You do not see the question, unless something is found in it or the risk is high; all of it is in the log. ${unable}`,
}
export const calls: { [mode in ToolCalls]: string } = {
  off: 'Its tool calls are made without asking',
  ask: 'You are asked before its tool calls',
  rules: 'Only tool calls that a rule allows are made',
}
