//! Hosts in memory: added, changed, connected and undone; and servers to import.

import type { HostFileChange } from '../../bindings/HostFileChange'
import type { HostInput } from '../../bindings/HostInput'
import type { ImportFile } from '../../bindings/ImportFile'
import type { KnownHost } from '../../bindings/KnownHost'
import type { Host } from '../host'
import type { Tell } from './base'

const endpoint = 'http://127.0.0.1:7717/mcp'

const known: KnownHost[] = [
  { app: 'claude-desktop', title: 'Claude Desktop', path: '/home/ada/.config/Claude/claude_desktop_config.json', isHere: true, connection: { state: 'connected', at: '2026-11-20T10:00:00.000Z', backup: '/home/ada/.config/Claude/claude_desktop_config.json.before-samplegate', moved: [] } },
  { app: 'cursor', title: 'Cursor', path: '/home/ada/.cursor/mcp.json', isHere: true, connection: { state: 'none' } },
  { app: 'zed', title: 'Zed', path: '/home/ada/.config/zed/settings.json', isHere: true, connection: { state: 'unreadable', why: 'it is not JSON: Expected comma on line 4 column 3' } },
  { app: 'codex', title: 'Codex', path: '/home/ada/.codex/config.toml', isHere: false, connection: { state: 'none' } },
]

export const importable: ImportFile[] = [
  {
    app: 'cursor', title: 'Cursor', path: '/home/ada/.cursor/mcp.json', trouble: null,
    servers: [
      { id: 'i-github', name: 'github', freeName: 'github', project: null, reached: 'docker run -i --rm ghcr.io/github/github-mcp-server', secretInReached: false, values: [{ name: 'GITHUB_TOKEN', secret: true }, { name: 'LOG_LEVEL', secret: false }], enabled: true, leftOut: ['`envFile` is not taken: Samplegate reads no file of variables; give the variables themselves.'], cannot: null, hereAs: null },
      { id: 'i-demo', name: 'demo', freeName: 'demo-2', project: null, reached: 'npx -y demo', secretInReached: true, values: [], enabled: false, leftOut: [], cannot: null, hereAs: null },
      { id: 'i-folder', name: 'folder', freeName: 'folder', project: null, reached: '', secretInReached: false, values: [], enabled: true, leftOut: [], cannot: '`args` has ${workspaceFolder} in it, which only Cursor knows: add the server by hand', hereAs: null },
    ],
  },
]

function change(of: KnownHost, undo: boolean, moved: string[]): HostFileChange {
  const ours: HostFileChange['lines'] = [
    { kind: 'added', text: '    "samplegate": {' },
    { kind: 'added', text: `      "command": "/opt/samplegate/samplegate"` },
    { kind: 'added', text: '    }' },
  ]
  const lines: HostFileChange['lines'] = [
    { kind: 'gap', text: '' },
    { kind: 'same', text: '  "mcpServers": {' },
    ...moved.map((name) => ({ kind: 'removed' as const, text: `    "${name}": { "command": "docker", "env": { "GITHUB_TOKEN": ••• } },` })),
    ...(undo ? ours.map((line) => ({ ...line, kind: 'removed' as const })) : ours),
    { kind: 'same', text: '  }' },
  ]
  return { id: `${of.app}:${moved.join(',')}:${undo}`, app: of.app, title: of.title, path: of.path, lines, backup: `${of.path}.before-samplegate`, movable: undo ? [] : ['keywords'], exact: undo }
}

type HostsPart = Pick<Host, 'hostsList' | 'hostAdd' | 'hostSave' | 'hostRemove' | 'knownHosts' | 'otherHost' | 'hostPlan' | 'hostConnect' | 'hostUndoPlan' | 'hostUndo' | 'importLook' | 'importTake'>

const connected: HostInput[] = [{ name: 'claude-desktop', sampling: 'answer', elicitation: 'gate', toolCalls: 'ask', reviewResults: false }]

export function fakeHosts(given: HostInput[] | undefined, tell: Tell): HostsPart {
  let hosts = structuredClone(given ?? connected)
  const apps = structuredClone(known)
  const of = (app: string) => apps.find((k) => k.app === app)!
  const stale = { code: 'stale', message: 'the file is not what was shown any more: look at the difference again' }
  return {
    async hostsList() {
      return hosts.map((config) => ({ config, endpoint }))
    },
    async hostAdd(input) {
      if (hosts.some((h) => h.name === input.name)) throw { code: 'invalid', message: `there is a host "${input.name}" already` }
      hosts = [...hosts, input]
      tell('hosts')
      return { name: input.name, endpoint, token: 'sgh_bm90IGEgcmVhbCB0b2tlbiwgb25seSBmb3IgdGVzdHM' }
    },
    async hostSave(input) {
      hosts = hosts.map((h) => (h.name === input.name ? input : h))
      tell('hosts')
    },
    async hostRemove(name) {
      hosts = hosts.filter((h) => h.name !== name)
      tell('hosts')
    },
    async knownHosts() {
      return structuredClone(apps)
    },
    async otherHost() {
      return { command: ['/opt/samplegate/samplegate', 'bridge', '--host'], endpoint }
    },
    async hostPlan(app, moved) {
      return change(of(app), false, moved)
    },
    async hostConnect(app, moved, id) {
      const made = change(of(app), false, moved)
      if (made.id !== id) throw stale
      of(app).connection = { state: 'connected', at: '2026-11-21T10:00:00.000Z', backup: made.backup, moved }
      hosts = [...hosts, { name: app, sampling: 'answer', elicitation: 'answer', toolCalls: 'off', reviewResults: false }]
      tell('hosts')
      return made
    },
    async hostUndoPlan(app) {
      return change(of(app), true, [])
    },
    async hostUndo(app, id) {
      const made = change(of(app), true, [])
      if (made.id !== id) throw stale
      of(app).connection = { state: 'none' }
      hosts = hosts.filter((h) => h.name !== app)
      tell('hosts')
      return made
    },
    async importLook(file) {
      return file === null ? structuredClone(importable) : []
    },
    async importTake(_, takes) {
      tell('servers')
      return takes.map(({ name }) => ({ name, error: name === 'taken' ? 'there is a server "taken" already' : null }))
    },
  }
}
