//! The host of this build. The fake is only in development builds and in `--mode fake`, never in a shipped page.

import type { Host } from './host'
import { tauriHost } from './tauri'

const fake = import.meta.env.MODE === 'fake' || (import.meta.env.DEV && !('__TAURI_INTERNALS__' in window))

export const host: Host = fake ? (await import('./fake/scenes')).fakeHostFromAddress(location) : tauriHost
