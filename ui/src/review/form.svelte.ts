//! What is typed into a server's form. The app keeps it and says what is still wrong with it; here it is only shown.

import { SvelteSet } from 'svelte/reactivity'

import type { JsonValue } from '../bindings/serde_json/JsonValue'
import { isObject } from '../text/json'
import type { Desk } from './desk.svelte'
import type { ElicitationItem } from './kinds'

/** So long after the last key the app is told what stands in the form. */
const restMs = 250

export class FormState {
  /** By the names of the fields, which are a stranger's. */
  values = $state.raw<{ [field: string]: JsonValue }>({})
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
    const { [field]: _, ...others } = this.values
    this.values = value === undefined ? others : { ...others, [field]: value }
    this.pending = true
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.tell(), restMs)
  }

  /** What stands in a field; undefined: nothing does. */
  get(field: string): JsonValue | undefined {
    return Object.hasOwn(this.values, field) ? this.values[field] : undefined
  }

  /** Tells the app what stands here; what is wrong with it comes back with the question. */
  async tell() {
    clearTimeout(this.#timer)
    if (!this.pending || this.desk.item?.id !== this.id) return
    const told = this.values
    if (await this.desk.fill(told)) this.pending = told !== this.values
  }

  /** What to say about a field now. */
  problem(item: ElicitationItem, field: string): string | null {
    if (this.pending || !this.left.has(field)) return null
    return item.problems.find((problem) => problem.field === field)?.why ?? null
  }
}
