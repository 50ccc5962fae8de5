//! What a server can do to whoever runs it: everything where it is not confined, nothing where it is.
//!
//! The same attempts are made both ways, so that each of them is known to work where nothing stops it.

use std::{
    collections::BTreeMap,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    path::{Path, PathBuf},
    process::Stdio,
};

use samplegate_core::settings::HUMAN;
use samplegate_engine::{
    engine::{Engine, Options},
    mcp::{BaseEnv, confine},
    startup::{self, Directories},
    wire::Phase,
};
use serde_json::{Value, json};
use support::{
    home::{Running, options, text},
    servers::{given, python, samplegate},
};
use tokio::io::AsyncBufReadExt as _;

/// A person's computer: a home directory with another Samplegate in it, a session bus, an agent, a display.
struct Computer {
    folder: tempfile::TempDir,
    _bus: tokio::process::Child,
    _sockets: [UnixListener; 2],
    port: std::net::TcpListener,
}

impl Computer {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["home/.config/samplegate", "home/.cache/other", "home/.ssh", "home/work", "run"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["home/.config/samplegate/config.toml", "home/.ssh/id", "home/.cache/other/file", "home/work/plan"]
        {
            std::fs::write(at(name), "# A file of the person's.\n").unwrap();
        }
        let address = format!("unix:path={}", at("run/bus").display());
        let mut bus = tokio::process::Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address", "--address", &address])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = tokio::io::BufReader::new(bus.stdout.take().unwrap()).lines();
        said.next_line().await.unwrap().expect("the bus says where it is");
        let display = SocketAddr::from_abstract_name(format!("{}/X0", folder.path().display())).unwrap();
        let sockets = [UnixListener::bind(at("home/.agent")).unwrap(), UnixListener::bind_addr(&display).unwrap()];
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self { folder, _bus: bus, _sockets: sockets, port }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The options for an engine on this computer.
    fn options(&self, folder: &Path) -> Options {
        let options = options(folder);
        let value = |name: &str| match name {
            "HOME" => Some(self.at("home").into_os_string()),
            "DBUS_SESSION_BUS_ADDRESS" => Some(format!("unix:path={}", self.at("run/bus").display()).into()),
            "SSH_AUTH_SOCK" => Some(self.at("home/.agent").into_os_string()),
            _ => None,
        };
        let platform = self.at("home/.config/samplegate");
        let platform = Directories { config: platform.clone(), data: platform, runtime: None };
        Options { surroundings: startup::surroundings(&options.home, value, Some(platform)), ..options }
    }

    /// Everything that a server might try.
    fn attempts(&self, home: &Path) -> Value {
        let at = |name: &str| self.at(name).display().to_string();
        let own = |name: &str| home.join(name).display().to_string();
        let command = samplegate().display().to_string();
        let home = home.display().to_string();
        json!({
            "read_config": ["read", own("config.toml")],
            "read_database": ["read", own("samplegate.db")],
            "read_other_config": ["read", at("home/.config/samplegate/config.toml")],
            "read_ssh_key": ["read", at("home/.ssh/id")],
            "write_other_config": ["write", at("home/.config/samplegate/config.toml")],
            "write_config": ["write", own("config.toml")],
            "write_home": ["write", at("home/.profile")],
            "bus": ["bus", at("run/bus")],
            "agent": ["connect", at("home/.agent")],
            "display": ["abstract", format!("{}/X0", self.folder.path().display())],
            "signal": ["signal", std::process::id()],
            "memory": ["trace", std::process::id()],
            "approve": ["run", [command, "--home", home, "rule", "list"]],
        })
    }
}

async fn start(computer: &Computer, confine: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let config = format!("[servers.s]\n{}{confine}\n", python("raw_hostile.py", &[]));
    std::fs::write(folder.path().join("config.toml"), config).unwrap();
    let engine = Engine::start(computer.options(folder.path())).await.unwrap();
    let reviewer = Some(engine.queue().attach());
    Running { engine, folder, reviewer }
}

async fn attack(home: &Running, attempts: Value) -> BTreeMap<String, bool> {
    let called = home.call("s", "attack", json!({"attempts": attempts})).await.unwrap();
    serde_json::from_str(text(&called.result.unwrap())).unwrap()
}

/// Lets the command add an allowing rule, and says whether there is one then.
async fn allows_itself(home: &Running) -> bool {
    let folder = home.folder.path().display().to_string();
    let command = samplegate().display().to_string();
    let words = json!(["run", [command, "--home", folder, "rule", "add", "--server", "s", "--action", "allow"]]);
    attack(home, json!({"rule": words})).await;
    let file = std::fs::read_to_string(home.folder.path().join("config.toml")).unwrap();
    file.contains("action = \"allow\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_confined_can_do_all_of_this() {
    let computer = Computer::new().await;
    let home = start(&computer, "").await;
    let mut achieved = attack(&home, computer.attempts(home.folder.path())).await;
    // Whether one process may read another's memory is the system's choice between those of one user.
    achieved.remove("memory");
    assert!(achieved.values().all(|done| *done), "{achieved:?}");
    let port = computer.port.local_addr().unwrap().port();
    assert!(attack(&home, json!({"tcp": ["tcp", port]})).await["tcp"]);
    assert!(allows_itself(&home).await);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confined_server_can_do_none_of_it() {
    let computer = Computer::new().await;
    let home = start(&computer, "confine = { enabled = true }").await;
    let config = || std::fs::read_to_string(home.folder.path().join("config.toml")).unwrap();
    let before = config();
    let mut attempts = computer.attempts(home.folder.path());
    if !confine::abstract_sockets_can_be_hidden() {
        attempts.as_object_mut().unwrap().remove("display");
    }
    // In there it is a program like any other; it finds another, empty home.
    attempts.as_object_mut().unwrap().remove("approve");
    let achieved = attack(&home, attempts).await;
    assert!(achieved.values().all(|done| !done), "{achieved:?}");
    assert!(!allows_itself(&home).await);
    assert_eq!(config(), before);
    assert!(home.engine.config().settings().rules.is_empty());
    assert!(!computer.at("home/.profile").exists());

    // What it is left: its caches, which are its own, and the network.
    let port = computer.port.local_addr().unwrap().port();
    let cache = |name: &str| computer.at("home/.cache").join(name);
    let left = json!({
        "network": ["tcp", port],
        "reads": ["read", computer.at("home/work/plan")],
        "reads_caches": ["read", cache("other/file")],
        "writes_caches": ["write", cache("mine")],
        "writes_tmp": ["write", "/tmp/mine"],
    });
    let achieved = attack(&home, left).await;
    assert!(achieved.values().all(|done| *done), "{achieved:?}");
    assert!(!cache("mine").exists() && home.folder.path().join("confined/s/cache/mine").exists());
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_and_network_are_given_and_taken() {
    let computer = Computer::new().await;
    let home = start(
        &computer,
        "confine = { enabled = true, network = false, hide = [\"~\"], read = [\"~/.ssh\"], write = [\"~/work\"] }",
    )
    .await;
    let at = |name: &str| computer.at("home").join(name);
    let attempts = json!({
        "reads_home": ["read", at(".cache/other/file")],
        "reads_given": ["read", at(".ssh/id")],
        "writes_given_to_read": ["write", at(".ssh/id")],
        "writes_given": ["write", at("work/plan")],
        "network": ["tcp", computer.port.local_addr().unwrap().port()],
        "display": ["abstract", format!("{}/X0", computer.folder.path().display())],
    });
    let achieved = attack(&home, attempts).await;
    let expected = [
        ("display", false),
        ("network", false),
        ("reads_given", true),
        ("reads_home", false),
        ("writes_given", true),
        ("writes_given_to_read", false),
    ];
    assert_eq!(achieved, expected.map(|(name, done)| (name.to_owned(), done)).into());
    assert!(std::fs::read_to_string(at("work/plan")).unwrap().contains("It was here."));
    home.stop().await;
}

/// The processes that carry this mark on their command lines.
fn marked(mark: &str) -> Vec<i32> {
    let pids = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        // Our own command's line has it too, but inside of an argument.
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.split('\0').any(|word| word == mark))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_confined_server_started_ends_with_us_even_when_we_are_killed() {
    for (confine, outlives) in [("", true), ("confine = { enabled = true }", false)] {
        let home = Running::start("").await;
        let folder = tempfile::tempdir().unwrap();
        let (mark, server) =
            (format!("outlives-{}", folder.path().display()), format!("of-{}", folder.path().display()));
        let config = format!("[servers.s]\n{}{confine}\n", python("raw_hostile.py", &[&server]));
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let mut command = tokio::process::Command::new(samplegate())
            .arg("--home")
            .arg(folder.path())
            .args(["call", "s", "outlive", &json!({"mark": mark}).to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pids = home.eventually(|| Some(marked(&mark)).filter(|pids| !pids.is_empty())).await;
        assert!(!marked(&server).is_empty());
        // SIGKILL: nothing of ours runs any more.
        command.kill().await.unwrap();
        home.eventually(|| marked(&server).is_empty().then_some(())).await;
        if outlives {
            assert_eq!(marked(&mark), pids, "without confinement it stays");
            for pid in pids {
                let pid = rustix::process::Pid::from_raw(pid).unwrap();
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            }
        } else {
            home.eventually(|| marked(&mark).is_empty().then_some(())).await;
        }
        home.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_other_makers_work_confined_and_sample() {
    let everything =
        given("SAMPLEGATE_TEST_NODE_MODULES").join("@modelcontextprotocol/server-everything/dist/index.js");
    // Its environment leads to where Python itself is, which may be in a home directory.
    let python4 = given("SAMPLEGATE_TEST_PY4").canonicalize().unwrap();
    let python4 = python4.parent().and_then(Path::parent).unwrap().display().to_string();
    let scripts = support::servers::root().display().to_string();
    let home = Running::start(&format!(
        "default_model = \"{HUMAN}\"\n[servers.node]\ncommand = \"node\"\nargs = [{:?}, \"stdio\"]\nsampling = \"ask\"\n\
         confine = {{ enabled = true }}\n[servers.three]\n{}confine = {{ enabled = true, network = false }}\n\
         [servers.four]\n{}confine = {{ enabled = true, hide = [\"~\"], read = [{python4:?}, {scripts:?}] }}\n",
        everything.display().to_string(),
        python("fastmcp3_prompts.py", &[]),
        python("fastmcp4_rounds.py", &[]),
    ))
    .await;
    for server in ["node", "three", "four"] {
        home.engine.ready(server).await.unwrap();
    }
    let call = home.call("node", "trigger-sampling-request", json!({"prompt": "Two and two?", "maxTokens": 50}));
    let question = home.question(Phase::Request).await;
    home.act(&question, samplegate_engine::wire::Action::AnswerByHand { text: "four".into() });
    assert!(call.await.unwrap().result.unwrap().to_string().contains("four"));
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_confined_does_not_start_and_says_how_to_mend_it() {
    let tools = tempfile::tempdir().unwrap();
    let bwrap = tools.path().join("bwrap");
    let failing = "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n";
    for (script, why) in [(None, "bubblewrap is not installed"), (Some(failing), "setting up uid map")] {
        if let Some(script) = script {
            std::fs::write(&bwrap, script).unwrap();
            std::fs::set_permissions(&bwrap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let config = format!("[servers.s]\n{}confine = {{ enabled = true }}\n", python("raw_hostile.py", &[]));
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        let base_env = BaseEnv::from_vars([("PATH".into(), tools.path().into())]);
        let engine = Engine::start(Options { base_env, ..options(folder.path()) }).await.unwrap();
        let refused = engine.ready("s").await.err().unwrap().to_string();
        assert!(refused.contains(why) && refused.contains("samplegate server set s --confine off"), "{refused}");
        assert!(!engine.probe_confinement().await.ok);
        engine.shutdown().await;
    }
    let home = Running::start(&format!(
        "[servers.s]\n{}confine = {{ enabled = true, write = [\"/\"] }}\n",
        python("raw_hostile.py", &[])
    ))
    .await;
    let refused = home.engine.ready("s").await.err().unwrap().to_string();
    assert!(refused.contains("it may not write to /: Samplegate's own files are there"), "{refused}");
    home.stop().await;
}
