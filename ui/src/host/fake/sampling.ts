//! Questions to a model in the fake: they go through their phases, answers stream, revisions go up.

import type { Action } from '../../bindings/Action'
import type { ActionKind } from '../../bindings/ActionKind'
import type { AnswerView } from '../../bindings/AnswerView'
import type { ReviewSummary } from '../../bindings/ReviewSummary'
import type { JsonValue } from '../../bindings/serde_json/JsonValue'
import type { SamplingItem } from '../../review/kinds'
import { at, isObject } from '../../text/json'
import { clone, type Tell, wireError } from './base'
import type { Seed } from './questions'
import { answerActions, body, close, itemOf, offer, putBack, type Question, requestActions, seal, summaryOf, toolUses } from './sampling-item'

export interface SamplingOptions {
  /** Milliseconds between two pieces of a streamed answer; 0: the answer is there at once. */
  streamMs: number
  gates: 'both' | 'request' | 'answer'
  quickReplies: () => string[]
  /** Keeps a grant, given on a question. */
  give: (sentence: string, question: string) => void
}

/** The questions that wait, and what may be done about them. */
export function fakeSampling({ streamMs, gates, quickReplies, give }: SamplingOptions, tell: Tell) {
  const questions = new Map<string, Question>()

  const need = (id: string) => {
    const question = questions.get(id)
    if (!question) throw wireError('notFound', 'This question is no longer there.')
    return question
  }

  const touch = (item: SamplingItem) => {
    offer(item)
    item.revision += 1
    tell('review', item.id)
    tell('status')
  }

  function put(seed: Seed) {
    questions.set(seed.id, { seed, item: itemOf(seed, quickReplies()) })
    tell('review', seed.id)
    tell('status')
  }

  function end({ item, stop }: Question, outcome: string, why: string) {
    stop?.()
    close(item, outcome, why)
    touch(item)
  }

  function ask(question: Question, name: string) {
    const { item, seed } = question
    const option = item.models.find((m) => m.name === name) ?? item.models[0]!
    const content = seed.answerContent ?? { type: 'text', text: seed.answer ?? 'An answer.' }
    const text = seed.answer ?? 'An answer.'
    const answer: AnswerView = {
      asked: option.name,
      model: option.model,
      partial: '',
      waiting: seed.waits ?? null,
      original: null,
      result: null,
      edited: false,
      restores: null,
      toolUses: [],
      findings: [],
      cannotReturn: null,
      error: null,
      tookMs: 0,
      tokensIn: null,
      tokensOut: null,
      costMicrousd: null,
    }
    item.model = option.name
    item.answer = answer
    item.phase = seed.waits ? 'waiting' : 'answering'
    item.actions = seed.waits ? ['deny'] : ['stop', 'deny']
    if (seed.waits) return

    const finish = (stopReason: string) => {
      question.stop = undefined
      if (seed.fails) {
        answer.error = seed.fails
        item.phase = 'answer'
        item.actions = ['deny', 'answerByHand', 'chooseModel', 'askAgain']
      } else {
        const whole = stopReason === 'endTurn' ? content : { type: 'text', text: answer.partial }
        answer.original = { role: 'assistant', content: clone(whole), model: option.model, stopReason }
        question.originals ??= {}
        answer.restores = item.placeholders.length > 0 ? true : null
        answer.result = putBack(question, answer.original)
        answer.toolUses = toolUses(seed, answer.result)
        answer.findings = stopReason === 'endTurn' ? (seed.answerFindings ?? []) : []
        answer.tookMs = 3100
        answer.tokensIn = 212
        answer.tokensOut = Math.ceil(answer.partial.length / 4)
        answer.costMicrousd = 1900
        item.phase = 'answer'
        answer.cannotReturn = seed.cannotReturn ?? null
        item.actions = answerActions(answer)
        if (gates === 'request') close(item, 'released', 'returned to the server')
      }
      touch(item)
    }
    if (streamMs === 0) {
      answer.partial = text
      setTimeout(() => finish('endTurn'), 0)
      question.stop = () => finish('stopped')
      return
    }
    let at = 0
    const timer = setInterval(() => {
      at = Math.min(text.length, at + 7)
      answer.partial = text.slice(0, at)
      answer.tookMs += streamMs
      if (at === text.length) {
        clearInterval(timer)
        finish('endTurn')
      } else {
        touch(item)
      }
    }, streamMs)
    question.stop = () => {
      clearInterval(timer)
      finish('stopped')
    }
  }

  function act(id: string, revision: number, action: Action): SamplingItem {
    const question = need(id)
    const { item } = question
    if (item.revision !== revision) throw wireError('stale', 'The question changed since you saw it.')
    if (action.type === 'confirm') {
      if (action.typed !== item.confirm) throw wireError('invalid', `this is of high risk: type "${item.confirm}" first`)
      question.typedAt = revision
      return clone(item)
    }
    if ((action.type === 'approve' || action.type === 'return' || action.type === 'askAgain' || action.type === 'grant') && item.confirm !== null && question.typedAt !== revision) {
      throw wireError('invalid', `this is of high risk: type "${item.confirm}" first`)
    }
    const goesOn = item.phase === 'request' ? 'approve' : 'return'
    const kind: ActionKind = action.type === 'editRequest' || action.type === 'editAnswer' ? 'edit' : action.type === 'grant' ? goesOn : action.type
    if (!item.actions.includes(kind)) throw wireError('invalid', `“${kind}” cannot be done now.`)
    switch (action.type) {
      case 'approve':
        ask(question, item.model!)
        break
      case 'grant': {
        const offered = item.offer.scopes.find(({ scope }) => scope === action.scope)
        if (!offered) throw wireError('invalid', 'this can be decided for this question only')
        give((action.answers && offered.withAnswers) || offered.says, item.id)
        if (goesOn === 'approve') ask(question, item.model!)
        else close(item, 'released', 'returned to the server')
        break
      }
      case 'editRequest': {
        const max = (action.params as { maxTokens?: JsonValue }).maxTokens
        if (typeof max !== 'number' || !Number.isInteger(max) || max <= 0) {
          throw wireError('invalid', 'maxTokens must be a whole number above 0.')
        }
        item.request = clone(action.params)
        item.requestEdited = JSON.stringify(item.request) !== JSON.stringify(item.received)
        if (item.requestEdited) item.findings = []
        item.actions = requestActions(item.model !== null, item.requestEdited, item.findings.length, item.models.length > 0)
        seal(item)
        break
      }
      case 'editAnswer':
        item.answer!.result = clone(action.result)
        item.answer!.edited = JSON.stringify(item.answer!.result) !== JSON.stringify(item.answer!.original)
        item.answer!.findings = []
        item.answer!.cannotReturn = null
        item.actions = answerActions(item.answer!)
        break
      case 'redact': {
        question.originals ??= {}
        let text = JSON.stringify(item.request)
        for (const position of action.findings) {
          const finding = item.findings[position]!
          const value = [...String(at(item.request, finding.pointer))].slice(finding.start, finding.end).join('')
          const placeholder = `[${finding.kind.toUpperCase()}_${Object.keys(question.originals).length + 1}]`
          question.originals[placeholder] = value
          text = text.replace(value, placeholder)
        }
        item.request = JSON.parse(text) as JsonValue
        item.placeholders = Object.keys(question.originals)
        item.requestEdited = true
        item.findings = []
        item.actions = requestActions(item.model !== null, true, 0, item.models.length > 0)
        seal(item)
        break
      }
      case 'restore':
        item.answer!.restores = action.on
        item.answer!.result = action.on ? putBack(question, item.answer!.original) : clone(item.answer!.original)
        item.answer!.toolUses = toolUses(question.seed, item.answer!.result)
        item.actions = answerActions(item.answer!)
        break
      case 'decideToolUse':
        item.answer!.toolUses = item.answer!.toolUses.map((use) => (use.id === action.id ? { ...use, decision: action.decision } : use))
        item.actions = answerActions(item.answer!)
        break
      case 'removeRefused': {
        const answer = item.answer!
        const refused = answer.toolUses.filter((use) => use.decision === 'refused').map((use) => use.id)
        const result = answer.result as { content: JsonValue[] }
        result.content = result.content.filter((block) => !isObject(block) || !refused.includes(String(block['id'])))
        answer.edited = true
        answer.toolUses = toolUses(question.seed, answer.result).map((use) => answer.toolUses.find((was) => was.id === use.id && { ...was, pointer: use.pointer }) ?? use)
        item.actions = answerActions(answer)
        break
      }
      case 'revert':
        if (item.phase === 'request') {
          item.placeholders = []
          delete question.originals
          item.request = clone(item.received)
          item.requestEdited = false
          item.findings = question.seed.findings ?? []
          item.actions = requestActions(item.model !== null, false, item.findings.length, item.models.length > 0)
          seal(item)
        } else {
          item.answer!.result = item.answer!.restores ? putBack(question, item.answer!.original) : clone(item.answer!.original)
          item.answer!.toolUses = toolUses(question.seed, item.answer!.result)
          item.answer!.edited = false
          item.answer!.findings = question.seed.answerFindings ?? []
          item.answer!.cannotReturn = question.seed.cannotReturn ?? null
          item.actions = answerActions(item.answer!)
        }
        break
      case 'deny':
        question.stop?.()
        close(item, 'denied', 'denied by you')
        break
      case 'answerByHand':
        close(item, 'released', 'answered by you')
        break
      case 'chooseModel':
        item.model = action.name
        item.actions = requestActions(true, item.requestEdited, item.findings.length)
        seal(item)
        break
      case 'stop':
        question.stop?.()
        break
      case 'askAgain':
        ask(question, action.model ?? item.model!)
        break
      case 'return':
        close(item, 'released', 'returned to the server')
        break
    }
    touch(item)
    return clone(item)
  }

  return {
    put,
    act,
    has: (id: string) => questions.has(id),
    get: (id: string) => need(id).item,
    list(): ReviewSummary[] {
      const all = [...questions.values()].map(({ item }) => summaryOf(item)).sort((a, b) => a.receivedAt.localeCompare(b.receivedAt))
      const about = (s: ReviewSummary) => `${s.server} ${s.phase} ${s.firstLine.replace(/[0-9]/g, '')}`
      return all.map((s) => {
        const alike = all.filter((other) => s.phase === 'request' && about(other) === about(s))
        return alike.length > 3 ? { ...s, alike: alike.length, foldsInto: alike[0]!.id } : s
      })
    },
    pending: () => [...questions.values()].filter(({ item }) => item.phase === 'request' || item.phase === 'answer').length,
    withdraw: (id: string) => end(need(id), 'withdrawn', 'withdrawn by the server'),
    /** Raises its revision, as if it had changed. */
    bump: (id: string) => touch(need(id).item),
    outgoing: (id: string) => body(need(id).item),
    askOpinion(id: string, revision: number, confirmed: boolean) {
      const { item, seed } = need(id)
      if (item.revision !== revision) throw wireError('stale', 'The question changed since you saw it.')
      if (!item.opinion) throw wireError('invalid', 'no model is chosen for second opinions')
      if (!item.opinion.isLocal && !confirmed) throw wireError('invalid', 'confirm that first')
      item.opinion = { ...item.opinion, asking: true }
      tell('review', id)
      setTimeout(() => {
        item.opinion = { ...item.opinion!, asking: false, text: seed.opinionText ?? 'It wants a list.', by: 'SmolLM2', tokensIn: 320, tokensOut: 61 }
        tell('review', id)
      }, streamMs)
    },
    denyAll(server: string): number {
      const open = [...questions.values()].filter(({ item }) => item.provenance.server === server && item.phase !== 'closed')
      for (const question of open) end(question, 'denied', 'denied by you')
      return open.length
    },
  }
}
