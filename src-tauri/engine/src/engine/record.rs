//! The approval record of a server, how much its tools can do, and its limits: read, saved, renewed, written out.

use jiff::civil::Date;
use samplegate_core::{
    audit::format_time,
    limits::{LIMITS_OF_CALLS, Limit, Limits, Tally, title_of_calls},
    policy::{Hints, propose_labels, propose_risk},
    settings::{
        HistoryChange, HistoryLine, InvalidSetting, Record, RecordPage, SamplingTools, Server, SettingChange, Settings,
        Tool, about_server,
    },
};
use serde_json::Value;

use super::{
    Engine, HostError, ServerError,
    servers::{gates, input, sampling},
};
use crate::{
    mcp,
    store::{Change, StoreError},
    wire::{
        self, HistoryView, LimitView, LimitsOf, ProposedLabel, RecordFormat, RecordInput, RecordView, RiskInput,
        RiskView, Suspended, ToolRisk,
    },
};

impl Engine {
    /// The record of a server, or the defaults that are proposed for it.
    ///
    /// # Errors
    /// There is none of that name, or the log cannot be read.
    pub async fn record(&self, name: &str) -> Result<RecordView, RecordError> {
        let server = self.server(name)?;
        let (today, log) = (today(), self.log_path());
        let page = RecordPage::new(name, &server, log.clone(), today, self.history(name).await?);
        let record = server.record.clone().unwrap_or_else(|| Record::filled(today, &self.options.reviewer));
        let seen = input(name, &server);
        let history = page.history.iter().rev().map(|line| HistoryView {
            id: line.id,
            at: line.at.clone(),
            by: line.by.clone(),
            via: line.via.clone(),
            what: line.what(),
        });
        Ok(RecordView {
            server: name.into(),
            filled: page.filled,
            due: page.due,
            record: RecordInput {
                sampling: seen.sampling,
                gates: seen.gates,
                sampling_tools: seen.sampling_tools,
                purpose: record.purpose,
                context: record.context,
                models: record.models,
                tools_may: record.tools,
                allow_trifecta: record.allow_trifecta,
                owner: record.owner,
                review_by: record.review_by.map(|date| date.to_string()),
            },
            log,
            history: history.collect(),
        })
    }

    /// Fills in the record of a server and switches its sampling as it says.
    ///
    /// # Errors
    /// There is none of that name, a date or a model is not valid, or the configuration cannot be written.
    pub async fn save_record(&self, name: &str, input: RecordInput) -> Result<(), ServerError> {
        let review_by =
            input.review_by.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(date).transpose()?;
        let record = Record {
            purpose: input.purpose.trim().into(),
            context: input.context.trim().into(),
            models: input.models,
            tools: input.tools_may.trim().into(),
            allow_trifecta: input.allow_trifecta,
            owner: input.owner.trim().into(),
            review_by,
        };
        let mut proposed = self.server(name)?;
        let was = proposed.sampling;
        proposed.set_sampling(sampling(input.sampling), today(), &self.options.reviewer);
        // What was said about it before stays.
        let said = !proposed.confine.is_default();
        self.propose_confinement(&mut proposed, said, was).await;
        self.change_server(name, |server| {
            server.confine = proposed.confine;
            (server.sampling, server.pin) = (proposed.sampling, proposed.pin);
            server.gates = gates(input.gates);
            server.sampling_tools = match input.sampling_tools {
                wire::SamplingTools::None => SamplingTools::None,
                wire::SamplingTools::All => SamplingTools::All,
                // Nothing named is nothing allowed: sampling.tools must not be declared for it.
                wire::SamplingTools::Only(names) if names.is_empty() => SamplingTools::None,
                wire::SamplingTools::Only(names) => SamplingTools::Only(names),
            };
            server.record = Some(record);
        })
    }

    /// Says that the record was read again: it holds as long as a new one.
    ///
    /// # Errors
    /// There is none of that name, it has no record, or the configuration cannot be written.
    pub fn renew_record(&self, name: &str) -> Result<(), ServerError> {
        if self.server(name)?.record.is_none() {
            return Err(InvalidSetting(format!("{name} has no record yet: fill it in")).into());
        }
        self.change_server(name, |server| {
            server.record = server.record.take().map(|record| record.renewed(today()));
        })
    }

