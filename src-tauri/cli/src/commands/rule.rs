//! `samplegate rule …`

use samplegate_core::{
    audit::{QuestionId, UnknownName, format_time},
    policy::{self, Action, FindingsAre, Hours, Pattern, ToolsAre},
    settings::{self, InvalidSetting, Settings},
};
use samplegate_engine::{
    config::Config,
    engine::Engine,
    pipeline::{Dry, DryRow, Missed, NotProposed, dry_run, propose},
    store::{Store, StoreError},
};
use serde_json::{Value, json};

use crate::{
    args::{Gates, Rule, RuleAction, RuleAdd, RuleGiven, RuleTry},
    exit::{Exit, Failure},
    output,
    start::Start,
    way_out::way_out,
};

pub(crate) async fn run(start: &Start, command: Rule) -> Result<Exit, Failure> {
    if let Rule::Try(wanted) = command {
        return self::try_on_the_log(start, *wanted).await;
    }
    let engine = start.idle().await?;
    let changed = |done: Result<(), _>| done.map(|()| Exit::Done).map_err(Failure::from);
    let done = match command {
        Rule::Add(add) => self::add(&engine, *add).await,
        Rule::List(list) => self::list(&engine, list.json).await,
        Rule::Enable(id) => changed(engine.set_rule_enabled(&id.id, true)),
        Rule::Disable(id) => changed(engine.set_rule_enabled(&id.id, false)),
        Rule::Remove(id) => changed(engine.remove_rule(&id.id)),
        // Answered above, without an engine.
        Rule::Try(_) => Ok(Exit::Done),
    };
    super::finish(&engine).await;
    done
}

async fn add(engine: &Engine, add: RuleAdd) -> Result<Exit, Failure> {
    let from_question = add.given.from.is_some();
    let rule = rule(add.given, engine.config(), Some(engine.store())).await?;
    let sentence = output::inline(&rule.sentence());
    let server = rule.server.clone().filter(|_| rule.action.lets_through());
    let id = engine.make_rule(rule)?;
    if from_question {
        output::note(&sentence);
    }
    if let Some(server) = server
        && let Some(why) = engine.suspension(&server).await?
        && let Some(how) = way_out(why.into(), &server)
    {
        output::note(&format!("{} {how}", why.reason()));
    }
    output::line(&id)?;
    Ok(Exit::Done)
}

async fn list(engine: &Engine, as_json: bool) -> Result<Exit, Failure> {
    let standing = engine.list_rules().await?;
    let suspended = |rule: &policy::Rule| {
        standing.iter().find(|view| view.rule.id == rule.id).and_then(|view| view.suspended.as_ref())
    };
    let json = |rule: &policy::Rule| {
        let mut object = to_json(rule);
        object["suspended"] = json!(suspended(rule));
        object
    };
    output::listing(&engine.config().settings().rules, as_json, json, |rule| {
        let aside = if rule.disabled { "set aside: " } else { "" };
        let sentence = format!("{aside}{}", output::inline(&rule.sentence()));
        [Some(rule.id.clone()), Some(sentence), suspended(rule).cloned()].into_iter().flatten().collect()
    })?;
    Ok(Exit::Done)
}

