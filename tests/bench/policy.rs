//! Policy: a question judged by 10,000 rules and 1,000 grants.

use std::{collections::BTreeMap, hint::black_box, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use samplegate_core::{
    audit::Kind,
    canonical::Sha256Hex,
    limits::Checked,
    policy::{Action, Case, Facts, Gate, Grant, Pattern, Risk, Rule, Rules, Shape, Standing, Until, evaluate},
    request::SamplingRequest,
    settings::{Gates, Sampling},
};
use serde_json::json;

use crate::{
    Wanted,
    report::{Report, Times},
};

const RULES: usize = 10_000;
const GRANTS: usize = 1_000;
const BUDGET: Duration = Duration::from_millis(1);
const TOOLS: usize = 20;

pub(crate) fn measure(wanted: &Wanted, report: &mut Report) -> anyhow::Result<()> {
    let params = json!({
        "messages": [{"role": "user", "content": {"type": "text", "text": "Summarise notes.txt in three lines. ".repeat(10)}}],
        "maxTokens": 200,
    });
    let bytes = params.to_string().len();
    let facts = Facts::of(&SamplingRequest::parse(params)?, bytes);
    for (what, servers) in [("100 servers", 100), ("one server", 1)] {
        let rules = Rules::new((0..RULES).map(|n| rule(n, servers)).collect::<anyhow::Result<_>>()?);
        let grants: Vec<Grant> = (0..GRANTS).map(|n| grant(n, servers, &facts)).collect();
        let (uses, limits) = (BTreeMap::new(), Checked::default());
        let case = case(&facts);
        let standing = Standing { rules: &rules, uses: &uses, grants: &grants, limits: &limits };
        let measured = Times::of(wanted.times(1000), || drop(black_box(evaluate(black_box(&case), standing))));
        report.p50(&format!("10,000 rules and 1,000 grants, {what}"), BUDGET, &measured);
    }
    Ok(())
}

/// Every form of pattern, for every action, spread over servers and tools.
fn rule(n: usize, servers: usize) -> anyhow::Result<Rule> {
    let actions = [Action::Allow, Action::Ask, Action::Deny];
    let mut rule = Rule::new(format!("r-{n}"), actions[n % actions.len()]);
    rule.server = Some(format!("server-{}", n % servers));
    rule.tool = Some(format!("tool-{}", n / servers % TOOLS));
    rule.prompt = Some(match n / servers / TOOLS % 4 {
        0 => Pattern::exact(format!("Exactly {n}")),
        1 => Pattern::glob(format!("Translate {n} *"))?,
        2 => Pattern::template(format!("Summarise {n} {{file:word 1..60}}."))?,
        _ => Pattern::sha256(Sha256Hex::of(n.to_string().as_bytes())),
    });
    rule.max_tokens = Some(4096);
    Ok(rule)
}

fn grant(n: usize, servers: usize, facts: &Facts) -> Grant {
    Grant {
        id: format!("g-{n}"),
        gates: Gates::Request,
        server: format!("server-{}", n % servers),
        tool: format!("tool-{}", n / servers % TOOLS),
        until: Until::Call { call_id: format!("call-{n}") },
        shape: Shape {
            system_prompt: None,
            bytes: facts.bytes,
            max_tokens: 200,
            model: Some("local".into()),
            tools: Vec::new(),
            call: None,
        },
        given_at: Timestamp::UNIX_EPOCH,
        reviewer: "ada".into(),
        question: String::new(),
    }
}

fn case(facts: &Facts) -> Case<'_> {
    let now = Timestamp::UNIX_EPOCH;
    Case {
        passes: false,
        gate: Gate::Request,
        kind: Kind::Sampling,
        host: None,
        server: "server-0",
        tool: Some("tool-0"),
        arguments: None,
        call_id: Some("call"),
        session: None,
        facts,
        model: Some("local"),
        findings: &[],
        raised_before: None,
        now,
        local: now.to_zoned(TimeZone::UTC).datetime(),
        sampling: Sampling::Ask,
        gates: Gates::Both,
        risk: Risk::Low,
        suspended: None,
        trifecta: false,
        calling: None,
    }
}
