//! What is typed into a server's form. The app keeps it and says what is still wrong with it; here it is only shown.

import { SvelteSet } from 'svelte/reactivity'

import type { JsonValue } from '../bindings/serde_json/JsonValue'
import { copyJson, isObject } from '../text/json'
import type { Desk } from './desk.svelte'
import type { ElicitationItem } from './kinds'

/** So long after the last key the app is told what stands in the form. */
const restMs = 250

export class FormState {
  values = $state<{ [field: string]: JsonValue }>({})
  /** Whether the app has not seen yet what stands here. */
  pending = $state(false)
  /** Fields that were left: what is wrong with them is said from then on. */
  readonly left = new SvelteSet<string>()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(
    readonly desk: Desk,
    readonly id: string,
    typed: JsonValue,
  ) {
    this.values = isObject(typed) ? { ...typed } : {}
  }

  set(field: string, value: JsonValue | undefined) {
    if (value === undefined) delete this.values[field]
    else this.values[field] = value
    this.pending = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.tell(), restMs)
  }

  /** Tells the app what stands here; what is wrong with it comes back with the question. */
  async tell() {
    clearTimeout(this.#timer)
    if (!this.pending || this.desk.item?.id !== this.id) return
    const told = this.whole
    if (await this.desk.fill(told)) this.pending = JSON.stringify(told) !== JSON.stringify(this.values)
  }

  /** Exactly what stands here. */
  get whole(): JsonValue {
    return copyJson(this.values)
  }

  stop() {
    void this.tell()
  }

  /** What to say about a field now. */
  problem(item: ElicitationItem, field: string): string | null {
    if (this.pending || !this.left.has(field)) return null
    return item.problems.find((problem) => problem.field === field)?.why ?? null
  }
}
