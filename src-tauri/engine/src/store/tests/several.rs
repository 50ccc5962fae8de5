//! Several writers of one log, and readers beside them.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_stores_write_one_chain() {
    let place = Place::new();
    // All of them start at once, on a log that does not exist yet.
    let mut tasks = Vec::new();
    for writer in 0..4 {
        let path = place.path();
        tasks.push(tokio::spawn(async move {
            let store = tokio::task::spawn_blocking(move || Store::open(&path)).await.unwrap().unwrap();
            for n in 0..25 {
                put(&store, |id| Ask::new(n, &format!("server {writer}"), "x").answered(id, "y")).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let reader = Store::open_read_only(&place.path()).unwrap();
    let report = reader.verify(None).await.unwrap().unwrap();
    assert_eq!((report.events, report.questions), (500, 100));
    let facets = reader.facets().await.unwrap();
    assert_eq!(facets.servers, ["server 0", "server 1", "server 2", "server 3"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_read_while_others_write() {
    let place = Place::new();
    let store = place.open();
    let reader = Store::open_read_only(&place.path()).unwrap();
    let writing = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..100 {
                put(&store, |id| Ask::new(n, "s", "x").denied(id)).await;
            }
        }
    });
    while !writing.is_finished() {
        assert!(reader.verify(None).await.unwrap().is_ok(), "every commit is whole");
        reader.list(Filter { outcome: Some(Outcome::Denied), ..Filter::default() }).await.unwrap();
    }
    writing.await.unwrap();
    assert_eq!(reader.list(Filter { limit: 1000, ..Filter::default() }).await.unwrap().questions.len(), 100);
    assert_eq!(reader.append(vec![]).await, Err(StoreError::ReadOnly));
}

#[tokio::test]
async fn questions_of_the_dead_are_interrupted_once() {
    let place = Place::new();
    let runtime = place.folder.path().join("run");
    let store = place.open();
    let alive = Instance::acquire(&runtime).unwrap();
    let dead = Instance::acquire(&runtime).unwrap();
    let asked = |owner: &str| Ask { owner: Some(owner.to_owned()), ..Ask::new(1, "s", "x") };
    let kept = put(&store, |id| vec![asked(alive.id()).received(id)]).await;
    let mut lost = vec![put(&store, |id| vec![asked(dead.id()).received(id)]).await];
    assert_eq!(close_interrupted(&store, &runtime, at(5)).await.unwrap(), [], "both live");

    // Died without tidying up; died long ago; names no process.
    let path = runtime.join("instances").join(format!("{}.lock", dead.id()));
    drop(dead);
    std::fs::write(&path, "").unwrap();
    lost.push(put(&store, |id| vec![asked("0190f3c1-7a4e-7c3d-8b52-1f6a0c9d2e44").received(id)]).await);
    lost.push(put(&store, |id| vec![asked("../../etc/passwd").received(id)]).await);

    let other = place.open();
    let (one, two) =
        tokio::join!(close_interrupted(&store, &runtime, at(6)), close_interrupted(&other, &runtime, at(6)));
    let mut closed = [one.unwrap(), two.unwrap()].concat();
    closed.sort_unstable();
    lost.sort_unstable();
    assert_eq!(closed, lost, "each exactly once");
    assert_eq!(store.show(lost[0]).await.unwrap().summary.outcome, Outcome::Interrupted);
    assert_eq!(store.show(kept).await.unwrap().summary.outcome, Outcome::Open);
    assert!(!path.exists(), "its lock is gone");
    assert!(runtime.join("instances").join(format!("{}.lock", alive.id())).exists());
    assert!(store.verify(None).await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn group_commit_takes_many_at_once() {
    let place = Place::new();
    let store = place.open();
    let bare = Connection::open(place.path().with_file_name("bare.db")).unwrap();
    bare.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (x TEXT)").unwrap();
    let started = std::time::Instant::now();
    for _ in 0..200 {
        bare.execute("INSERT INTO t VALUES (?1)", ["a row of some length, as an event has it"]).unwrap();
    }
    eprintln!("two bare commits: {:.2} ms", started.elapsed().as_secs_f64() * 10.0);
    for in_flight in [1, 64] {
        let rounds = 1024 / in_flight.max(8);
        let started = std::time::Instant::now();
        let tasks: Vec<_> = (0..in_flight)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    for _ in 0..rounds {
                        let ask = Ask::new(1, "s", "Confirm payment of 1000 EUR to the bakery?");
                        let id = new_id(Timestamp::now());
                        let mut events = ask.answered(id, "yes");
                        let rest = events.split_off(3);
                        store.append(events).await.unwrap();
                        store.append(rest).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let took = started.elapsed().as_secs_f64();
        let questions = f64::from(in_flight * rounds);
        eprintln!(
            "{in_flight} in flight: {:.0} questions/s ({:.0} events/s), {:.2} ms for two commits",
            questions / took,
            questions * 5.0 / took,
            took / f64::from(rounds) * 1000.0
        );
    }
    assert!(store.verify(None).await.unwrap().is_ok());
}
