//! The host of the shipped app. The one file that imports Tauri.

import { invoke } from '@tauri-apps/api/core'
import { listen } from '@tauri-apps/api/event'
import { getCurrentWindow } from '@tauri-apps/api/window'

import type { Changed } from '../bindings/Changed'
import type { Goto, Host } from './host'

function on<T>(event: string, listener: (payload: T) => void): () => void {
  let stopped = false
  let unlisten: (() => void) | undefined
  void listen<T>(event, (message) => {
    if (!stopped) listener(message.payload)
  }).then((stop) => {
    if (stopped) stop()
    else unlisten = stop
  })
  return () => {
    stopped = true
    unlisten?.()
  }
}

export const tauriHost: Host = {
  reviewList: () => invoke('review_list'),
  reviewGet: (id) => invoke('review_get', { id }),
  reviewShown: (id, revision) => invoke('review_shown', { id, revision }),
  reviewAct: (id, revision, action) => invoke('review_act', { id, revision, action }),
  reviewOutgoing: (id) => invoke('review_outgoing', { id }),
  reviewOpinion: (id, revision, confirmed) => invoke('review_opinion', { id, revision, confirmed }),
  reviewDenyAll: (server, reason) => invoke('review_deny_all', { server, reason }),
  reviewMute: (server, muted) => invoke('review_mute', { server, muted }),
  reviewBlock: (server) => invoke('review_block', { server }),
  reviewForgetDenials: (server) => invoke('review_forget_denials', { server }),

  serversList: () => invoke('servers_list'),
  serverSave: (original, input) => invoke('server_save', { original, input }),
  serverRemove: (name) => invoke('server_remove', { name }),
  serverRestart: (name) => invoke('server_restart', { name }),
  serverSetEnabled: (name, enabled) => invoke('server_set_enabled', { name, enabled }),
  serverTest: (input) => invoke('server_test', { input }),
  serverLogin: (name) => invoke('server_login', { name }),
  serverLoginOpen: (name, inMemory) => invoke('server_login_open', { name, inMemory }),
  serverLoginCancel: (name) => invoke('server_login_cancel', { name }),
  serverLogout: (name) => invoke('server_logout', { name }),
  serverPin: (name) => invoke('server_pin', { name }),
  serverApprove: (name, sha256) => invoke('server_approve', { name, sha256 }),
  confinementTest: () => invoke('confinement_test'),
  heldChange: () => invoke('held_change'),
  heldAccept: (id) => invoke('held_accept', { id }),
  heldRefuse: (id, restore) => invoke('held_refuse', { id, restore }),
  serverOffers: (name) => invoke('server_offers', { name }),

  serverRecord: (name) => invoke('server_record', { name }),
  serverRecordSave: (name, input) => invoke('server_record_save', { name, input }),
  serverRecordRenew: (name) => invoke('server_record_renew', { name }),
  serverRecordText: (name, format) => invoke('server_record_text', { name, format }),
  serverRecordFile: (name, format) => invoke('server_record_file', { name, format }),
  serverRisk: (name) => invoke('server_risk', { name }),
  serverRiskSave: (name, input) => invoke('server_risk_save', { name, input }),
  limitsList: (of) => invoke('limits_list', { of }),
  limitsSave: (of, limits) => invoke('limits_save', { of, limits }),

  hostsList: () => invoke('hosts_list'),
  hostAdd: (input) => invoke('host_add', { input }),
  hostSave: (input) => invoke('host_save', { input }),
  hostRemove: (name) => invoke('host_remove', { name }),
  knownHosts: () => invoke('known_hosts'),
  otherHost: () => invoke('other_host'),
  hostPlan: (app, moved) => invoke('host_plan', { app, moved }),
  hostConnect: (app, moved, id) => invoke('host_connect', { app, moved, id }),
  hostUndoPlan: (app) => invoke('host_undo_plan', { app }),
  hostUndo: (app, id) => invoke('host_undo', { app, id }),
  importLook: (file) => invoke('import_look', { file }),
  importTake: (file, takes) => invoke('import_take', { file, takes }),

  callStart: (input) => invoke('call_start', { input }),
  callsList: () => invoke('calls_list'),
  callCancel: (id) => invoke('call_cancel', { id }),

  modelsList: () => invoke('models_list'),
  providersList: () => invoke('providers_list'),
  modelSave: (original, input) => invoke('model_save', { original, input }),
  modelRemove: (name) => invoke('model_remove', { name }),
  modelSetDefault: (name) => invoke('model_set_default', { name }),
  modelTest: (name) => invoke('model_test', { name }),
  findLocalModels: () => invoke('find_local_models'),

  rulesList: () => invoke('rules_list'),
  ruleRead: (rule) => invoke('rule_read', { rule }),
  ruleTry: (rule, last) => invoke('rule_try', { rule, last }),
  rulePropose: (question) => invoke('rule_propose', { question }),
  ruleSave: (rule) => invoke('rule_save', { rule }),
  ruleSetEnabled: (id, enabled) => invoke('rule_set_enabled', { id, enabled }),
  ruleRemove: (id) => invoke('rule_remove', { id }),

  grantsList: () => invoke('grants_list'),
  grantRevoke: (id) => invoke('grant_revoke', { id }),
  grantsRevokeAll: () => invoke('grants_revoke_all'),

  auditList: (query) => invoke('audit_list', { query }),
  auditFacets: () => invoke('audit_facets'),
  auditChanges: (before) => invoke('audit_changes', { before }),
  auditShow: (id) => invoke('audit_show', { id }),
  auditVerify: (known) => invoke('audit_verify', { known }),

  status: () => invoke('status'),
  setPaused: (paused) => invoke('set_paused', { paused }),
  generalGet: () => invoke('general_get'),
  generalSave: (settings) => invoke('general_save', { settings }),

  openWindow: (name, goto) => invoke('open_window', { name, section: goto?.section ?? null, id: goto?.id ?? null }),
  later: () => getCurrentWindow().close(),

  onChanged: (listener) => on<Changed>('changed', listener),
  onGoto: (listener) => on<Goto>('goto', listener),
}
