//! Whether new settings allow more than old ones: such a change from outside waits for a person.
//!
//! Fails closed: what is not shown here to be the same or narrower counts as more, so a setting that is new to this file
//! does too.

use std::collections::BTreeSet;

use super::{
    Confinement, Elicitation, Gates, HUMAN, Host, HostMode, PinAt, Record, Sampling, SamplingTools, Server,
    SettingChange, Settings, Tool, ToolCalls, Tools, changes,
};
use crate::{
    limits::Limit,
    policy::{Action, Rule},
};

/// The changes by which `after` allows more than `before`, of all that [`changes`] tells; none: it is the same or
/// narrower.
pub fn wider(before: &Settings, after: &Settings) -> Vec<SettingChange> {
    let mut found = changes(before, after);
    found.retain(|change| !is_narrower(&change.key, before, after));
    // Where two settings differ in what is not told key by key, nothing is known of it.
    if changes(before, after).is_empty() && before != after {
        found.push(SettingChange { key: "settings".into(), before: "other".into(), after: "other".into() });
    }
    found
}

/// Whether the change of this key alone allows no more.
fn is_narrower(key: &str, before: &Settings, after: &Settings) -> bool {
    let (table, rest) = key.split_once('.').unwrap_or((key, ""));
    match table {
        "default_model" => after.default_model == HUMAN,
        "limits" => no_higher(|limit| before.limits.for_all(limit), |limit| after.limits.for_all(limit)),
        "general" => match rest {
            // Questions wait all the same.
            "notifications" => true,
            "approve_from_notifications" => !after.general.approve_from_notifications,
            // A deadline only denies.
            "deadline_minutes" => at_most(before.general.deadline_minutes, after.general.deadline_minutes),
            _ => false,
        },
        // At another port somebody else may already wait for the hosts' tokens.
        "gateway" => rest == "enabled" && !after.gateway.enabled,
        // What is gone allows nothing.
        "hosts" if before.hosts.contains_key(rest) => !after.hosts.contains_key(rest),
        "hosts" => {
            let Some((name, field)) = rest.rsplit_once('.') else { return false };
            match (before.hosts.get(name), after.hosts.get(name)) {
                (Some(before), Some(after)) => host_is_narrower(field, before, after),
                _ => false,
            }
        }
        "models" => !after.models.contains_key(rest) && before.models.contains_key(rest),
        "servers" if before.servers.contains_key(rest) => !after.servers.contains_key(rest),
        "servers" => {
            let Some((name, field)) = rest.rsplit_once('.') else { return false };
            match (before.servers.get(name), after.servers.get(name)) {
                (Some(before), Some(after)) => server_is_narrower(field, before, after),
                _ => false,
            }
        }
        "rules" => {
            // A rule's id may hold dots: what is before the last one is the id only if there is such a rule.
            let has = |settings: &Settings, id: &str| settings.rules.iter().any(|rule| rule.id == id);
            let known = |id: &str| has(before, id) || has(after, id);
            let id = if known(rest) { rest } else { rest.rsplit_once('.').map_or(rest, |(id, _)| id) };
            let of = |settings: &Settings| settings.rules.iter().find(|rule| rule.id == id).cloned();
            rule_is_narrower(of(before), of(after), after)
        }
        _ => false,
    }
}

fn server_is_narrower(field: &str, before: &Server, after: &Server) -> bool {
    match field {
        "enabled" => !after.enabled,
        "sampling" => match (before.sampling, after.sampling) {
            (_, Sampling::Off) => true,
            // What asked is denied.
            (Sampling::Ask, Sampling::Rules) => true,
            (one, other) => one == other,
        },
        "gates" => after.gates == Gates::Both,
        "sampling_tools" => tools_are_fewer(&before.sampling_tools, &after.sampling_tools),
        "elicitation" => after.elicitation == Elicitation::Off,
        "pin" => after.pin == PinAt::Approval,
        "risk" => after.risk >= before.risk,
        "limits" => no_higher(|limit| before.limits.for_server(limit), |limit| after.limits.for_server(limit)),
        "record" => record_is_narrower(before.record.as_ref(), after.record.as_ref()),
        "tools" => labels_are_stricter(&before.tools, &after.tools),
        "confine" => confinement_is_stricter(&before.confine, &after.confine),
        "roots" => after.roots.iter().all(|root| before.roots.contains(root)),
        // Another program, another address, other variables: another server.
        _ => false,
    }
}

