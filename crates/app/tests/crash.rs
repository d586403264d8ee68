//! What was acknowledged survives `kill -9`, once. The oracle is Jepsen's for sets, over every event of the run:
//! lost = acknowledged \ read, unexpected = read \ attempted, duplicates = read more than once.
//!
//! A kill leaves the page cache to the system, so this says nothing about a power cut; the store's own tests cut writes.
//! `VITRINA_KILLS=100 cargo test --release -p app --test crash` is the figure of a release.

mod common;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use common::{Rng, Server, agent, amount};
use serde_json::{Value, json};

const CLIENTS: usize = 6;
const BATCH_MAX: usize = 100;
const USERS: usize = 400;
/// A purchase among this many events.
const PURCHASE_EVERY: usize = 8;
const PRICE_MINOR: i64 = 1_250;

/// Where the server is now, and what its clients have done with it.
#[derive(Default)]
struct Run {
    addr: RwLock<String>,
    is_over: AtomicBool,
    acknowledged: AtomicU64,
    retries: AtomicU64,
    /// Answers that were neither a verdict nor a lost connection.
    refusals: Mutex<Vec<String>>,
}

/// What one client knows of its events, by their product ids: each event views or buys a product of its own.
#[derive(Default)]
struct Ledger {
    attempted: Vec<String>,
    acknowledged: Vec<String>,
    /// Purchases acknowledged, by user.
    purchases: BTreeMap<String, i64>,
}

fn event(rng: &mut Rng, id: &str, ledger: &mut Ledger) -> Value {
    let user = format!("user{}", rng.below(USERS));
    if rng.below(PURCHASE_EVERY) > 0 {
        return common::view(id, &user, id);
    }
    *ledger.purchases.entry(user.clone()).or_default() += 1;
    let line = json!({ "product_id": id, "price": PRICE_MINOR as f64 / 100.0, "quantity": 1 });
    json!({ "message_id": id, "event": "order_completed", "user_id": user, "order_id": id, "products": [line] })
}

/// Sends batch after batch, each again and again until it is acknowledged; now and then one of long ago once more.
fn client(number: usize, run: &Run) -> Ledger {
    let (mut rng, mut ledger, agent) = (Rng(number as u64), Ledger::default(), agent());
    let mut sent: Vec<(String, usize)> = Vec::new();
    while !run.is_over.load(Relaxed) {
        let ids: Vec<String> =
            (0..=rng.below(BATCH_MAX)).map(|i| format!("c{number}-{}", ledger.attempted.len() + i)).collect();
        let batch: Vec<Value> = ids.iter().map(|id| event(&mut rng, id, &mut ledger)).collect();
        let (body, n) = (Value::Array(batch).to_string(), ids.len());
        ledger.attempted.extend(ids.iter().cloned());
        until_acknowledged(run, &agent, &body, n);
        run.acknowledged.fetch_add(n as u64, Relaxed);
        ledger.acknowledged.extend(ids);
        sent.push((body, n));
        if rng.below(20) == 0 {
            let (body, n) = rng.pick(&sent);
            let accepted = until_acknowledged(run, &agent, body, *n);
            if accepted > 0 {
                run.refusals.lock().unwrap().push(format!("{accepted} acknowledged events were accepted anew"));
            }
        }
    }
    ledger
}

/// How many of the batch were new to the server that acknowledged it.
fn until_acknowledged(run: &Run, agent: &ureq::Agent, body: &str, n: usize) -> u64 {
    loop {
        let url = format!("http://{}/v1/events", run.addr.read().unwrap());
        let answer = agent
            .post(url)
            .send(body)
            .and_then(|mut answer| Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?)));
        match answer {
            Ok((200, text)) => {
                let verdicts: Value = serde_json::from_str(&text).expect("verdicts are JSON");
                let count = |name: &str| verdicts[name].as_u64().unwrap();
                if count("accepted") + count("duplicates") != n as u64 {
                    run.refusals.lock().unwrap().push(text);
                }
                return count("accepted");
            }
            Ok((status, text)) => run.refusals.lock().unwrap().push(format!("{status} {text}")),
            Err(_) => {}
        }
        run.retries.fetch_add(1, Relaxed);
        thread::sleep(Duration::from_millis(5));
    }
}

