//! The kinds of questions, each with what only it has.

import type { ReviewItem } from '../bindings/ReviewItem'

/** A request for a model's answer. */
export type SamplingItem = Extract<ReviewItem, { kind: 'sampling' }>

/** A question to the person. */
export type ElicitationItem = Extract<ReviewItem, { kind: 'elicitation' }>
/** A host's tool call. */
export type CallItem = Extract<ReviewItem, { kind: 'tool_call' }>
