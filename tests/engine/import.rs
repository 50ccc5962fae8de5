//! Servers of other hosts: what is taken, where their secrets go, and that it is what was shown.

use std::path::Path;

use samplegate_core::host_files::App;
use samplegate_engine::{
    engine::Engine,
    host_files::{Folders, HostFiles, Platform},
    wire::{ImportServer, ImportTake},
};
use secrecy::ExposeSecret as _;
use support::home::options;

/// Where hosts keep their files, under this folder.
pub(crate) fn host_files(folder: &Path) -> HostFiles {
    let variable = |name: &str| (name == "HOME").then(|| folder.as_os_str().to_owned());
    let folders = Folders::new(Platform::Linux, variable, None).unwrap();
    HostFiles { folders, command: Some("/opt/samplegate/samplegate".into()) }
}

const CURSOR: &str = r#"{"mcpServers": {
    "a": {"command": "/bin/true", "env": {"A_TOKEN": "s3cret-value", "LEVEL": "info"}},
    "b": {"url": "https://example.org/mcp", "headers": {"Authorization": "Bearer s3cret-header"}}
}}"#;

async fn person() -> (Engine, tempfile::TempDir, HostFiles) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".cursor")).unwrap();
    std::fs::write(folder.path().join(".cursor/mcp.json"), CURSOR).unwrap();
    let mut options = options(&folder.path().join("home"));
    options.only = Some(Vec::new());
    let files = host_files(folder.path());
    (Engine::start(options).await.unwrap(), folder, files)
}

fn take(server: &ImportServer) -> ImportTake {
    let secrets = server.values.iter().filter(|value| value.secret).map(|value| value.name.clone()).collect();
    ImportTake { id: server.id.clone(), name: server.free_name.clone(), secrets }
}

#[tokio::test]
async fn secrets_go_into_the_keychain_and_nowhere_else() {
    let (engine, folder, files) = person().await;
    let found = engine.find_servers(&files, &App::ALL, None);
    assert_eq!(found.len(), 1);
    let shown = serde_json::to_string(&found).unwrap();
    assert!(!shown.contains("s3cret"), "{shown}");
    let results = engine.take_servers(&files, &App::ALL, None, found[0].servers.iter().map(take).collect()).await;
    assert!(results.iter().all(|result| result.error.is_none()), "{results:?}");
    let config = std::fs::read_to_string(folder.path().join("home/config.toml")).unwrap();
    assert!(!config.contains("s3cret"), "{config}");
    assert!(config.contains("secret_env = [\"A_TOKEN\"]") && config.contains("LEVEL = \"info\""), "{config}");
    assert!(config.contains("secret_headers = [\"Authorization\"]"), "{config}");
    for (entry, value) in [("a:env:A_TOKEN", "s3cret-value"), ("b:header:Authorization", "Bearer s3cret-header")] {
        let kept = engine.secrets().get(&format!("server:{entry}")).await.unwrap().unwrap();
        assert_eq!(kept.expose_secret(), value);
    }
    // Taken is not approved: until a person says so, no rule counts for it.
    let servers = engine.list_servers();
    let taken: Vec<_> = servers.iter().filter(|server| server.config.name != "demo").collect();
    assert!(taken.len() == 2 && taken.iter().all(|server| server.needs_approval && server.pin.is_none()));
    engine.shutdown().await;
}

#[tokio::test]
async fn what_changed_since_it_was_shown_is_not_taken() {
    let (engine, folder, files) = person().await;
    let found = engine.find_servers(&files, &App::ALL, None);
    let takes: Vec<ImportTake> = found[0].servers.iter().map(take).collect();
    std::fs::write(folder.path().join(".cursor/mcp.json"), CURSOR.replace("/bin/true", "/bin/false")).unwrap();
    let results = engine.take_servers(&files, &App::ALL, None, takes).await;
    assert!(results[0].error.as_ref().is_some_and(|error| error.contains("not what was shown")), "{results:?}");
    assert_eq!(results[1].error, None);
    assert!(engine.list_servers().iter().all(|server| server.config.name != "a"));
    engine.shutdown().await;
}
