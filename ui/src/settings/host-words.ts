//! What a host's settings mean, in plain words.

import type { HostMode } from '../bindings/HostMode'
import type { ToolCalls } from '../bindings/ToolCalls'

export const sampling: { [mode in HostMode]: string } = {
  answer: 'Sampling is answered here',
  gate: 'Sampling is looked at here, then this host answers',
  pass: 'Sampling is left to this host, unseen',
}
export const elicitation: { [mode in HostMode]: string } = {
  answer: 'Questions to you are asked here',
  gate: 'Questions to you are looked at here, then this host asks them',
  pass: 'Questions to you are left to this host, unseen',
}
export const calls: { [mode in ToolCalls]: string } = {
  off: 'Its tool calls are made without asking',
  ask: 'You are asked before its tool calls',
  rules: 'Only tool calls that a rule allows are made',
}
