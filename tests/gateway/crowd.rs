//! Many servers, many hosts, many open questions at once; and what ends without warning among them.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use futures::future::join_all;
use samplegate_engine::wire::{Action, Phase, ReviewSummary};
use serde_json::{Value, json};
use support::{
    home::{PATIENCE, Running},
    model::{FakeModel, Reply},
    servers::samplegate,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::host::{Era, Host, listening, passing, token};

const SERVERS: usize = 50;
/// Of the older era: each host that calls one has a process of its own there.
const OLDER: usize = 5;
const HOSTS: usize = 20;
/// How many of the hosts come by the bridge.
const BRIDGED: usize = 5;
const QUESTIONS: usize = 200;

/// The servers that a host calls: all are called, and those of the older era by one host in four.
fn called_by(host: usize) -> Vec<usize> {
    let each = QUESTIONS / HOSTS;
    let first = (host * each) % (SERVERS - OLDER);
    let mut servers: Vec<usize> = (0..each).map(|n| OLDER + (first + n) % (SERVERS - OLDER)).collect();
    if host.is_multiple_of(4) {
        servers[0] = host / 4 % OLDER;
    }
    servers
}

/// A host whose process is a bridge.
struct Bridged {
    process: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Bridged {
    fn start(home: &Path, name: &str) -> Self {
        let mut process = command(home, &["bridge", "--host", name]).stdin(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output).lines() }
    }

    async fn call(&mut self, server: usize) {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": {"name": "bridged", "version": "1"},
        });
        let params = json!({"name": format!("s{server}__ask"), "arguments": {"server": server}, "_meta": meta});
        let call = json!({"jsonrpc": "2.0", "id": server, "method": "tools/call", "params": params});
        self.input.write_all(format!("{call}\n").as_bytes()).await.unwrap();
    }

    async fn hear(&mut self) -> Value {
        loop {
            let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await.expect("an answer in time");
            let message: Value = serde_json::from_str(&line.unwrap().unwrap()).unwrap();
            if message.get("method").is_none() {
                return message;
            }
        }
    }
}

/// A `samplegate` in a home, where nobody answers for a keychain.
fn command(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(samplegate());
    command.arg("--home").arg(home).args(args).env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// The questions that wait for a person.
fn open(home: &Running) -> Vec<ReviewSummary> {
    home.engine.queue().list().into_iter().filter(|question| question.phase == Phase::Request).collect()
}

/// The processes of servers of this home that run.
fn processes(mark: &str) -> Vec<i32> {
    let all = std::fs::read_dir("/proc").unwrap();
    let pids = all.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
    let is_ours = |pid: &i32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(mark)
    };
    pids.filter(is_ours).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_questions_of_fifty_servers_and_twenty_hosts_are_all_answered() {
    let mark = format!("crowd-{}", std::process::id());
    let config: String = (0..SERVERS)
        .map(|n| {
            let era = if n < OLDER { Era::Legacy } else { Era::Stateless };
            passing(&format!("s{n}"), era, &["--crowd", &format!("{mark}-s{n}-")])
        })
        .collect();
    let (home, port) = listening(&config).await;
    join_all((0..SERVERS).map(|n| {
        let engine = home.engine.clone();
        async move { engine.ready(&format!("s{n}")).await.unwrap() }
    }))
    .await;

    let mut calls = Vec::new();
    for host in 0..HOSTS - BRIDGED {
        let token = token(&home, &format!("h{host}"));
        let era = if host.is_multiple_of(2) { Era::Stateless } else { Era::Legacy };
        let host_of = Arc::new(Host::connect(era, port, None, &token).await);
        for server in called_by(host) {
            let host_of = host_of.clone();
            calls.push((
                host,
                server,
                tokio::spawn(async move {
                    let call = json!({"name": format!("s{server}__ask"), "arguments": {"server": server}});
                    host_of.response("tools/call", call).await
                }),
            ));
        }
    }
    let mut bridged = Vec::new();
    for host in HOSTS - BRIDGED..HOSTS {
        let mut bridge = Bridged::start(home.folder.path(), &format!("h{host}"));
        for server in called_by(host) {
            bridge.call(server).await;
        }
        bridged.push((host, bridge));
    }
    home.eventually(|| (open(&home).len() == QUESTIONS).then_some(())).await;

    // One host is killed: what was asked in its name is withdrawn, and nothing else.
    let (_, mut killed) = bridged.pop().unwrap();
    killed.process.kill().await.unwrap();
    let gone = called_by(HOSTS - 1).len();
    home.eventually(|| (open(&home).len() == QUESTIONS - gone).then_some(())).await;

    // Three servers are killed: their calls fail, and no other.
    let dead = [OLDER, OLDER + 1, OLDER + 2];
    for server in dead {
        for pid in processes(&format!("{mark}-s{server}-")) {
            rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL)
                .unwrap();
        }
    }
    let hit = (0..HOSTS - 1).flat_map(called_by).filter(|server| dead.contains(server)).count();
    home.eventually(|| (open(&home).len() == QUESTIONS - gone - hit).then_some(())).await;

    for question in open(&home) {
        let item = home.engine.queue().get(question.id.parse().unwrap()).unwrap();
        let text = format!("for {}", item.provenance.server);
        home.act(&item, Action::AnswerByHand { text });
    }
    for (host, server, call) in calls {
        let response = tokio::time::timeout(PATIENCE, call).await.expect("an answer in time").unwrap();
        check(host, server, &dead, &response);
    }
    for (host, bridge) in &mut bridged {
        for _ in called_by(*host) {
            let response = bridge.hear().await;
            let server = response["id"].as_u64().unwrap().try_into().unwrap();
            check(*host, server, &dead, &response);
        }
    }

    // The bridges end with their hosts, and the servers with the app.
    for (_, mut bridge) in bridged {
        drop(bridge.input);
        tokio::time::timeout(PATIENCE, bridge.process.wait()).await.expect("it ended").unwrap();
    }
    home.stop().await;
    none_is_left(&mark).await;
}

