//! `samplegate host connect` and `host disconnect`

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{Home, Ran, finish};

/// A person who has Cursor, with this in its file.
struct Person {
    home: Home,
    folder: tempfile::TempDir,
}

const CURSOR: &str = "{\n  // mine\n  \"mcpServers\": {\n    \"a\": { \"command\": \"run-a\", \"env\": { \"K\": \"s3cret\" } } // first\n  }\n}\n";

impl Person {
    fn new(text: Option<&str>) -> Self {
        let person = Self { home: Home::new(), folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(person.folder.path().join(".cursor")).unwrap();
        if let Some(text) = text {
            std::fs::write(person.file(), text).unwrap();
        }
        person
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(".cursor/mcp.json")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join(".cursor")).unwrap().count()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(args);
        command.env("HOME", self.folder.path()).current_dir(self.folder.path()).env_remove("XDG_CONFIG_HOME");
        command
    }

    async fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args)).await
    }

    async fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args).await;
        assert_eq!(ran.code, Some(0), "{args:?}: {ran:?}");
        ran
    }

    async fn hosts(&self) -> Vec<Value> {
        self.home.json(&["host", "list", "--json"]).await
    }
}

#[tokio::test]
async fn the_difference_is_shown_the_file_is_copied_and_undoing_gives_back_every_byte() {
    let person = Person::new(Some(CURSOR));
    let shown = person.ok(&["host", "connect", "cursor", "--dry-run"]).await.out;
    assert!(shown.contains("\n+     \"samplegate\": {\n") && !shown.contains("s3cret"), "{shown}");
    assert_eq!((person.text().as_str(), person.files()), (CURSOR, 1), "a dry run writes nothing");
    assert_eq!(person.hosts().await.len(), 0);

    let ran = person.ok(&["host", "connect", "cursor"]).await;
    assert_eq!(ran.out, shown);
    let text = person.text();
    assert!(text.contains("// mine") && text.contains("}, // first"), "{text}");
    let samplegate = support::servers::samplegate();
    let home = person.home.path().to_str().unwrap().to_owned();
    let args = json!(["bridge", "--home", home, "--host", "cursor"]).to_string().replace(',', ", ");
    assert!(text.contains(&format!("\"command\": {samplegate:?}")) && text.contains(&args), "{text}");
    assert_eq!(person.hosts().await[0]["name"], "cursor");
    let copy = person.folder.path().join(".cursor/mcp.json.before-samplegate");
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), CURSOR);
    let known = person.ok(&["host", "known", "--json"]).await.out;
    let cursor: Value = known
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|host: &Value| host["name"] == "cursor")
        .unwrap();
    assert_eq!((&cursor["backup"], &cursor["is_here"]), (&json!(copy), &json!(true)));
    assert!(cursor["connected_at"].is_string());
    assert_eq!(person.run(&["host", "connect", "cursor"]).await.code, Some(2), "it is there already");

    let undone = person.ok(&["host", "disconnect", "cursor"]).await;
    assert!(undone.err.contains("is again as it was"), "{undone:?}");
    assert_eq!((person.text().as_str(), person.files()), (CURSOR, 1));
    assert_eq!(person.hosts().await.len(), 0, "the host that was made for it is gone");
    assert_eq!(person.run(&["host", "disconnect", "cursor"]).await.code, Some(2));
}

#[tokio::test]
async fn what_the_host_changed_since_stays_and_what_it_changed_of_ours_is_not_touched() {
    let person = Person::new(Some(CURSOR));
    person.ok(&["host", "connect", "cursor"]).await;
    let later = person.text().replace("run-a", "run-b");
    std::fs::write(person.file(), &later).unwrap();
    let undone = person.ok(&["host", "disconnect", "cursor"]).await;
    assert!(undone.err.contains("which were kept. As it was before: "), "{undone:?}");
    assert_eq!(person.text(), CURSOR.replace("run-a", "run-b"));

    person.ok(&["host", "connect", "cursor"]).await;
    let ours_changed = person.text().replace("bridge", "other");
    std::fs::write(person.file(), &ours_changed).unwrap();
    let refused = person.run(&["host", "disconnect", "cursor"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("was changed since"), "{refused:?}");
    assert_eq!(person.text(), ours_changed);
}

#[tokio::test]
async fn servers_that_are_here_are_moved_out_and_come_back() {
    let person = Person::new(Some(CURSOR));
    let refused = person.run(&["host", "connect", "cursor", "--move", "a"]).await;
    assert!(refused.code == Some(2) && refused.err.contains("import it first"), "{refused:?}");
    person.ok(&["server", "import", "cursor", "--all", "--plain"]).await;
    let said = person.ok(&["host", "connect", "cursor", "--dry-run", "--move", "a"]).await.out;
    assert!(said.contains("-     \"a\": { \"command\": \"run-a\", \"env\": { \"K\": ••• } }"), "{said}");
    person.ok(&["host", "connect", "cursor", "--move", "a"]).await;
    assert!(!person.text().contains("run-a"));
    // The host writes its file anew meanwhile.
    std::fs::write(person.file(), person.text() + "\n").unwrap();
    person.ok(&["host", "disconnect", "cursor"]).await;
    // What is in the entry comes back as it was written; a comment behind it does only where nothing else changed.
    assert_eq!(person.text(), format!("{CURSOR}\n").replace(" // first", ""));
}

#[tokio::test]
async fn a_file_that_was_not_there_is_gone_again() {
    let person = Person::new(None);
    person.ok(&["host", "connect", "cursor"]).await;
    assert_eq!(person.files(), 1);
    person.ok(&["host", "disconnect", "cursor"]).await;
    assert_eq!(person.files(), 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_never_written_and_hosts_that_are_not_here_are_told() {
    for text in ["{\"mcpServers\": {", "{\"mcpServers\": {}, \"mcpServers\": {}}", "[]"] {
        let person = Person::new(Some(text));
        let ran = person.run(&["host", "connect", "cursor"]).await;
        assert!(ran.code == Some(1) && ran.err.contains("is left as it is"), "{ran:?}");
        assert_eq!((person.text().as_str(), person.files()), (text, 1));
        assert_eq!(person.hosts().await.len(), 0);
    }
    let person = Person::new(None);
    let ran = person.run(&["host", "connect", "zed"]).await;
    assert!(ran.code == Some(2) && ran.err.contains("does not seem to be on this computer"), "{ran:?}");
    assert_eq!(person.run(&["host", "connect", "notepad"]).await.code, Some(2));
}