fn host_is_narrower(field: &str, before: &Host, after: &Host) -> bool {
    // What is answered here passes every gate that was made for the server; what is passed on, none.
    let mode = |before, after| match (before, after) {
        (_, HostMode::Answer) | (HostMode::Pass, HostMode::Gate) => true,
        (one, other) => one == other,
    };
    match field {
        "sampling" => mode(before.sampling, after.sampling),
        "elicitation" => mode(before.elicitation, after.elicitation),
        "tool_calls" => match (before.tool_calls, after.tool_calls) {
            // What asked is denied.
            (ToolCalls::Off, _) | (ToolCalls::Ask, ToolCalls::Rules) => true,
            (one, other) => one == other,
        },
        "review_results" => after.review_results || !before.review_results,
        "limits" => no_higher(|limit| before.limits.for_all(limit), |limit| after.limits.for_all(limit)),
        // Another token, another host.
        _ => false,
    }
}

/// Whether a bound is no looser; none: no bound.
fn at_most<T: Ord>(before: Option<T>, after: Option<T>) -> bool {
    match (before, after) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(before), Some(after)) => after <= before,
    }
}

fn no_higher(before: impl Fn(Limit) -> Option<u64>, after: impl Fn(Limit) -> Option<u64>) -> bool {
    Limit::ALL.iter().all(|limit| at_most(before(*limit), after(*limit)))
}

fn tools_are_fewer(before: &SamplingTools, after: &SamplingTools) -> bool {
    match (before, after) {
        (SamplingTools::All, _) | (_, SamplingTools::None) => true,
        (SamplingTools::Only(before), SamplingTools::Only(after)) => after.iter().all(|tool| before.contains(tool)),
        (SamplingTools::None | SamplingTools::Only(_), SamplingTools::All)
        | (SamplingTools::None, SamplingTools::Only(_)) => false,
    }
}

fn record_is_narrower(before: Option<&Record>, after: Option<&Record>) -> bool {
    let (Some(before), Some(after)) = (before, after) else { return false };
    let models = before.models.is_empty()
        || !after.models.is_empty() && after.models.iter().all(|model| before.models.contains(model));
    // Words about it allow nothing. Whatever else a record holds must be as it was.
    let mut rest = after.clone();
    rest.purpose.clone_from(&before.purpose);
    rest.context.clone_from(&before.context);
    rest.tools.clone_from(&before.tools);
    rest.owner.clone_from(&before.owner);
    rest.models.clone_from(&before.models);
    (rest.allow_trifecta, rest.review_by) = (before.allow_trifecta, before.review_by);
    models
        && (before.allow_trifecta || !after.allow_trifecta)
        && at_most(before.review_by, after.review_by)
        && rest == *before
}

/// Tools without labels count as having all of them, and those without a class have their server's.
fn labels_are_stricter(before: &Tools, after: &Tools) -> bool {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    names.into_iter().all(|name| {
        let of = |tools: &Tools| tools.get(name).cloned().unwrap_or_default();
        let (before, after) = (of(before), of(after));
        let labels = match (&before.labels, &after.labels) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(before), Some(after)) => before.is_subset(after),
        };
        let riskier = after.risk >= before.risk;
        let rest = {
            let mut rest: Tool = after;
            rest.risk = before.risk;
            rest.labels.clone_from(&before.labels);
            rest
        };
        labels && riskier && rest == before
    })
}

fn confinement_is_stricter(before: &Confinement, after: &Confinement) -> bool {
    if !before.enabled {
        return true;
    }
    let within = |one: &[String], other: &[String]| one.iter().all(|folder| other.contains(folder));
    let mut rest = after.clone();
    (rest.enabled, rest.network) = (before.enabled, before.network);
    rest.read.clone_from(&before.read);
    rest.write.clone_from(&before.write);
    rest.hide.clone_from(&before.hide);
    after.enabled
        && (before.network || !after.network)
        && within(&after.read, &before.read)
        && within(&after.write, &before.write)
        && within(&before.hide, &after.hide)
        && rest == *before
}

