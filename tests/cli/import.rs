//! `samplegate server import`

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::{Home, Ran, finish, ran};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../src-tauri/core/src/host_files/tests/fixtures");

/// A home folder of a person, with files of hosts in it, and a home of Samplegate.
struct Person {
    home: Home,
    folder: tempfile::TempDir,
}

impl Person {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, fixture) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::copy(Path::new(FIXTURES).join(fixture), path).unwrap();
        }
        Self { home: Home::new(), folder }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.home.command(&[&["server", "import"], args].concat());
        command.env("HOME", self.folder.path()).current_dir(self.folder.path());
        for variable in ["XDG_CONFIG_HOME", "CODEX_HOME", "CLAUDE_CONFIG_DIR"] {
            command.env_remove(variable);
        }
        command
    }

    async fn run(&self, args: &[&str]) -> Ran {
        finish(self.command(args)).await
    }

    async fn json(&self, args: &[&str]) -> Vec<Value> {
        let ran = self.run(args).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn it_shows_what_is_found_and_takes_nothing_without_being_told() {
    let person = Person::new(&[
        (".config/Claude/claude_desktop_config.json", "claude_desktop_config.json"),
        (".codex/config.toml", "codex_config.toml"),
        (".cursor/mcp.json", "vscode_settings.json"),
    ]);
    let before = person.home.run(&["server", "list", "--json"]).await.out;
    let ran = person.run(&[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for part in [
        "Claude Desktop  ",
        "* filesystem\n      npx -y @modelcontextprotocol/server-filesystem /home/ada/notes\n",
        "GITHUB_PERSONAL_ACCESS_TOKEN: its value would be in the keychain",
        "LOG_LEVEL: its value would be in the configuration file",
        "It cannot be taken: it is Samplegate itself.",
        "figma, switched off",
        "Give it here once the server is imported.",
    ] {
        assert!(ran.out.contains(part), "{part} in\n{}", ran.out);
    }
    assert!(!ran.out.contains("ghp_") && !ran.out.contains("tok-abc"), "{}", ran.out);
    assert_eq!(person.home.run(&["server", "list", "--json"]).await.out, before);

    let listed = person.json(&["claude-desktop", "--json"]).await;
    let expected = json!({
        "name": "github", "host": "claude-desktop",
        "path": person.folder.path().join(".config/Claude/claude_desktop_config.json"), "project": null,
        "free_name": "github", "here_as": null,
        "reached": "docker run -i --rm -e GITHUB_PERSONAL_ACCESS_TOKEN ghcr.io/github/github-mcp-server",
        "secret_in_reached": false,
        "values": [{"name": "GITHUB_PERSONAL_ACCESS_TOKEN", "secret": true}, {"name": "LOG_LEVEL", "secret": false}],
        "enabled": true, "left_out": [], "cannot": null,
    });
    assert_eq!(listed[1], expected);
    assert_eq!(listed.len(), 3, "only of the host that was named");
}

#[tokio::test]
async fn what_is_named_is_taken_with_sampling_off_and_under_a_free_name() {
    let person = Person::new(&[(".claude.json", "claude.json"), (".lmstudio/mcp.json", "lm_studio_mcp.json")]);
    person.home.ok(&["server", "add", "db", "--", "other"]).await;
    let taken = person.json(&["--take", "playwright", "db", "claude-code/sentry=errors", "--json"]).await;
    let expected = [("playwright", None::<&str>), ("db-2", None), ("errors", None)];
    assert_eq!(json!(taken), json!(expected.map(|(name, error)| json!({"name": name, "error": error}))));
    let servers = person.home.json(&["server", "list", "--json"]).await;
    let of = |name: &str| servers.iter().find(|server| server["name"] == name).unwrap();
    assert_eq!(of("errors")["url"], "https://mcp.sentry.dev/mcp");
    assert_eq!(of("db-2")["cwd"], "/home/ada/work/shop");
    for name in ["playwright", "db-2", "errors"] {
        assert_eq!(of(name)["sampling"], "off");
    }
    let again = person.json(&["lm-studio", "--json"]).await;
    assert_eq!(again[1]["here_as"], "playwright");
    let all = person.json(&["lm-studio", "--all", "--plain", "--json"]).await;
    assert_eq!(all, [json!({"name": "hf-mcp-server", "error": null})], "what is here already is not taken again");
}

#[tokio::test]
async fn a_secret_is_not_put_into_the_file_for_want_of_a_keychain() {
    let person = Person::new(&[(".lmstudio/mcp.json", "lm_studio_mcp.json")]);
    let ran = person.run(&["--all"]).await;
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), "playwright\n"), "the others are taken: {ran:?}");
    assert!(ran.err.contains("hf-mcp-server was not taken: no keychain can be reached"), "{ran:?}");
    assert!(!person.home.config().contains("hf_AbCd"));
    assert_eq!(person.run(&["--take", "hf-mcp-server", "--plain"]).await.code, Some(0));
    assert!(person.home.config().contains("hf_AbCd"));
}

#[tokio::test]
async fn one_file_can_be_named_and_the_project_here_is_looked_at() {
    let person = Person::new(&[(".mcp.json", "lm_studio_mcp.json"), ("shop/.mcp.json", "lm_studio_mcp.json")]);
    assert_eq!(person.json(&["--json"]).await.len(), 0, "the home folder is no project");
    let mut in_shop = person.command(&["--json"]);
    in_shop.current_dir(person.folder.path().join("shop"));
    let listed = ran(in_shop.output().await.unwrap()).out;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert_eq!(person.json(&["shop/.mcp.json", "--json"]).await.len(), 2);
    for (args, why) in [
        (["nobody.json", "--list"], "there is no file"),
        (["cursor", "nobody"], "the hosts that are known are claude-desktop"),
        (["--take", "nobody"], "no host has a server \"nobody\""),
        (["shop", "--list"], "is not a file"),
    ] {
        let ran = person.run(&args).await;
        assert!(ran.code == Some(2) && ran.err.contains(why), "{ran:?}");
    }
}
