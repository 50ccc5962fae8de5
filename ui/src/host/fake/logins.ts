//! Signing in, pretended: the browser is a moment, and always says yes.

import type { ServerLogin } from '../../bindings/ServerLogin'
import type { ServerView } from '../../bindings/ServerView'
import type { Host } from '../host'
import type { Tell } from './base'

const place = { host: 'sign-in.example.com', address: 'https://sign-in.example.com/authorize?client_id=samplegate&state=x' }
const out: ServerLogin = { step: 'signedOut', why: null }

export function fakeLogins(
  servers: ServerView[],
  tell: Tell,
): Pick<Host, 'serverLogin' | 'serverLoginOpen' | 'serverLoginCancel' | 'serverLogout'> {
  const become = (name: string, login: ServerLogin) => {
    const view = servers.find((s) => s.config.name === name)
    if (!view) return
    view.login = login
    if (login.step === 'signedIn') view.state = { state: 'ready', reportedName: name, version: '1.0.0', protocol: '2026-07-28', tools: [] }
    tell('servers', name)
  }
  return {
    async serverLogin(name) {
      become(name, { step: 'ready', ...place, scopes: ['files:read', 'files:write'] })
    },
    async serverLoginOpen(name, inMemory) {
      become(name, { step: 'waiting', ...place })
      setTimeout(() => become(name, { step: 'signedIn', host: place.host, scopes: ['files:read'], wanted: ['files:write'], inMemory }), 20)
    },
    async serverLoginCancel(name) {
      become(name, out)
    },
    async serverLogout(name) {
      become(name, out)
      return null
    },
  }
}