/// Every event of the log by the product that only it names, page by page.
fn read_all(server: &Server) -> BTreeMap<String, usize> {
    let mut read = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = server.get(&format!("/v1/events?after={after}&limit=1000"));
        for row in page["data"].as_array().unwrap() {
            let position = row["position"].as_u64().unwrap();
            assert!(position > after, "positions ascend: {position} after {after}");
            after = position;
            *read.entry(row["products"][0]["product_id"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
        if page["next"].is_null() {
            return read;
        }
    }
}

#[derive(Clone, Copy)]
enum End {
    Kill,
    Stop,
}

/// Ends the server `rounds` times under load, and compares what it kept with what it acknowledged.
fn check(end: End, rounds: usize) {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let run = Run::default();
    *run.addr.write().unwrap() = server.addr.clone();
    let (mut rng, mut serving, mut restart_max) = (Rng(7), Duration::ZERO, Duration::ZERO);

    let (server, ledgers) = thread::scope(|scope| {
        let mut server = server;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn({
                    let run = &run;
                    move || client(number, run)
                })
            })
            .collect();
        for _ in 0..rounds {
            let started = Instant::now();
            thread::sleep(Duration::from_millis(300 + rng.below(700) as u64));
            match end {
                End::Kill => server.kill(),
                End::Stop => assert!(server.stop().success(), "a stop is no failure"),
            }
            serving += started.elapsed();
            let started = Instant::now();
            server = Server::start(dir.path());
            restart_max = restart_max.max(started.elapsed());
            *run.addr.write().unwrap() = server.addr.clone();
        }
        run.is_over.store(true, Relaxed);
        let ledgers: Vec<Ledger> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (server, ledgers)
    });

    let attempted: BTreeMap<&str, ()> = ledgers.iter().flat_map(|l| &l.attempted).map(|id| (id.as_str(), ())).collect();
    let read = read_all(&server);
    let lost: Vec<_> = ledgers.iter().flat_map(|l| &l.acknowledged).filter(|id| !read.contains_key(*id)).collect();
    let unexpected: Vec<_> = read.keys().filter(|id| !attempted.contains_key(id.as_str())).collect();
    let duplicates: Vec<_> = read.iter().filter(|(_, n)| **n > 1).collect();
    let n = run.acknowledged.load(Relaxed);
    println!(
        "{rounds} ends, {n} events acknowledged, {:.0} events/s while serving, {} retries, slowest restart {restart_max:.1?}: \
         lost {}, unexpected {}, duplicates {}",
        n as f64 / serving.as_secs_f64(),
        run.retries.load(Relaxed),
        lost.len(),
        unexpected.len(),
        duplicates.len(),
    );
    let refusals = run.refusals.into_inner().unwrap();
    assert_eq!(refusals, Vec::<String>::new(), "every batch was fine");
    assert!(lost.is_empty(), "acknowledged and not read: {:?} of {}", &lost[..lost.len().min(5)], lost.len());
    assert!(unexpected.is_empty(), "read and never sent: {unexpected:?}");
    assert!(duplicates.is_empty(), "read more than once: {duplicates:?}");
    assert_eq!(server.get("/v1/status")["events"]["total"], n);
    profiles_equal_a_replay(&server, &ledgers, n);
}

/// What crashes, catching up and retries left in the profiles is what folding the log from its start gives, and what
/// the clients know.
fn profiles_equal_a_replay(server: &Server, ledgers: &[Ledger], n_events: u64) {
    let users: Vec<String> = (0..USERS).step_by(4).map(|i| format!("user{i}")).collect();
    let all = || -> Vec<Value> { users.iter().map(|user| server.get(&format!("/v1/users/{user}"))).collect() };
    let folded = all();
    for (user, profile) in users.iter().zip(&folded) {
        let bought: i64 = ledgers.iter().filter_map(|ledger| ledger.purchases.get(user)).sum();
        assert_eq!(profile["purchases"], bought, "{user}: {profile}");
        assert_eq!(profile["total_spent"]["minor"].as_i64().unwrap_or(0), bought * PRICE_MINOR, "{user}: {profile}");
    }
    assert_eq!(server.post("/v1/profiles/rebuild", &json!({}))["events"], n_events);
    for ((user, before), after) in users.iter().zip(&folded).zip(&all()) {
        assert_eq!(before, after, "{user}");
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_kill_9_under_load() {
    check(End::Kill, amount("VITRINA_KILLS", 12));
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_stops_under_load() {
    check(End::Stop, amount("VITRINA_STOPS", 5));
}
