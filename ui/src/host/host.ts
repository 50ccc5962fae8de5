//! What a window may ask of the app behind it. Everything but `tauri.ts` talks to this interface only.

import type { Action } from '../bindings/Action'
import type { AuditFacets } from '../bindings/AuditFacets'
import type { AuditPage } from '../bindings/AuditPage'
import type { AuditQuery } from '../bindings/AuditQuery'
import type { ChangeRow } from '../bindings/ChangeRow'
import type { DryRunView } from '../bindings/DryRunView'
import type { CallInput } from '../bindings/CallInput'
import type { Changed } from '../bindings/Changed'
import type { FoundModels } from '../bindings/FoundModels'
import type { GeneralSettings } from '../bindings/GeneralSettings'
import type { GrantView } from '../bindings/GrantView'
import type { HeldChange } from '../bindings/HeldChange'
import type { HostAdded } from '../bindings/HostAdded'
import type { HostFileChange } from '../bindings/HostFileChange'
import type { HostInput } from '../bindings/HostInput'
import type { HostView } from '../bindings/HostView'
import type { Imported } from '../bindings/Imported'
import type { ImportFile } from '../bindings/ImportFile'
import type { ImportTake } from '../bindings/ImportTake'
import type { KnownHost } from '../bindings/KnownHost'
import type { ModelInput } from '../bindings/ModelInput'
import type { ModelView } from '../bindings/ModelView'
import type { Offers } from '../bindings/Offers'
import type { OtherHost } from '../bindings/OtherHost'
import type { PinView } from '../bindings/PinView'
import type { ProposalView } from '../bindings/ProposalView'
import type { ProviderOption } from '../bindings/ProviderOption'
import type { ReviewItem } from '../bindings/ReviewItem'
import type { ReviewSummary } from '../bindings/ReviewSummary'
import type { RuleInput } from '../bindings/RuleInput'
import type { RuleReading } from '../bindings/RuleReading'
import type { LimitView } from '../bindings/LimitView'
import type { LimitsOf } from '../bindings/LimitsOf'
import type { RecordFormat } from '../bindings/RecordFormat'
import type { RecordInput } from '../bindings/RecordInput'
import type { RecordView } from '../bindings/RecordView'
import type { RiskInput } from '../bindings/RiskInput'
import type { RiskView } from '../bindings/RiskView'
import type { RuleView } from '../bindings/RuleView'
import type { RunView } from '../bindings/RunView'
import type { JsonValue } from '../bindings/serde_json/JsonValue'
import type { ServerInput } from '../bindings/ServerInput'
import type { ServerView } from '../bindings/ServerView'
import type { Status } from '../bindings/Status'
import type { TestReport } from '../bindings/TestReport'
import type { VerifyReport } from '../bindings/VerifyReport'
import type { WireError } from '../bindings/WireError'

export type WindowName = 'review' | 'audit' | 'settings'

/** Where an already open window is asked to go. */
export interface Goto {
  section?: string | null
  id?: string | null
}

/** One entry of the log in full: the same object that `samplegate audit show --json` prints. */
export type AuditEntry = { [key: string]: JsonValue }

/** Limits by key, where they are not the usual. US dollars where the key says so. */
export type LimitsInput = 'none' | { [key: string]: number | 'none' }

export interface Host {
  reviewList(): Promise<ReviewSummary[]>
  reviewGet(id: string): Promise<ReviewItem>
  /** Says that this revision was really painted. */
  reviewShown(id: string, revision: number): Promise<void>
  reviewAct(id: string, revision: number, action: Action): Promise<ReviewItem>
  /** The exact body an approval would send. */
  reviewOutgoing(id: string): Promise<string>
  /** Asks the model chosen for it for an opinion. `confirmed`: the person knows that it is on another computer. */
  reviewOpinion(id: string, revision: number, confirmed: boolean): Promise<void>
  /** Denies all that waits of one server; returns how many. */
  reviewDenyAll(server: string, reason: string): Promise<number>
  /** Shows no popups about a server for ten minutes, or shows them again. Its questions wait. */
  reviewMute(server: string, muted: boolean): Promise<void>
  /** Switches a server's sampling off and denies what waits of it; returns how many. */
  reviewBlock(server: string): Promise<number>
  /** Takes back the offer to block a server. */
  reviewForgetDenials(server: string): Promise<void>

  serversList(): Promise<ServerView[]>
  serverSave(original: string | null, input: ServerInput): Promise<void>
  serverRemove(name: string): Promise<void>
  serverRestart(name: string): Promise<void>
  serverSetEnabled(name: string, enabled: boolean): Promise<void>
  serverTest(input: ServerInput): Promise<TestReport>
  /** Finds out where to sign in to a server; how it goes is in its view. */
  serverLogin(name: string): Promise<void>
  /** Opens the browser at the place that was found; `inMemory`: for this run only. */
  serverLoginOpen(name: string, inMemory: boolean): Promise<void>
  serverLoginCancel(name: string): Promise<void>
  /** Signs out; what could not be done, if anything. */
  serverLogout(name: string): Promise<string | null>
  /** What a server was when it was approved, and how it differs since. */
  serverPin(name: string): Promise<PinView | null>
  /** Approves a server as it was shown: `sha256` names that. */
  serverApprove(name: string, sha256: string): Promise<void>
  /** Whether servers can be confined here; if not, why. */
  confinementTest(): Promise<TestReport>
  serverOffers(name: string): Promise<Offers>

