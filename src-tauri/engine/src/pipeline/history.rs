//! Questions that are over, judged again: what rules would have said, and which rule would have done the same.
//!
//! Data flow: the log → [`Past`], the question as the policy saw it → [`dry_run`] and [`propose`]. What was asked is
//! taken as it came, and inspected again; the time is the question's; rules and settings are those of now.
//!
//! A tool's annotations are those that its server was approved with.
//!
//! Invariants: it only reads, asks no model and counts nothing; what cannot be judged again is said, never guessed.

mod past;

use std::{collections::BTreeMap, sync::Arc};

use samplegate_core::{
    answer::SamplingAnswer,
    audit::{DecidedBy, Kind, Outcome, QuestionId, QuestionSummary},
    inspect::{self, Finding, Place},
    policy::{Action, DryRun, Replayed, Risk, Rule, Seen, Verdict, propose_call_rule, propose_rule},
    settings::Settings,
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    config::Config,
    review_queue::Desk,
    store::{Entry, Filter, Store, StoreError},
};
use past::{Known, Past};

/// How many like it a proposal looks at.
const ALIKE: u32 = 50;

/// Why a question cannot be judged again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Its content is no longer kept.
    Pruned,
    /// It was refused before any rule was asked.
    Refused,
}

/// A question of the log beside what rules would have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DryRow {
    /// The question, and what really happened.
    pub question: QuestionSummary,
    /// What would have been said.
    pub said: Result<Replayed, Missed>,
}

/// Rules tried on the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dry {
    /// The questions, newest first.
    pub rows: Vec<DryRow>,
}

impl Dry {
    /// How many could be judged again.
    pub fn judged(&self) -> usize {
        self.rows.iter().filter(|row| row.said.is_ok()).count()
    }

    /// How many could not, for this reason.
    pub fn missed(&self, why: Missed) -> usize {
        self.rows.iter().filter(|row| row.said == Err(why)).count()
    }

    /// About how many the tried rules alone say this; none: nothing.
    pub fn says(&self, verdict: Option<Verdict>) -> usize {
        self.rows.iter().filter(|row| row.said.as_ref().is_ok_and(|said| said.alone == verdict)).count()
    }

    /// What they all are; none: they are of several kinds, or there are none.
    fn kind(&self) -> Option<Kind> {
        let first = self.rows.first()?.question.kind;
        self.rows.iter().all(|row| row.question.kind == first).then_some(first)
    }

    /// All of it in a sentence or two.
    pub fn sentence(&self) -> String {
        let judged = self.judged();
        let mut parts: Vec<String> =
            [(Verdict::Allow, "allowed"), (Verdict::Ask, "asked about"), (Verdict::Deny, "denied")]
                .into_iter()
                .map(|(verdict, word)| (self.says(Some(verdict)), word))
                .filter(|(count, _)| *count > 0)
                .map(|(count, word)| format!("{word} {count}"))
                .collect();
        let last = parts.pop();
        let said = match (last, parts.as_slice()) {
            (None, _) => "said nothing about any".to_owned(),
            (Some(last), []) => last,
            (Some(last), before) => format!("{} and {last}", before.join(", ")),
        };
        let (one, several) = match self.kind() {
            Some(Kind::ToolCall) => ("tool call", " tool calls"),
            Some(Kind::Elicitation) => ("question to you", " questions to you"),
            Some(Kind::Sampling) | None => ("question", ""),
        };
        let mut sentence = match judged {
            0 => format!("There is no {one} to try it on."),
            1 => format!("Would have {said} of your last {one}.").replace("1 of your last", "your last"),
            _ => format!("Would have {said} of your last {judged}{several}."),
        };
        for (why, text) in [
            (Missed::Pruned, "could not be tried, because the content is no longer kept"),
            (Missed::Refused, "could not be tried, because no rule was asked: what came was refused"),
        ] {
            let count = self.missed(why);
            if count > 0 {
                sentence.push_str(&format!(" {count} more {text}."));
            }
        }
        sentence
    }
}