fn rule_is_narrower(before: Option<Rule>, after: Option<Rule>, settings: &Settings) -> bool {
    match (before, after) {
        (None, Some(rule)) => match rule.action {
            Action::Deny => true,
            // Where rules decide alone, it asks about what would be denied.
            Action::Ask => settings.servers.values().all(|server| server.sampling != Sampling::Rules),
            Action::Allow | Action::Answer => false,
        },
        // Without a fixed answer what it stood in for may reach a model.
        (Some(rule), None) => rule.action == Action::Allow,
        (Some(before), Some(after)) => {
            let shorter = at_most(before.expires, after.expires) && at_most(before.uses, after.uses);
            let times = before.action == Action::Allow && shorter
                || before.expires == after.expires && before.uses == after.uses;
            let rest = Rule { note: before.note.clone(), expires: before.expires, uses: before.uses, ..after };
            times && rest == before
        }
        (None, None) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::{canonical::Sha256Hex, limits::Limits, policy::Risk, settings::Transport};

    type Change = fn(&mut Settings);

    fn settings() -> Settings {
        let mut settings = Settings::default();
        let transport = Transport::Stdio {
            command: "serve".into(),
            args: Vec::new(),
            cwd: None,
            env: [("A".into(), "1".into())].into(),
            secret_env: Vec::new(),
        };
        let (record, roots) = (Some(Record::default()), vec!["/a".into(), "/b".into()]);
        let server = Server { sampling: Sampling::Ask, record, roots, ..Server::new(transport) };
        settings.servers.insert("a.b".into(), server);
        let host = Host { sampling: HostMode::Gate, ..Host::new(Sha256Hex::of(b"token")) };
        settings.hosts.insert("h.i".into(), host);
        settings.rules.push(Rule::new("deny.1", Action::Deny));
        settings.rules.push(Rule { uses: Some(5), ..Rule::new("allow", Action::Allow) });
        settings
    }

    fn server(settings: &mut Settings) -> &mut Server {
        settings.servers.get_mut("a.b").unwrap()
    }

    fn host(settings: &mut Settings) -> &mut Host {
        settings.hosts.get_mut("h.i").unwrap()
    }

    /// Changes that go one way are narrower, and the way back allows more.
    #[test]
    fn each_narrower_change_is_wider_the_other_way() {
        let narrower: Vec<(&str, Change)> = vec![
            ("enabled", |s| server(s).enabled = false),
            ("off", |s| server(s).sampling = Sampling::Off),
            ("rules", |s| server(s).sampling = Sampling::Rules),
            ("a root gone", |s| drop(server(s).roots.remove(0))),
            ("pinned by approval", |s| server(s).pin = PinAt::Approval),
            ("risk", |s| server(s).risk = Risk::High),
            ("limit", |s| server(s).limits.set(Limit::PerMinute, Some(1))),
            ("limit of all", |s| s.limits.set(Limit::UsdPerDay, Some(1))),
            ("models", |s| server(s).record.as_mut().unwrap().models = vec!["human".into()]),
            ("review", |s| server(s).record.as_mut().unwrap().review_by = Some(jiff::civil::date(2030, 1, 1))),
            ("confined", |s| server(s).confine.enabled = true),
            ("deadline", |s| s.general.deadline_minutes = Some(5)),
            ("a denial", |s| s.rules.push(Rule::new("x", Action::Deny))),
            ("fewer uses", |s| s.rules[1].uses = Some(1)),
            ("an expiry", |s| s.rules[1].expires = Some(jiff::Timestamp::UNIX_EPOCH)),
            ("a permission gone", |s| drop(s.rules.pop())),
            ("a server gone", |s| s.servers.clear()),
            ("answered here", |s| host(s).sampling = HostMode::Answer),
            ("calls asked about", |s| host(s).tool_calls = ToolCalls::Ask),
            ("calls by rules", |s| host(s).tool_calls = ToolCalls::Rules),
            ("results looked at", |s| host(s).review_results = true),
            ("limit of calls", |s| host(s).limits.set(Limit::PerMinute, Some(1))),
            ("no gateway", |s| s.gateway.enabled = false),
            ("a host gone", |s| s.hosts.clear()),
        ];
        for (name, change) in narrower {
            let before = settings();
            let mut after = before.clone();
            change(&mut after);
            assert_ne!(before, after, "{name}");
            assert_eq!(wider(&before, &after), [], "{name}");
            assert_ne!(wider(&after, &before), [], "{name}, back");
        }
    }

    #[test]
    fn what_allows_more_is_told_by_its_key() {
        let wide: Vec<(&str, Change)> = vec![
            ("servers.a.b.gates", |s| server(s).gates = Gates::Request),
            ("servers.a.b.sampling_tools", |s| server(s).sampling_tools = SamplingTools::Only(vec!["t".into()])),
            ("servers.a.b.record", |s| server(s).record.as_mut().unwrap().allow_trifecta = true),
            ("servers.a.b.record", |s| server(s).record = None),
            ("servers.a.b.tools", |s| {
                drop(server(s).tools.insert("t".into(), Tool { risk: None, labels: Some(BTreeSet::new()) }));
            }),
            ("servers.a.b.roots", |s| server(s).roots = vec!["/a".into(), "/b/c".into()]),
            ("servers.a.b.env", |s| {
                let Transport::Stdio { env, .. } = &mut server(s).transport else { return };
                env.insert("A".into(), "2".into());
            }),
            ("servers.a.b.command", |s| {
                let Transport::Stdio { command, .. } = &mut server(s).transport else { return };
                *command = "other".into();
            }),
            ("servers.new", |s| drop(s.servers.insert("new".into(), Server::demo()))),
            ("general.approve_from_notifications", |s| s.general.approve_from_notifications = true),
            ("general.quick_replies", |s| s.general.quick_replies.push("Send it".into())),
            ("gateway.port", |s| s.gateway.port += 1),
            ("hosts.new", |s| drop(s.hosts.insert("new".into(), Host::new(Sha256Hex::of(b"new"))))),
            ("hosts.h.i.elicitation", |s| host(s).elicitation = HostMode::Gate),
            ("hosts.h.i.sampling", |s| host(s).sampling = HostMode::Pass),
            ("hosts.h.i.token_sha256", |s| host(s).token_sha256 = Sha256Hex::of(b"other")),
            ("rules.new", |s| s.rules.push(Rule::new("new", Action::Answer))),
            ("rules.deny.1", |s| drop(s.rules.remove(0))),
            ("rules.deny.1.tool", |s| s.rules[0].tool = Some("t".into())),
            ("rules.allow.uses", |s| s.rules[1].uses = None),
        ];
        for (key, change) in wide {
            let before = settings();
            let mut after = before.clone();
            change(&mut after);
            let keys: Vec<String> = wider(&before, &after).into_iter().map(|change| change.key).collect();
            assert_eq!(keys, [key]);
        }
    }

    #[test]
    fn a_fixed_answer_that_goes_lets_requests_reach_a_model() {
        let mut before = settings();
        before.rules.push(Rule { text: Some("no".into()), ..Rule::new("said", Action::Answer) });
        let changes: [fn(&mut Rule); 2] = [|rule| rule.uses = Some(1), |rule| rule.action = Action::Allow];
        for change in changes {
            let mut after = before.clone();
            change(after.rules.last_mut().unwrap());
            assert!(!wider(&before, &after).is_empty());
        }
        let after = settings();
        assert_eq!(wider(&before, &after).len(), 1);
    }

    #[test]
    fn confinement_is_stricter_only_within_what_it_was() {
        let is = |change: fn(&mut Confinement)| {
            let before = Confinement {
                enabled: true,
                network: false,
                read: vec!["/r".into()],
                write: vec!["/w".into()],
                hide: vec!["/h".into()],
            };
            let mut after = before.clone();
            change(&mut after);
            confinement_is_stricter(&before, &after)
        };
        assert!(is(|c| c.write.clear()) && is(|c| c.hide.push("/x".into())) && is(|c| c.read.clear()));
        assert!(!is(|c| c.enabled = false) && !is(|c| c.network = true) && !is(|c| c.write.push("/x".into())));
        assert!(!is(|c| c.hide.clear()) && !is(|c| c.read.push("/x".into())));
    }

    #[test]
    fn words_are_free_and_limits_that_are_lifted_are_not() {
        let before = settings();
        let mut after = before.clone();
        server(&mut after).record.as_mut().unwrap().purpose = "to summarise".into();
        after.rules[0].note = Some("why".into());
        assert_eq!(wider(&before, &after), []);
        server(&mut after).limits = Limits::none();
        assert_eq!(wider(&before, &after).len(), 1);
        after.default_model = "m".into();
        assert_eq!(wider(&before, &after)[0].key, "default_model");
    }
}