  serverRecord(name: string): Promise<RecordView>
  serverRecordSave(name: string, input: RecordInput): Promise<void>
  serverRecordRenew(name: string): Promise<void>
  serverRecordText(name: string, format: RecordFormat): Promise<string>
  /** Writes it into the person's downloads folder; gives the path. */
  serverRecordFile(name: string, format: RecordFormat): Promise<string>
  serverRisk(name: string): Promise<RiskView>
  serverRiskSave(name: string, input: RiskInput): Promise<void>
  limitsList(of: LimitsOf): Promise<LimitView[]>
  limitsSave(of: LimitsOf, limits: LimitsInput): Promise<void>

  hostsList(): Promise<HostView[]>
  /** Its token is in what this gives, this once. */
  hostAdd(input: HostInput): Promise<HostAdded>
  hostSave(input: HostInput): Promise<void>
  hostRemove(name: string): Promise<void>
  /** Hosts whose configuration files are known, and whether Samplegate is in them. */
  knownHosts(): Promise<KnownHost[]>
  /** How any other host connects. */
  otherHost(): Promise<OtherHost>
  /** What connecting would change in a known host's file. `moved`: servers to take out of it. Nothing is written. */
  hostPlan(app: string, moved: string[]): Promise<HostFileChange>
  /** Writes exactly the change that was shown: `id` names it. */
  hostConnect(app: string, moved: string[], id: string): Promise<HostFileChange>
  hostUndoPlan(app: string): Promise<HostFileChange>
  hostUndo(app: string, id: string): Promise<HostFileChange>
  /** Servers in the files of known hosts, or in this file. No values. Nothing is taken. */
  importLook(file: string | null): Promise<ImportFile[]>
  importTake(file: string | null, takes: ImportTake[]): Promise<Imported[]>

  callStart(input: CallInput): Promise<string>
  callsList(): Promise<RunView[]>
  callCancel(id: string): Promise<void>

  modelsList(): Promise<ModelView[]>
  providersList(): Promise<ProviderOption[]>
  modelSave(original: string | null, input: ModelInput): Promise<void>
  modelRemove(name: string): Promise<void>
  /** A model's name, or `human`. */
  modelSetDefault(name: string): Promise<void>
  modelTest(name: string): Promise<TestReport>
  findLocalModels(): Promise<FoundModels[]>

  /** The change from outside that waits for a person; null: there is none. */
  heldChange(): Promise<HeldChange | null>
  heldAccept(id: string): Promise<void>
  /** `restore`: puts the file back, with the refused one beside it, whose path is given. */
  heldRefuse(id: string, restore: boolean): Promise<string | null>

  rulesList(): Promise<RuleView[]>
  /** What a rule says, and what is wrong with it. Nothing is saved. */
  ruleRead(rule: RuleInput): Promise<RuleReading>
  /** What it would have done with the last questions of the log, at most 1000. Nothing is saved or counted. */
  ruleTry(rule: RuleInput, last: number): Promise<DryRunView>
  /** A rule that does again what was decided about a question of the log. Nothing is saved. */
  rulePropose(question: string): Promise<ProposalView>
  /** Saves it, under a new id where it has none. */
  ruleSave(rule: RuleInput): Promise<string>
  ruleSetEnabled(id: string, enabled: boolean): Promise<void>
  ruleRemove(id: string): Promise<void>

  grantsList(): Promise<GrantView[]>
  grantRevoke(id: string): Promise<void>
  grantsRevokeAll(): Promise<void>

  auditList(query: AuditQuery): Promise<AuditPage>
  auditFacets(): Promise<AuditFacets>
  auditShow(id: string): Promise<AuditEntry>
  /** Changes of the settings, newest first, a hundred at a time; `before`: the id of the last one seen. */
  auditChanges(before: number | null): Promise<ChangeRow[]>
  /** `known`: a head that was noted down earlier; null: none. */
  auditVerify(known: string | null): Promise<VerifyReport>

  status(): Promise<Status>
  setPaused(paused: boolean): Promise<void>
  generalGet(): Promise<GeneralSettings>
  generalSave(settings: GeneralSettings): Promise<void>

  openWindow(name: WindowName, goto?: Goto): Promise<void>
  /** Puts this window away. Decides nothing. */
  later(): Promise<void>

  /** Calls back when something is to be read again; returns how to stop. */
  onChanged(listener: (changed: Changed) => void): () => void
  /** Calls back when this window, already open, is asked to show something; returns how to stop. */
  onGoto(listener: (goto: Goto) => void): () => void
}

/** Any rejection as the error a person can read. */
export function asWireError(error: unknown): WireError {
  if (typeof error === 'object' && error !== null && 'code' in error && 'message' in error) {
    return error as WireError
  }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'failed', message }
}