    /// Says at what waits that its server's record is due no more, whoever renewed it.
    pub(super) fn note_renewals(&self) {
        for (name, server) in &self.config.settings().servers {
            if review_due(server).is_none() {
                self.queue.lifted(name, &[Suspended::ReviewDue]);
            }
        }
    }

    /// The record of a server with its history, to hand to somebody.
    ///
    /// # Errors
    /// There is none of that name, or the log cannot be read.
    pub async fn record_text(&self, name: &str, format: RecordFormat) -> Result<String, RecordError> {
        let server = self.server(name)?;
        let page = RecordPage::new(name, &server, self.log_path(), today(), self.history(name).await?);
        Ok(match format {
            RecordFormat::Markdown => page.to_markdown(),
            RecordFormat::Json => page.to_json(),
        })
    }

    /// How much a server and its tools can do, as the person said it and as it is proposed.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn risk(&self, name: &str) -> Result<RiskView, ServerError> {
        let server = self.server(name)?;
        let listed = self.servers.list().into_iter().find(|status| status.name == name).map(|status| status.state);
        let listed = match listed {
            Some(mcp::ServerState::Ready { tools, .. }) => tools,
            Some(_) | None => Vec::new(),
        };
        let hints_of = |name: &str| {
            let tool = listed.iter().find(|tool| tool["name"] == name);
            tool.map_or_else(Hints::default, |tool| Hints::of(&tool["annotations"]))
        };
        let mut names: Vec<String> =
            listed.iter().filter_map(|tool| Some(tool.get("name")?.as_str()?.to_owned())).collect();
        let in_sampling = match &server.sampling_tools {
            SamplingTools::Only(names) => names.as_slice(),
            SamplingTools::None | SamplingTools::All => &[],
        };
        for more in server.tools.keys().chain(in_sampling) {
            if !names.contains(more) {
                names.push(more.clone());
            }
        }
        let tools = names.into_iter().map(|name| {
            let (said, hints) = (server.tools.get(&name), hints_of(&name));
            let proposal = propose_risk(&name, hints);
            let labels = said.and_then(|tool| tool.labels.as_ref());
            ToolRisk {
                risk: said.and_then(|tool| tool.risk).map(Into::into),
                labels: labels.map(|labels| labels.iter().map(|label| (*label).into()).collect()),
                proposed: proposal.risk.into(),
                why: proposal.why,
                proposed_labels: propose_labels(&name, hints)
                    .into_iter()
                    .map(|(label, why)| ProposedLabel { label: label.into(), why })
                    .collect(),
                name,
            }
        });
        Ok(RiskView { risk: server.risk.into(), typed_confirmation: server.typed_confirmation, tools: tools.collect() })
    }

    /// Says how much a server or its tools can do.
    ///
    /// # Errors
    /// There is none of that name, or the configuration cannot be written.
    pub fn save_risk(&self, name: &str, input: RiskInput) -> Result<(), ServerError> {
        self.change_server(name, |server| {
            server.risk = input.risk.map_or(server.risk, Into::into);
            server.typed_confirmation = input.typed_confirmation.unwrap_or(server.typed_confirmation);
            for (tool, said) in input.tools {
                let labels = said.labels.map(|labels| labels.into_iter().map(Into::into).collect());
                let said = Tool { risk: said.risk.map(Into::into), labels };
                if said == Tool::default() {
                    server.tools.remove(&tool);
                } else {
                    server.tools.insert(tool, said);
                }
            }
        })
    }

    /// Limits, with what is used of them.
    ///
    /// # Errors
    /// There is none of that name, or the log cannot be read.
    pub async fn limits(&self, of: &LimitsOf) -> Result<Vec<LimitView>, RecordError> {
        let settings = self.config.settings();
        let now = jiff::Timestamp::now();
        let (all, limits, used) = match of {
            LimitsOf::All => (Limit::ALL, settings.limits.clone(), self.store.used(None, now).await?),
            LimitsOf::Server(name) => {
                (Limit::ALL, self.server(name)?.limits, self.store.used(Some(name.clone()), now).await?)
            }
            LimitsOf::Host(name) => {
                let host = settings.hosts.get(name).ok_or_else(|| HostError::NotFound(name.clone()))?;
                (LIMITS_OF_CALLS, host.limits.clone(), self.store.used_by_host(name.clone(), now).await?)
            }
        };
        Ok(all.iter().map(|limit| limit_view(*limit, &limits, of, used)).collect())
    }

    /// Saves limits.
    ///
    /// # Errors
    /// There is none of that name, a host cannot have such a limit, or the configuration cannot be written.
    pub fn save_limits(&self, of: &LimitsOf, limits: Limits) -> Result<(), RecordError> {
        match of {
            LimitsOf::Server(name) => self.change_server(name, |server| server.limits = limits)?,
            LimitsOf::All => self.config.update(|settings| {
                settings.limits = limits;
                Ok::<_, ServerError>(())
            })?,
            LimitsOf::Host(name) => self.config.update(|settings| {
                let host = settings.hosts.get_mut(name).ok_or_else(|| HostError::NotFound(name.clone()))?;
                host.limits = limits;
                Ok::<_, HostError>(())
            })?,
        }
        Ok(())
    }

    fn server(&self, name: &str) -> Result<Server, ServerError> {
        let settings = self.config.settings();
        settings.servers.get(name).cloned().ok_or_else(|| ServerError::NotFound(name.into()))
    }

    fn change_server(&self, name: &str, change: impl FnOnce(&mut Server)) -> Result<(), ServerError> {
        self.config.update(|settings: &mut Settings| {
            change(settings.servers.get_mut(name).ok_or_else(|| ServerError::NotFound(name.into()))?);
            Ok(())
        })
    }

    fn log_path(&self) -> String {
        self.store.path().display().to_string()
    }

    /// Changes of a server's settings, oldest first.
    async fn history(&self, name: &str) -> Result<Vec<HistoryLine>, StoreError> {
        let changes = self.store.changes(None, u32::MAX).await?;
        Ok(changes.into_iter().rev().filter_map(|change| history_line(change, name)).collect())
    }
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The server.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Since when a server's record wants to be read again.
pub(super) fn review_due(server: &Server) -> Option<String> {
    let record = server.record.as_ref().filter(|record| record.is_due(today()))?;
    record.review_by.map(|date| date.to_string())
}

