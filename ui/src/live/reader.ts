//! “Something changed: read it again”, at most one reading at a time and none left out.

import type { Changed } from '../bindings/Changed'
import type { Host } from '../host/host'

/**
 * Reads when asked and whenever a wanted change is told. Changes during a reading, or sooner than `pause`
 * milliseconds after it, lead to exactly one more reading.
 */
export class Reader {
  #running = false
  #again = false
  #stopped = false
  #unlisten: () => void

  constructor(
    host: Host,
    wanted: (changed: Changed) => boolean,
    private read: () => Promise<void>,
    private pause = 0,
  ) {
    this.#unlisten = host.onChanged((changed) => {
      if (wanted(changed)) void this.now()
    })
  }

  async now(): Promise<void> {
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = true
    try {
      do {
        this.#again = false
        await this.read()
        if (this.pause > 0) await new Promise((done) => setTimeout(done, this.pause))
      } while (this.#again && !this.#stopped)
    } finally {
      this.#running = false
    }
  }

  stop() {
    this.#stopped = true
    this.#unlisten()
  }
}