/// Tries rules on the last questions of the log that they can say something about.
///
/// # Errors
/// The log cannot be read.
pub async fn dry_run(store: &Store, config: &Config, tried: Vec<Rule>, last: u32) -> Result<Dry, StoreError> {
    let settings = config.settings();
    let known = Arc::new(Known { desk: Desk::new(config.clone()), pins: store.pins().await? });
    let questions = last_about(store, &tried, last).await?;
    let mut run = DryRun::new(tried, &settings.rules);
    let mut rows = Vec::with_capacity(questions.len());
    // Oldest first, as uses are counted.
    for question in questions.into_iter().rev() {
        let entry = store.show(question.id).await?;
        let (known, settings) = (Arc::clone(&known), settings.clone());
        let judged = off_the_runtime(move || {
            let said = Past::of(&entry, &known).map(|past| past.judge(&mut run, &settings));
            (run, said)
        });
        let said;
        (run, said) = judged.await;
        rows.push(DryRow { question, said });
    }
    rows.reverse();
    Ok(Dry { rows })
}

/// The last questions of the kinds that these rules can say something about, newest first.
async fn last_about(store: &Store, rules: &[Rule], last: u32) -> Result<Vec<QuestionSummary>, StoreError> {
    let mut questions = Vec::new();
    for kind in [Kind::Sampling, Kind::Elicitation, Kind::ToolCall] {
        if rules.iter().any(|rule| rule.speaks_of(kind)) {
            let filter = Filter { kind: Some(kind), limit: last, ..Filter::default() };
            questions.extend(store.list(filter).await?.questions);
        }
    }
    questions.sort_by_key(|question| std::cmp::Reverse((question.at, question.id)));
    questions.truncate(last as usize);
    Ok(questions)
}

/// A rule that is proposed, and why it is that one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The rule; it has no id yet.
    pub rule: Rule,
    /// Why it does what it does, in a sentence or two.
    pub why: String,
    /// How many questions like it it was made from, besides the one.
    pub alike: usize,
}

/// Why no rule is proposed.
#[derive(Debug, thiserror::Error)]
pub enum NotProposed {
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to make it from.
    #[error("no rule can be made from {0}: its content is no longer kept")]
    Pruned(QuestionId),
    /// Nothing was judged.
    #[error("no rule can be made from {0}: it was refused before any rule was asked, so a rule would change nothing")]
    Refused(QuestionId),
    /// What was asked for is not proposed.
    #[error("{0}")]
    Never(String),
}

/// Proposes the narrowest rule that does again what was decided; `wanted` is another action, where a person names one.
///
/// # Errors
/// [`NotProposed`]; a flagged question, and one of high risk, is never allowed.
pub async fn propose(
    store: &Store,
    config: &Config,
    id: QuestionId,
    wanted: Option<Action>,
) -> Result<Proposed, NotProposed> {
    let entry = store.show(id).await?;
    if entry.summary.kind == Kind::Elicitation {
        let why = "no rule can answer a question to you; one with kind = \"elicitation\" can deny such questions";
        return Err(NotProposed::Never(why.into()));
    }
    if entry.summary.kind == Kind::ToolCall {
        return off_the_runtime({
            let config = config.clone();
            move || proposal_about_call(&entry, &config.settings(), wanted)
        })
        .await;
    }
    let filter = Filter {
        kind: Some(entry.summary.kind),
        server: Some(entry.summary.server.clone()),
        tool: entry.summary.tool.clone(),
        limit: ALIKE,
        ..Filter::default()
    };
    let mut others = Vec::new();
    for question in store.list(filter).await?.questions.into_iter().filter(|other| other.id != id) {
        others.push(store.show(question.id).await?);
    }
    let settings = config.settings();
    let known = Known { desk: Desk::new(config.clone()), pins: store.pins().await? };
    off_the_runtime(move || proposal(&entry, &others, &settings, &known, wanted)).await
}