pub(super) fn today() -> Date {
    jiff::Zoned::now().date()
}

fn date(text: &str) -> Result<Date, InvalidSetting> {
    text.parse().map_err(|_| InvalidSetting(format!("record.review_by: {text:?} is not a date like 2027-05-20")))
}

/// What a change says about a server; none: nothing. Where it is not known what changed, it may be about any server.
fn history_line(change: Change, name: &str) -> Option<HistoryLine> {
    let known: Option<Vec<SettingChange>> = change.changes.and_then(|changes| serde_json::from_value(changes).ok());
    let nothing_known = known.is_none();
    let about = known.into_iter().flatten().filter_map(|change| {
        let key = about_server(&change.key, name)?.to_owned();
        // A server named `a.b` is no field of `a`.
        let is_server = |value: &Value| ["command", "url", "demo"].iter().any(|field| value.get(field).is_some());
        if !key.is_empty() && (is_server(&change.before) || is_server(&change.after)) {
            return None;
        }
        Some(HistoryChange { key, before: change.before, after: change.after })
    });
    let changes: Vec<HistoryChange> = about.collect();
    (nothing_known || !changes.is_empty()).then(|| HistoryLine {
        id: change.id,
        at: format_time(change.at),
        by: change.reviewer,
        via: change.via.as_str().into(),
        changes,
    })
}

fn limit_view(limit: Limit, limits: &Limits, of: &LimitsOf, used: Tally) -> LimitView {
    #[expect(clippy::cast_precision_loss, reason = "shown, not counted with")]
    let number = |number: u64| if limit.is_money() { number as f64 / 1e6 } else { number as f64 };
    // What is not said has no limit, but for servers.
    let (usual, holds) = match of {
        LimitsOf::Server(_) => (limit.default_for_server(), limits.for_server(limit)),
        LimitsOf::All | LimitsOf::Host(_) => (None, limits.for_all(limit)),
    };
    LimitView {
        key: limit.as_str().into(),
        title: if matches!(of, LimitsOf::Host(_)) { title_of_calls(limit) } else { limit.title() }.into(),
        unit: limit.unit().into(),
        usual: usual.map(number),
        said: limits.said(limit).is_some(),
        holds: holds.map(number),
        used: limit.used(used).map(number),
    }
}
