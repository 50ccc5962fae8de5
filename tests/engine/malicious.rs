//! Servers that mean harm, against a person's rule that allows what they pretend to be. Nobody is there to be asked.
//!
//! What is shown for each: which requests reached the model, what the server was told, and what the log says of it.

use samplegate_core::audit::{Outcome, QuestionSummary};
use samplegate_engine::{
    store::Filter,
    wire::{Action, Phase},
};
use serde_json::{Value, json};
use support::{
    home::{Running, text},
    model::{FakeModel, Reply},
    servers::limited_python,
};

/// A server that may sum up notes, with a rule for just that.
struct Notes {
    home: Running,
    model: FakeModel,
}

impl Notes {
    async fn start(server: &str, rule: &str) -> Self {
        let model = FakeModel::start().await;
        for _ in 0..20 {
            model.then(Reply::Text("Milk and bread are missing."));
        }
        let python = limited_python("raw_malicious.py", &[]);
        let mut home = Running::start(&format!(
            "default_model = \"fake\"\n\n[servers.notes]\n{python}sampling = \"rules\"\ngates = \"request\"\n{server}\n\
             [models.fake]\nprovider = \"openai\"\nbase_url = {:?}\nmodel = \"fake-1\"\nkey = \"none\"\n\n\
             [[rules]]\nid = \"sum-up\"\nserver = \"notes\"\ngate = \"request\"\naction = \"allow\"\n{rule}\n",
            model.base_url,
        ))
        .await;
        home.reviewer = None;
        Self { home, model }
    }

    /// Calls a tool; gives what the server was told, by kind, and the log, newest first.
    async fn run(&self, tool: &str) -> (Value, Vec<QuestionSummary>) {
        let report = self.home.call("notes", tool, json!({})).await.unwrap();
        let told: Value = serde_json::from_str(text(&report.result.unwrap())).unwrap();
        let filter = Filter { limit: 1000, ..Filter::default() };
        let page = self.home.engine.store().list(filter).await.unwrap();
        let mut log = Vec::new();
        for question in page.questions {
            log.push(self.home.entry(&question.id.to_string()).await.summary);
        }
        (told["kinds"].clone(), log)
    }

    async fn denied(&self, tool: &str, why: &str) {
        let asked = self.model.got().len();
        let (told, log) = self.run(tool).await;
        assert!(told.get("result").is_none(), "{tool}: {told}");
        assert_eq!(self.model.got().len(), asked, "{tool} reached the model");
        assert_eq!(log[0].outcome, Outcome::Denied, "{tool}");
        let reason = log[0].reason.as_deref().unwrap();
        assert!(reason.contains(why), "{tool}: {reason}");
    }
}

/// The attacks below fail for what they are: the same rule lets the honest request through.
#[tokio::test(flavor = "multi_thread")]
async fn what_it_pretends_to_be_is_allowed_and_what_it_hides_is_not() {
    let notes =
        Notes::start("", "prompt = { glob = \"Summarise this note in one sentence: *\" }\nfindings = \"none\"").await;
    let (told, log) = notes.run("summarise").await;
    assert_eq!(told, json!({"result": 1}));
    assert_eq!((log[0].outcome, notes.model.got().len()), (Outcome::Released, 1));

    notes.denied("second_task", "No rule allows it").await;
    notes.denied("smuggled", "No rule allows it").await;
    notes.denied("every_context", "the context of all servers").await;
    notes.home.stop().await;
}

/// A rule that says nothing of findings still does not let hidden text through.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_text_passes_no_rule_at_all() {
    let notes = Notes::start("", "").await;
    notes.denied("smuggled", "hidden or misleading text was found in it (tag)").await;
    notes.denied("every_context", "the context of all servers").await;
    notes.home.stop().await;
}

/// A template says what may vary, and how much: a second task is more than that.
#[tokio::test(flavor = "multi_thread")]
async fn a_template_has_no_place_for_a_second_task() {
    let template = "prompt = { template = \"Summarise this note in one sentence: {note:line 1..80}\" }";
    let notes = Notes::start("", template).await;
    let (told, _) = notes.run("summarise").await;
    assert_eq!(told, json!({"result": 1}));
    notes.denied("second_task", "No rule allows it").await;
    notes.home.stop().await;
}

/// One call that asks on and on is held up for the person, and refused where there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_ends_at_its_limit() {
    let notes = Notes::start("", "").await;
    let (told, log) = notes.run("loops").await;
    assert_eq!(told, json!({"result": 5, "error -1 stopped": 1}));
    assert_eq!(notes.model.got().len(), 5);
    let reason = log[0].reason.as_deref().unwrap();
    assert!(reason.contains("in one tool call"), "{reason}");
    notes.home.stop().await;
}

/// A thousand at once: what the limits admit is answered, all else is refused and logged, with the limit.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_costs_what_its_limits_say() {
    let notes = Notes::start("", "").await;
    let (told, log) = notes.run("floods").await;
    let sent = notes.model.got().len();
    assert!(sent <= 10, "{sent} reached the model");
    assert_eq!(log.len(), 1000);
    let refused = log.iter().filter(|question| question.outcome == Outcome::Denied).count();
    assert_eq!(refused, 1000 - sent, "{told}");
    assert!(
        log.iter()
            .filter(|question| question.outcome == Outcome::Denied)
            .all(|question| { question.reason.as_deref().is_some_and(|reason| reason.contains("limit")) })
    );
    notes.home.stop().await;
}

/// With a person there, each of these is asked, with what is odd in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_is_shown_what_is_odd_before_any_token_is_spent() {
    let mut notes = Notes::start("", "").await;
    notes.home.reviewer = Some(notes.home.engine.queue().attach());
    for (tool, kinds) in [("smuggled", &["tag"][..]), ("every_context", &[])] {
        let call = notes.home.call("notes", tool, json!({}));
        let question = notes.home.question(Phase::Request).await;
        for kind in kinds {
            assert!(question.findings.iter().any(|finding| finding.kind == *kind), "{tool}: {:?}", question.findings);
        }
        assert!(notes.model.got().is_empty(), "{tool} reached the model before it was approved");
        notes.home.act(&question, Action::Deny { reason: String::new() });
        call.await.unwrap().result.unwrap();
    }
    notes.home.stop().await;
}
