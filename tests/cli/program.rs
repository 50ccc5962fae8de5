//! The program itself: its help, the demo server it holds, what it links.

use std::process::Stdio;

use serde_json::{Value, json};
use support::servers::samplegate;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::Command,
};

use super::Home;

#[tokio::test(flavor = "multi_thread")]
async fn help_and_version_are_results() {
    let home = Home::new();
    let help = home.ok(&["--help"]).await;
    for command in [
        "server",
        "model",
        "rule",
        "call",
        "tools",
        "prompts",
        "resources",
        "prompt",
        "read",
        "audit",
        "inspect",
        "doctor",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is not in {help}");
    }
    assert!(help.contains("demo-server") && !help.contains("__spawn"), "{help}");
    assert!(home.ok(&["--version"]).await.starts_with("samplegate "));
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_looks_at_everything_and_a_new_home_is_well() {
    let home = Home::new();
    let checks = home.json(&["doctor", "--json"]).await;
    let names: Vec<&str> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    let expected =
        ["configuration", "audit log", "keychain", "server demo", "default model", "disk", "tray and notifications"];
    assert_eq!(names, expected);
    assert!(checks.iter().all(|check| check["state"] != "mend"), "{checks:?}");
    home.ok(&["server", "set", "demo", "--", "no-such-command"]).await;
    home.ok(&["model", "add", "m", "--provider", "ollama", "--model", "x"]).await;
    let ran = home.run(&["doctor"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("mend  server demo"), "{}", ran.out);
    assert!(ran.out.contains("ok    model m"), "{}", ran.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_server_speaks_every_legacy_revision() {
    let mut child = Command::new(samplegate())
        .arg("demo-server")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut ask = async |method: &str, params: Value| {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        stdin.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        serde_json::from_str::<Value>(&lines.next_line().await.unwrap().unwrap()).unwrap()
    };
    for version in ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"] {
        let answer = ask("initialize", json!({"protocolVersion": version})).await;
        assert_eq!(answer["result"]["protocolVersion"], version);
    }
    assert_eq!(ask("server/discover", json!({})).await["error"]["code"], -32601);
    let tools = ask("tools/list", json!({})).await["result"]["tools"].clone();
    for tool in tools.as_array().unwrap() {
        for field in ["name", "title", "description", "inputSchema", "annotations"] {
            assert!(!tool[field].is_null(), "{field} of {tool}");
        }
    }
    assert_eq!(tools[0]["inputSchema"]["properties"]["to"]["default"], "Acme GmbH");
    drop(stdin);
    assert!(child.wait().await.unwrap().success(), "it ends with its client");
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn no_gui_library_is_linked() {
    let linked = Command::new("ldd").arg(samplegate()).output().await.unwrap();
    let linked = String::from_utf8(linked.stdout).unwrap();
    assert!(linked.contains("libc.so"), "{linked}");
    for library in ["gtk", "gdk", "webkit", "X11", "xcb", "wayland", "appindicator", "libdbus"] {
        assert!(!linked.contains(library), "{library}: {linked}");
    }
}
