//! Decisions are not taken by accident: for a moment after a question is shown, buttons and keys do nothing.

/** How long nothing can be decided, in milliseconds. */
export const armingDelay = 1000

/** The most that repeated disturbances of one and the same question may add up to, so that it is never out of reach. */
export const armingCap = 4000

export class Arming {
  armed = $state(false)
  /** Goes up with every start, so that the bar on the buttons starts again. */
  round = $state(0)
  #timer: ReturnType<typeof setTimeout> | undefined
  #burstStart = 0
  #pending = false

  constructor(private now: () => number = () => performance.now()) {}

  /** Another question, or the other gate, is shown: the whole delay, always. */
  shown() {
    this.#burstStart = this.now()
    this.#wait(armingDelay)
  }

  /** The same question is shown again, e.g. the window regained focus: the delay, up to the cap. */
  disturbed() {
    const now = this.now()
    if (!this.#pending) this.#burstStart = now
    this.#wait(Math.min(armingDelay, this.#burstStart + armingCap - now))
  }

  /** Nothing is shown, so nothing can be decided. */
  nothing() {
    clearTimeout(this.#timer)
    this.#pending = false
    this.armed = false
  }

  #wait(ms: number) {
    clearTimeout(this.#timer)
    this.armed = false
    this.#pending = true
    this.round += 1
    this.#timer = setTimeout(
      () => {
        this.#pending = false
        this.armed = true
      },
      Math.max(0, ms),
    )
  }
}
