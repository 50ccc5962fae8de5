//! Which flagged spots have been on the screen, and whether the end of the content has.

import { getContext, setContext } from 'svelte'
import { SvelteSet } from 'svelte/reactivity'

const key = Symbol('spots')

/** About the height of a line, in pixels. */
const line = 24
/** Told at every hundredth, so that a line's worth of even a tall spot is noticed. */
const threshold = Array.from({ length: 101 }, (_, i) => i / 100)

/** Whether so much of it is on the screen that it can be read: all of it, or of a tall one at least a line. */
const readable = ({ isIntersecting, intersectionRatio, intersectionRect }: IntersectionObserverEntry, whole: boolean) =>
  isIntersecting && (intersectionRatio >= 0.99 || (!whole && intersectionRect.height >= line))

export class Spots {
  /** Numbers of the findings whose spot was in view. */
  readonly seen = new SvelteSet<number>()
  /** Numbers of the findings that have a spot in what is drawn. */
  readonly placed = new SvelteSet<number>()
  /** Texts that are still being drawn piece by piece. */
  drawing = $state(0)
  endSeen = $state(false)
  #observer: IntersectionObserver | undefined
  #numbers = new WeakMap<Element, number[] | 'end'>()

  constructor() {
    if (typeof IntersectionObserver === 'undefined') return
    this.#observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const numbers = this.#numbers.get(entry.target)
        if (!readable(entry, numbers === 'end')) continue
        if (numbers === 'end') this.endSeen = true
        else for (const n of numbers ?? []) this.seen.add(n)
        this.#observer?.unobserve(entry.target)
      }
    }, { threshold })
  }

  /** For a drawn spot. */
  spot = (numbers: number[]) => (element: Element) => {
    for (const n of numbers) this.placed.add(n)
    this.#watch(element, numbers)
    return () => this.#observer?.unobserve(element)
  }

  /** For what stands after all of the content. */
  end = (element: Element) => {
    this.#watch(element, 'end')
    return () => this.#observer?.unobserve(element)
  }

  #watch(element: Element, numbers: number[] | 'end') {
    this.#numbers.set(element, numbers)
    this.#observer?.observe(element)
  }
}

export const provideSpots = (get: () => Spots) => setContext(key, get)
export const useSpots = (): (() => Spots) | undefined => getContext(key)