/// Waits until no server of this home runs.
async fn none_is_left(mark: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !processes(mark).is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "{:?} are left", processes(mark));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A `samplegate serve`, and its port.
async fn serve(home: &Path) -> (Child, u16) {
    let process = command(home, &["serve", "--port", "0"]).stdout(Stdio::null()).spawn().unwrap();
    let told = home.join("run/gateway.json");
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let told: Option<Value> = std::fs::read(&told).ok().and_then(|told| serde_json::from_slice(&told).ok());
        let port = told.and_then(|told| u16::try_from(told["port"].as_u64()?).ok());
        // The file of an app that was killed is still there.
        if let Some(port) = port.filter(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
            return (process, port);
        }
        assert!(tokio::time::Instant::now() < deadline, "it does not serve");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until all servers were seen and pinned: a rule speaks for no server that is not known.
async fn pinned(home: &Path) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let changes = command(home, &["audit", "changes", "--json"]).output().await.unwrap().stdout;
        let pinned = String::from_utf8(changes).unwrap().matches("was pinned as it is").count();
        if pinned == SERVERS {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "only {pinned} servers were pinned");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_calls_are_under_way_when_the_app_is_killed() {
    let mark = format!("orphans-{}", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let model = FakeModel::start().await;
    for _ in 0..QUESTIONS {
        model.then(Reply::Silence);
    }
    let servers: String = (0..SERVERS)
        .map(|n| {
            let era = if n < OLDER { Era::Legacy } else { Era::Stateless };
            let server = passing(&format!("s{n}"), era, &["--crowd", &format!("{mark}-s{n}-")]);
            server.replace("sampling = \"ask\"", "sampling = \"rules\"")
        })
        .collect();
    let config = format!(
        "default_model = \"m\"\n\n{servers}\n[models.m]\nprovider = \"openai\"\nbase_url = {:?}\nmodel = \"m-1\"\nkey = \"none\"\n\n\
         [[rules]]\nid = \"all\"\naction = \"allow\"\nfindings = \"none\"\n",
        model.base_url
    );
    std::fs::write(home.join("config.toml"), config).unwrap();
    let added = command(home, &["host", "add", "http"]).output().await.unwrap();
    let token = serde_json::from_slice::<Value>(&added.stdout).unwrap()["token"].as_str().unwrap().to_owned();
    let (mut app, port) = serve(home).await;
    pinned(home).await;

    let mut calls = Vec::new();
    for host in 0..HOSTS - BRIDGED {
        let era = if host.is_multiple_of(2) { Era::Stateless } else { Era::Legacy };
        let host_of = Arc::new(Host::connect(era, port, None, &token).await);
        for server in called_by(host) {
            let host_of = host_of.clone();
            calls.push(tokio::spawn(async move {
                let call = json!({"name": format!("s{server}__ask"), "arguments": {"server": server}});
                let came = host_of.until_it_goes("tools/call", call).await;
                assert!(came.iter().all(|message| message.get("method").is_some()), "nobody answered, but {came:?}");
            }));
        }
    }
    let mut bridged: Vec<_> =
        (HOSTS - BRIDGED..HOSTS).map(|host| (host, Bridged::start(home, &format!("h{host}")))).collect();
    for (host, bridge) in &mut bridged {
        for server in called_by(*host) {
            bridge.call(server).await;
        }
    }
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while model.got().len() < QUESTIONS {
        assert!(tokio::time::Instant::now() < deadline, "only {} questions came", model.got().len());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    app.kill().await.unwrap();
    none_is_left(&mark).await;
    for call in calls {
        tokio::time::timeout(PATIENCE, call).await.expect("the connection ended").unwrap();
    }
    for (host, bridge) in &mut bridged {
        for _ in called_by(*host) {
            let answer = bridge.hear().await;
            assert!(answer.get("error").is_some(), "{answer}");
        }
    }

    // The hosts' processes are whole, and go on with the next app.
    let (app, _) = serve(home).await;
    for (host, bridge) in &mut bridged {
        let server = called_by(*host)[1];
        bridge.call(server).await;
        let answer = bridge.hear().await;
        assert!(answer.to_string().contains("ok"), "{answer}");
    }
    let log = command(home, &["audit", "list", "--limit", "1000", "--json"]).output().await.unwrap().stdout;
    let log = String::from_utf8(log).unwrap();
    assert_eq!(log.matches("\"outcome\":\"interrupted\"").count(), QUESTIONS);
    for (_, mut bridge) in bridged {
        drop(bridge.input);
        tokio::time::timeout(PATIENCE, bridge.process.wait()).await.expect("it ended").unwrap();
    }
    drop(app);
    none_is_left(&mark).await;
}

fn check(host: usize, server: usize, dead: &[usize], response: &Value) {
    let (died, text) = (dead.contains(&server), response.to_string());
    if died {
        assert!(!text.contains(&format!("for s{server}")), "host {host}, server {server}: {text}");
    } else {
        assert!(text.contains(&format!("for s{server}")), "host {host}, server {server}: {text}");
    }
}
