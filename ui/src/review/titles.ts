//! What the review window asks, in one line.

import type { ReviewItem } from '../bindings/ReviewItem'
import { isObject } from '../text/json'
import { plural, short } from '../text/measure'
import type { CallItem, SamplingItem } from './kinds'

/** Names longer than this are cut in the title, and stand in full below it. */
export const longName = 64

export function titleOf(item: ReviewItem): string {
  if (item.phase === 'closed') return `${item.provenance.server}: this question is over`
  switch (item.kind) {
    case 'sampling':
      return samplingTitle(item)
    case 'elicitation':
      if (item.withHost) return `${item.provenance.host ?? 'The host'} asks its user for ${item.provenance.server}`
      return item.asks.mode === 'url' ? `${item.provenance.server} wants your browser to open a page` : `${item.provenance.server} asks for your input`
    case 'tool_call':
      return callTitle(item)
  }
}

/** Whether the host that made the call answers with its own model. */
export function ofHost(item: SamplingItem): boolean {
  const asked = item.answer?.asked ?? item.model
  return item.models.some(({ name, provider }) => name === asked && provider === 'host')
}

function samplingTitle(item: SamplingItem): string {
  const { server } = item.provenance
  const tools = isObject(item.request) && Array.isArray(item.request['tools']) ? item.request['tools'].length : 0
  switch (item.phase) {
    case 'request':
      if (ofHost(item)) return `${server} asks the model of ${item.provenance.host ?? 'the host'} to write something`
      if (item.models.length === 0) return `${server} asks you to write something`
      return tools > 0 ? `${server} asks your model to write, with ${plural(tools, 'tool')} at hand` : `${server} asks your model to write something`
    case 'waiting':
      return `Your request for ${server} waits`
    case 'answering':
      return ofHost(item) ? `${item.provenance.host ?? 'The host'} answers ${server}` : `The model answers ${server}`
    case 'answer':
      return item.answer?.error && item.answer.result === null ? `No answer for ${server} yet` : `Return this answer to ${server}?`
    case 'closed':
      return ''
  }
}

function callTitle(item: CallItem): string {
  const { server } = item.provenance
  const host = item.provenance.host ?? 'A host'
  switch (item.phase) {
    case 'request':
      return `${host} wants to call ${short(item.tool.name, longName)} of ${server}`
    case 'waiting':
    case 'answering':
      return `${server} carries out ${short(item.tool.name, longName)}`
    case 'answer':
      return `Return this result to ${host}?`
    case 'closed':
      return ''
  }
}
