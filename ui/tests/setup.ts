//! What jsdom lacks and the windows use.

import { vi } from 'vitest'

/** Observers that tell a test's will: everything observed is in view, whole or by so much, while `inView` is true. */
export const view = { inView: true, ratio: 1, height: 20 }

class Observer {
  constructor(private told: IntersectionObserverCallback) {}
  observe(target: Element) {
    queueMicrotask(() => {
      if (view.inView) this.told([{ isIntersecting: true, target, intersectionRatio: view.ratio, intersectionRect: { height: view.height } } as unknown as IntersectionObserverEntry], this as unknown as IntersectionObserver)
    })
  }
  unobserve() {}
  disconnect() {}
}
vi.stubGlobal('IntersectionObserver', Observer)
vi.stubGlobal('ResizeObserver', class { observe() {} unobserve() {} disconnect() {} })
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener() {}, removeEventListener() {} }))
HTMLElement.prototype.scrollTo = function scrollTo() {}
HTMLElement.prototype.scrollBy = function scrollBy() {}
HTMLElement.prototype.scrollIntoView = function scrollIntoView() {}
HTMLDialogElement.prototype.showModal = function showModal() {
  this.open = true
}
HTMLDialogElement.prototype.close = function close() {
  this.open = false
}
