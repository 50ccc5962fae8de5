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
    let expected = [
        "configuration",
        "audit log",
        "keychain",
        "confinement",
        "server demo",
        "default model",
        "disk",
        "tray and notifications",
    ];
    assert_eq!(names, expected);
    assert!(checks.iter().all(|check| check["state"] != "mend"), "{checks:?}");
    home.ok(&["server", "set", "demo", "--", "no-such-command"]).await;
    home.ok(&["model", "add", "m", "--provider", "ollama", "--model", "x"]).await;
    let ran = home.run(&["doctor"]).await;
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("mend  server demo"), "{}", ran.out);
    assert!(ran.out.contains("ok    model m"), "{}", ran.out);
}

/// Starts a program as a child, waits for a line of it, and tries to read its memory and to attach to it, as any process
/// of the same user may: {"reads", "attaches", "core_bytes"}.
#[cfg(target_os = "linux")]
const DEBUGGER: &str = r#"
import ctypes, json, os, subprocess, sys
target = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
target.stdin.write(b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n')
target.stdin.flush()
target.stdout.readline()
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
try:
    with open(f"/proc/{target.pid}/maps") as maps:
        start = int(next(line for line in maps if " r" in line).split("-")[0], 16)
    with open(f"/proc/{target.pid}/mem", "rb") as memory:
        memory.seek(start)
        reads = len(memory.read(16)) == 16
except OSError:
    reads = False
attaches = libc.ptrace(16, target.pid, None, None) == 0
if attaches:
    os.waitpid(target.pid, 0)
    libc.ptrace(17, target.pid, None, None)
with open(f"/proc/{target.pid}/limits") as limits:
    core = next(line for line in limits if line.startswith("Max core")).split()[4]
target.kill()
print(json.dumps({"reads": reads, "attaches": attaches, "core": core}))
"#;

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn no_process_of_the_same_user_reads_our_memory() {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    let attack = async |target: &[&str]| {
        // Root may trace everything, so there it is tried as nobody.
        let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];
        let words: Vec<&str> = if is_root { nobody.to_vec() } else { vec!["env"] };
        let output = Command::new(words[0])
            .args(&words[1..])
            .args(["/usr/bin/python3", "-c", DEBUGGER])
            .args(target)
            .current_dir("/")
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let ordinary = attack(&["/bin/cat"]).await;
    assert_eq!((&ordinary["reads"], &ordinary["attaches"]), (&json!(true), &json!(true)), "a debugger works here");
    // Where the build is kept may be closed to others.
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("samplegate");
    std::fs::copy(samplegate(), &program).unwrap();
    for path in [folder.path(), program.as_path()] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    let ours = attack(&[program.to_str().unwrap(), "demo-server"]).await;
    assert_eq!(ours, json!({"reads": false, "attaches": false, "core": "0"}));
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