fn proposal(
    entry: &Entry,
    others: &[Entry],
    settings: &Settings,
    known: &Known,
    wanted: Option<Action>,
) -> Result<Proposed, NotProposed> {
    let id = entry.summary.id;
    let past = Past::of(entry, known).map_err(|why| match why {
        Missed::Pruned => NotProposed::Pruned(id),
        Missed::Refused => NotProposed::Refused(id),
    })?;
    let (mut action, mut why) = decided(entry);
    if let Some(wanted) = wanted {
        (action, why) = (wanted, String::new());
    }
    if action.lets_through()
        && let Some(never) = never_allow(&past, settings)
    {
        if wanted.is_some() {
            return Err(NotProposed::Never(never));
        }
        (action, why) = (Action::Ask, never);
    }
    // Those that ended the same way, and would be allowed no less.
    let alike: Vec<Past> = others
        .iter()
        .filter(|other| {
            (other.summary.outcome, other.summary.decided_by) == (entry.summary.outcome, entry.summary.decided_by)
        })
        .filter(|other| decided(other).0 == decided(entry).0)
        .filter_map(|other| Past::of(other, known).ok())
        .filter(|other| !action.lets_through() || other.findings.is_empty())
        .collect();
    let server = entry.summary.server.as_str();
    fn seen<'a>(past: &'a Past, server: &'a str) -> Seen<'a> {
        let docket = &past.docket;
        Seen { server, tool: docket.tool(), host: docket.host(), model: docket.model(), facts: docket.facts() }
    }
    let like: Vec<Seen<'_>> = alike.iter().map(|past| seen(past, server)).collect();
    let mut rule = propose_rule("", action, &seen(&past, server), &like);
    if action == Action::Answer {
        rule.text = entry.released.as_ref().and_then(|result| Some(SamplingAnswer::from_result(result).ok()?.text()));
    }
    let covers = |past: &&Past| rule.matches(&past.request(settings));
    let alike = alike.iter().filter(covers).count();
    if past.docket.tool().is_none() {
        why.push_str(" The tool was not known, so this is about every tool of the server.");
    }
    Ok(Proposed { rule, why: why.trim().to_owned(), alike })
}

/// A rule about a host's tool call, from that call alone.
fn proposal_about_call(entry: &Entry, settings: &Settings, wanted: Option<Action>) -> Result<Proposed, NotProposed> {
    let summary = &entry.summary;
    if !entry.events.iter().any(|event| event["event"] == "evaluated") {
        return Err(NotProposed::Refused(summary.id));
    }
    let params = entry.request.as_ref().ok_or(NotProposed::Pruned(summary.id))?;
    let (mut action, mut why) = decided(entry);
    if let Some(wanted) = wanted {
        (action, why) = (wanted, String::new());
    }
    let server = settings.servers.get(&summary.server);
    let risk = server.map_or(Risk::High, |server| server.risk_of(summary.tool.as_deref()));
    if action.lets_through()
        && let Some(never) = never_allowed(risk, &inspect::inspect(Place::Request, params))
    {
        if wanted.is_some() {
            return Err(NotProposed::Never(never));
        }
        (action, why) = (Action::Ask, never);
    }
    let (host, tool) = (summary.host.as_deref(), summary.tool.as_deref());
    let rule = propose_call_rule(action, host, &summary.server, tool, params);
    Ok(Proposed { rule, why, alike: 0 })
}

/// What a rule would do to decide the same again, and why.
fn decided(entry: &Entry) -> (Action, String) {
    let by_person = entry.summary.decided_by == Some(DecidedBy::Person);
    let at_request: BTreeMap<&str, &Value> = entry
        .events
        .iter()
        .filter(|event| event["event"] == "decided")
        .filter_map(|event| Some((event["decision"].as_str()?, event)))
        .collect();
    let (action, why) = match entry.summary.outcome {
        Outcome::Denied if by_person => (Action::Deny, "You denied it."),
        Outcome::Denied => (Action::Deny, "It was denied."),
        Outcome::Released if at_request.contains_key("answered_by_hand") => {
            (Action::Answer, "It was answered with this text.")
        }
        Outcome::Released if at_request.get("edited").is_some_and(|event| event["gate"] == "request") => {
            (Action::Ask, "The request was changed before it went out, which no rule does; so this one asks you.")
        }
        Outcome::Released if by_person => (Action::Allow, "You approved it."),
        Outcome::Released => (Action::Allow, "It was let through."),
        Outcome::Open | Outcome::TimedOut | Outcome::Withdrawn | Outcome::Failed | Outcome::Interrupted => {
            (Action::Ask, "It was not decided to its end, so this rule asks you.")
        }
    };
    (action, why.to_owned())
}

fn never_allow(past: &Past, settings: &Settings) -> Option<String> {
    never_allowed(past.request(settings).risk, &past.findings)
}

fn never_allowed(risk: Risk, findings: &[Finding]) -> Option<String> {
    if risk == Risk::High {
        let why = "It is of high risk, so no rule lets it through: both gates always ask you.";
        return Some(why.to_owned());
    }
    let worst = findings.iter().max_by_key(|finding| finding.severity)?;
    Some(format!(
        "Something was flagged in it ({}, {}), so no rule is proposed that lets it through unseen.",
        worst.kind.as_str(),
        worst.severity.as_str()
    ))
}

/// Runs what takes its time away from what must not wait.
async fn off_the_runtime<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
