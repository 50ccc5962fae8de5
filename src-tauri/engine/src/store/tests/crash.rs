//! Killed at any moment: what was acknowledged is there, and the chain is whole.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use super::*;

const CHILD: &str = "SAMPLEGATE_TEST_CRASH_LOG";

/// Not a test of its own: the process that is killed. It prints the number of each event once `append` returned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let store = Store::open(Path::new(&path)).unwrap();
    for n in 0..8 {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                let ask = Ask::new(n, "s", "x");
                let id = new_id(Timestamp::now());
                let appended = store.append(ask.answered(id, "y")).await.unwrap();
                let last = appended.last().unwrap();
                println!("\nappended {} {}", last.seq, last.hash);
            }
        });
    }
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let place = Place::new();
    let mut acknowledged: Vec<Head> = Vec::new();
    for run in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store::tests::crash::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, place.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let heads = lines.filter_map(|line| {
            let (seq, hash) = line.strip_prefix("appended ")?.split_once(' ')?;
            Some(Head { seq: seq.parse().ok()?, hash: hash.parse().ok()? })
        });
        let wanted = run * 37;
        acknowledged.extend(heads.take(wanted));
        child.kill().unwrap();
        child.wait().unwrap();

        let store = place.open();
        let report = store.verify(None).await.unwrap().unwrap();
        for head in &acknowledged {
            let kept = store.read({
                let seq = head.seq;
                move |connection| Ok(events::hash(connection, seq)?)
            });
            assert_eq!(kept.await.unwrap(), head.hash, "event {}", head.seq);
        }
        assert_eq!(report.events % 5, 0, "a request is written whole or not at all");
    }
}
