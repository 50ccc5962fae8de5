//! Runs the protocol's conformance suite and reads what it found.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde::Deserialize;
use support::servers::{given, root, samplegate};
use tokio::process::Command;

/// How long one scenario may take; builds and other tests may run beside it.
const SCENARIO_PATIENCE: Duration = Duration::from_secs(120);
/// How long the whole suite may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Scenarios that no revision requires and that a gateway must not spoil either. Of the others the suite has, the
/// gateway resumes no streams, on purpose, and knows no extensions.
const BEYOND: [&str; 4] = [
    "server-session-lifecycle",
    "json-schema-2020-12",
    "http-header-validation",
    "http-custom-header-server-validation",
];

/// Which side is under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// One check of a scenario, as the suite wrote it down.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    id: String,
    description: String,
    status: String,
    error_message: Option<String>,
}

/// What the suite found at one revision.
pub(crate) struct Report {
    role: Role,
    of: Of,
    revision: String,
    required: Vec<String>,
    checks: BTreeMap<String, Vec<Check>>,
    /// What the suite thinks of it, the file of expected failures taken into account.
    accepted: bool,
    /// Its summary.
    verdict: String,
    /// Where it left what it saw, kept for reading if the test fails.
    folder: tempfile::TempDir,
}

/// Whether what is under test is ours, and may have known failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Samplegate,
    Reference,
}

/// Runs all scenarios that a revision requires. `target` is the command of a client, or the URL of a server.
pub(crate) async fn run(role: Role, of: Of, target: &str, revision: &str) -> Report {
    let package = given("SAMPLEGATE_TEST_CONFORMANCE");
    let folder = tempfile::tempdir().unwrap();
    let patience = SCENARIO_PATIENCE.as_millis().to_string();
    let mut command = Command::new(given("SAMPLEGATE_TEST_NODE22"));
    command.arg(package.join("dist/index.js")).arg(role.name());
    command.args([if role == Role::Client { "--command" } else { "--url" }, target]);
    command.args(["--requirements", revision, "--timeout", &patience, "--output-dir"]).arg(folder.path());
    if of == Of::Samplegate {
        command.arg("--expected-failures").arg(root().join("tests/conformance/expected-failures.yml"));
    }
    command.env("SAMPLEGATE_BIN", samplegate()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("the suite ends").unwrap();
    let checks = read(role, folder.path());
    assert!(!checks.is_empty(), "the suite did not run: {}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    Report {
        role,
        of,
        revision: revision.to_owned(),
        required: required(&package, role, revision),
        checks,
        accepted: output.status.success(),
        verdict: said.find("SUMMARY").map_or(&*said, |at| &said[at..]).to_owned(),
        folder,
    }
}

/// The scenarios that count, from the list that the suite brings: a key per side, and one `- name` a line below it.
fn required(package: &Path, role: Role, revision: &str) -> Vec<String> {
    let text = std::fs::read_to_string(package.join(format!("requirements/{revision}.yaml"))).unwrap();
    let lines = text.lines().skip_while(|line| *line != format!("{}:", role.name())).skip(1);
    let names: Vec<String> = lines.map_while(|line| line.strip_prefix("  - ")).map(str::to_owned).collect();
    assert!(!names.is_empty(), "the suite names what {revision} requires of a {}", role.name());
    names
}

/// All `checks.json` under a folder, by scenario: their folder is `[server-]SCENARIO-TIME`, where a scenario may have a
/// slash, and the time is as long for all.
fn read(role: Role, folder: &Path) -> BTreeMap<String, Vec<Check>> {
    const TIME: &str = "-2026-07-28T00-00-00-000Z";
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.ends_with("checks.json") {
                let name = next.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                let name = &name[..name.len() - TIME.len()];
                let name = if role == Role::Server { name.strip_prefix("server-").unwrap() } else { name };
                let checks = serde_json::from_slice(&std::fs::read(&entry).unwrap()).unwrap();
                found.insert(name.to_owned(), checks);
            }
        }
    }
    found
}

impl Report {
    /// Panics, with scenario, check and the suite's own words for each, unless all that is required was tried and passed.
    pub(crate) fn assert_conforms(self) {
        let mut wrong = Vec::new();
        for scenario in self.required.iter().filter(|scenario| !self.may_fail(scenario)) {
            let checks = self.checks.get(scenario).map(Vec::as_slice).unwrap_or_default();
            // The suite passes what was never tried.
            if !checks.iter().any(|check| check.status == "SUCCESS") {
                wrong.push(format!("{scenario}: nothing of it was tried"));
            }
            let unexpected = |check: &&Check| !self.may_fail(&format!("{scenario}:{}", check.id));
            wrong.extend(checks.iter().filter(unexpected).filter_map(|check| complaint(scenario, check)));
        }
        assert!(self.accepted && wrong.is_empty(), "{}", self.explain(&wrong));
    }

    /// Panics unless each check that passed there passes here too, and none that is expected to fail passes.
    pub(crate) fn assert_as_good_as(&self, direct: &Self) {
        let mut wrong = Vec::new();
        let scenarios = self.required.iter().map(String::as_str).chain(BEYOND);
        for scenario in scenarios.filter(|scenario| !self.may_fail(scenario)) {
            let of = |report: &'_ Self| report.checks.get(scenario).cloned().unwrap_or_default();
            let here = of(self);
            let expected = |check: &&Check| self.may_fail(&format!("{scenario}:{}", check.id));
            for check in of(direct).iter().filter(|check| check.status == "SUCCESS" && !expected(check)) {
                let mut same = here.iter().filter(|found| found.id == check.id).peekable();
                if same.peek().is_none() {
                    wrong.push(format!("{scenario}: {} was not tried ({})", check.id, check.description));
                }
                wrong.extend(same.filter_map(|check| complaint(scenario, check)));
            }
        }
        assert!(self.accepted && wrong.is_empty(), "{}", self.explain(&wrong));
    }

    /// Whether this scenario, or this `scenario:check`, is known to fail.
    fn may_fail(&self, what: &str) -> bool {
        self.of == Of::Samplegate && is_in_the_file(self.role, what)
    }

    fn explain(&self, wrong: &[String]) -> String {
        let Self { role, revision, verdict, .. } = self;
        let kept = keep(&self.folder);
        format!(
            "\n{}\n\nThe suite, {role:?} at {revision}: {verdict}\nAll it saw: {}",
            wrong.join("\n"),
            kept.display()
        )
    }
}

/// One line on a check that did not pass.
fn complaint(scenario: &str, check: &Check) -> Option<String> {
    let said = check.error_message.as_deref().unwrap_or(&check.description);
    matches!(check.status.as_str(), "FAILURE" | "WARNING").then(|| format!("{scenario}: {}: {said}", check.id))
}

/// Whether a line of the file of expected failures is this.
fn is_in_the_file(role: Role, what: &str) -> bool {
    let text = std::fs::read_to_string(root().join("tests/conformance/expected-failures.yml")).unwrap();
    let side = text.lines().skip_while(|line| !line.starts_with(role.name())).skip(1);
    side.take_while(|line| line.starts_with(' ')).any(|line| line.trim().strip_prefix("- ") == Some(what))
}

/// Moves the results out of the folder that ends with the test.
fn keep(folder: &tempfile::TempDir) -> PathBuf {
    let kept = folder.path().with_extension("kept");
    if std::fs::rename(folder.path(), &kept).is_ok() { kept } else { folder.path().to_owned() }
}