/// Reads the configuration and the log, and nothing else: no engine, no lock, no write.
async fn try_on_the_log(start: &Start, wanted: RuleTry) -> Result<Exit, Failure> {
    let home = start.home()?;
    let config = Config::peek(&home.config_file()).map_err(|error| Failure::new(Exit::Own, error))?;
    let store = match Store::open_read_only(&home.database()) {
        Ok(store) => Some(store),
        // Nothing was ever asked here.
        Err(StoreError::Missing(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let settings = config.settings();
    let tried = match (wanted.id, wanted.all) {
        (Some(id), _) => {
            let saved = settings.rules.iter().find(|rule| rule.id == id);
            let rule = saved.ok_or_else(|| Failure::usage(format!("there is no rule {id:?}")))?;
            // Also where it is set aside: that is when one wants to know.
            vec![policy::Rule { disabled: false, ..rule.clone() }]
        }
        (None, true) => settings.rules.clone(),
        (None, false) => vec![rule(wanted.given, &config, store.as_ref()).await?],
    };
    if !wanted.all {
        tried.iter().for_each(|rule| output::note(&output::inline(&rule.sentence())));
    }
    let dry = match &store {
        Some(store) => dry_run(store, &config, tried, wanted.last).await?,
        None => Dry::default(),
    };
    if wanted.json {
        output::note(&dry.sentence());
    } else {
        output::line(&dry.sentence())?;
    }
    output::listing(&dry.rows, wanted.json, dry_json, dry_row)?;
    Ok(Exit::Done)
}

fn dry_row(row: &DryRow) -> Vec<String> {
    let question = &row.question;
    let (alone, together) = match &row.said {
        Ok(said) => {
            (said.alone.map_or("says nothing".to_owned(), |verdict| verdict.to_string()), said.together.to_string())
        }
        Err(why) => (format!("not tried ({})", missed(*why)), "-".to_owned()),
    };
    let by = question.decided_by.map_or(String::new(), |by| format!(" by {by}"));
    vec![
        alone,
        format!("with all: {together}"),
        format!("was {}{by}", question.outcome),
        format_time(question.at),
        question.kind.to_string(),
        output::inline(&question.server),
        output::inline(question.tool.as_deref().unwrap_or("-")),
        question.id.to_string(),
        output::inline(question.first_line.as_deref().unwrap_or("-")),
    ]
}

fn dry_json(row: &DryRow) -> Value {
    let question = &row.question;
    let said = row.said.as_ref().ok();
    json!({
        "id": question.id,
        "at": format_time(question.at),
        "kind": question.kind,
        "host": question.host,
        "server": question.server,
        "tool": question.tool,
        "first_line": question.first_line,
        "outcome": question.outcome,
        "decided_by": question.decided_by,
        "alone": said.and_then(|said| said.alone),
        "together": said.map(|said| said.together),
        "reason": said.map(|said| &said.reason),
        "not_tried": row.said.as_ref().err().map(|why| missed(*why)),
    })
}

fn missed(why: Missed) -> &'static str {
    match why {
        Missed::Pruned => "pruned",
        Missed::Refused => "refused",
    }
}

async fn rule(given: RuleGiven, config: &Config, store: Option<&Store>) -> Result<policy::Rule, Failure> {
    let settings = config.settings();
    let action = given.action.map(|action| match action {
        RuleAction::Allow => Action::Allow,
        RuleAction::Ask => Action::Ask,
        RuleAction::Deny => Action::Deny,
        RuleAction::Answer => Action::Answer,
    });
    let base = match (&given.from, action) {
        (Some(id), _) => {
            let id: QuestionId = id.parse().map_err(Failure::usage)?;
            let store = store.ok_or(StoreError::Unknown(id))?;
            let proposed = propose(store, config, id, action).await.map_err(|error| match error {
                NotProposed::Store(error) => Failure::from(error),
                NotProposed::Pruned(_) | NotProposed::Refused(_) | NotProposed::Never(_) => Failure::usage(error),
            })?;
            if !proposed.why.is_empty() {
                output::note(&output::inline(&proposed.why));
            }
            proposed.rule
        }
        (None, Some(action)) => policy::Rule::new("", action),
        (None, None) => return Err(Failure::usage("say what the rule does with --action, or begin with --from")),
    };
    described(given, base, &settings)
}

/// The options over what they begin with.
fn described(given: RuleGiven, base: policy::Rule, settings: &Settings) -> Result<policy::Rule, Failure> {
    if let Some(server) = given.server.as_ref().filter(|server| !settings.servers.contains_key(*server)) {
        return Err(Failure::usage(format!("there is no server {server:?}")));
    }
    if let Some(model) = given.model.as_ref().filter(|model| !settings.models.contains_key(*model)) {
        return Err(Failure::usage(format!("there is no model {model:?}")));
    }
    let wrong = |error: InvalidSetting| Failure::usage(error.to_string());
    let pattern = |text: Option<String>| text.map(|text| Pattern::from_argument(&text)).transpose().map_err(wrong);
    let mut arguments = base.arguments;
    for argument in &given.argument {
        let (name, text) = argument
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("{argument:?} is not of the form NAME=PATTERN")))?;
        arguments.insert(name.to_owned(), Pattern::from_argument(text).map_err(wrong)?);
    }
    let gate = given.gate.map(|gate| match gate {
        Gates::Both => settings::Gates::Both,
        Gates::Request => settings::Gates::Request,
        Gates::Answer => settings::Gates::Answer,
    });
    let kind = given.kind.map(|kind| kind.parse()).transpose();
    let risk = given.risk.map(|risk| risk.parse()).transpose();
    let findings = given.findings.map(|text| FindingsAre::from_argument(&text)).transpose().map_err(wrong)?;
    let expires = given
        .expires
        .map(|time| time.parse().map_err(|error| Failure::usage(format!("--expires {time:?}: {error}"))))
        .transpose()?;
    let rule = policy::Rule {
        text: given.text.or(base.text),
        gate: gate.unwrap_or(base.gate),
        server: given.server.or(base.server),
        tool: given.tool.or(base.tool),
        arguments,
        kind: kind.map_err(|error: UnknownName| Failure::usage(error.to_string()))?.or(base.kind),
        host: given.host.or(base.host),
        prompt: pattern(given.prompt)?.or(base.prompt),
        system_prompt: pattern(given.system_prompt)?.or(base.system_prompt),
        answer: pattern(given.answer)?.or(base.answer),
        max_bytes: given.max_bytes.or(base.max_bytes),
        over_bytes: given.over_bytes.or(base.over_bytes),
        max_tokens: given.max_tokens.or(base.max_tokens),
        over_tokens: given.over_tokens.or(base.over_tokens),
        model: given.model.or(base.model),
        findings: findings.or(base.findings),
        risk: risk.map_err(|error: UnknownName| Failure::usage(error.to_string()))?.or(base.risk),
        read_only: given.read_only.or(base.read_only),
        destructive: given.destructive.or(base.destructive),
        tools: given.tools.map(|text| ToolsAre::from_argument(&text)).or(base.tools),
        include_context: given.include_context.or(base.include_context),
        hours: given.hours.map(Hours::try_from).transpose().map_err(wrong)?.or(base.hours),
        expires: expires.or(base.expires),
        uses: given.uses.or(base.uses),
        note: given.note.or(base.note),
        ..base
    };
    match rule.problem() {
        Some((_, why)) => Err(Failure::usage(why)),
        None => Ok(rule),
    }
}

/// A rule as scripts read it: as it stands in the file, and in a sentence.
fn to_json(rule: &policy::Rule) -> Value {
    let mut object = json!({"server": null, "tool": null, "text": null});
    if let (Value::Object(all), Ok(Value::Object(said))) = (&mut object, serde_json::to_value(rule)) {
        all.extend(said);
    }
    object["sentence"] = json!(rule.sentence());
    object
}
