use std::time::Duration;

use super::*;
use crate::change::Subject;
use crate::db;
use crate::failure::Kind;
use crate::ids::DeliveryId;

struct Fixture {
    queue: Queue,
    pool: Pool,
    dir: tempfile::TempDir,
}

async fn fixture(lease: Duration) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let pool = db::open(&dir.path().join("db")).await.unwrap();
    let queue = Queue::open(pool.clone(), Clock, Settings { lease, max_retries: 1 });
    Fixture { queue, pool, dir }
}

fn request(repo: &str, number: u64) -> Request {
    let subject = Subject::Issue {
        repo: repo.parse().unwrap(),
        repo_id: 0,
        installation: 1,
        number,
        sender: "ann".into(),
        sender_id: 0,
    };
    Request::new(subject, "bump")
}

fn delivery(guid: &str) -> Delivery {
    Delivery {
        guid: DeliveryId::try_from(guid.to_owned()).unwrap(),
        kind: "issues".into(),
        body: b"{}".to_vec(),
    }
}

async fn accept(queue: &Queue, guid: &str, request: Request) -> Receipt {
    queue.accept(delivery(guid), "run", Order::Run(Box::new(request))).await.unwrap()
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_delivery_counts_once_and_a_subject_has_one_session() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let Receipt::Queued(session) = accept(&queue, "a", request("o/r", 1)).await else { panic!("not queued") };
    assert_eq!(accept(&queue, "a", request("o/r", 1)).await, Receipt::Duplicate);
    assert_eq!(accept(&queue, "b", request("o/r", 1)).await, Receipt::Busy(session));
    assert!(matches!(accept(&queue, "c", request("o/r", 2)).await, Receipt::Queued(_)));

    let lease = queue.lease().await.unwrap().unwrap();
    assert_eq!(lease.session(), session);
    lease.complete(Outcome::PrOpened, None).await.unwrap();
    assert!(matches!(accept(&queue, "d", request("o/r", 1)).await, Receipt::Queued(_)));
}

#[tokio::test]
async fn what_was_accepted_is_there_after_a_restart() {
    let Fixture { queue, pool, dir } = fixture(LONG).await;
    let Receipt::Queued(session) = accept(&queue, "a", request("o/r", 1)).await else { panic!("not queued") };
    queue.close().await;
    pool.close().await;
    let pool = db::open(&dir.path().join("db")).await.unwrap();
    let queue = Queue::open(pool, Clock, Settings { lease: LONG, max_retries: 1 });
    assert_eq!(queue.lease().await.unwrap().unwrap().session(), session);
    assert_eq!(accept(&queue, "a", request("o/r", 1)).await, Receipt::Duplicate);
}

#[tokio::test]
async fn two_workers_never_hold_the_same_job() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    for number in 0..20 {
        accept(&queue, &format!("g{number}"), request("o/r", number)).await;
    }
    let mut workers = JoinSet::new();
    for _ in 0..8 {
        let queue = queue.clone();
        workers.spawn(async move {
            let mut held = Vec::new();
            while let Some(lease) = queue.lease().await.unwrap() {
                held.push(lease.session());
            }
            held
        });
    }
    let mut all: Vec<SessionId> = workers.join_all().await.concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20);
}

#[tokio::test]
async fn a_dead_workers_job_is_taken_over_and_its_old_lease_is_worth_nothing() {
    let Fixture { queue, dir: _dir, .. } = fixture(Duration::from_millis(500)).await;
    accept(&queue, "a", request("o/r", 1)).await;
    let dead = queue.lease().await.unwrap().unwrap();
    assert!(queue.lease().await.unwrap().is_none());
    tokio::time::sleep(Duration::from_millis(600)).await;
    let next = queue.lease().await.unwrap().unwrap();
    assert_eq!((next.session(), next.run()), (dead.session(), 2));
    assert!(next.fence() > dead.fence());
    assert_eq!(dead.heartbeat().await.unwrap_err().kind(), Kind::LeaseLost);
    assert_eq!(dead.complete(Outcome::PrOpened, None).await.unwrap_err().kind(), Kind::LeaseLost);
}

#[tokio::test]
async fn a_heartbeat_keeps_the_lease() {
    let Fixture { queue, dir: _dir, .. } = fixture(Duration::from_millis(600)).await;
    accept(&queue, "a", request("o/r", 1)).await;
    let lease = queue.lease().await.unwrap().unwrap();
    let beating = tokio::time::timeout(Duration::from_millis(1500), lease.heartbeat()).await;
    assert!(beating.is_err(), "the heartbeat ended: {beating:?}");
    assert!(queue.lease().await.unwrap().is_none());
    assert_eq!(queue.live().await.unwrap().get(&lease.session()), Some(&lease.fence()));
}

#[tokio::test]
async fn retries_are_counted() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    accept(&queue, "a", request("o/r", 1)).await;
    let lease = queue.lease().await.unwrap().unwrap();
    assert!(matches!(lease.retry(Duration::ZERO).await.unwrap(), Retried::Again));
    let lease = queue.lease().await.unwrap().unwrap();
    let Retried::UsedUp(lease) = lease.retry(Duration::ZERO).await.unwrap() else { panic!("again") };
    lease.complete(Outcome::InternalError, None).await.unwrap();
    assert!(queue.lease().await.unwrap().is_none());
}

#[tokio::test]
async fn the_repository_with_fewer_sessions_comes_first() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    accept(&queue, "a", request("o/busy", 1)).await;
    accept(&queue, "b", request("o/busy", 2)).await;
    accept(&queue, "c", request("o/quiet", 3)).await;
    let order = [queue.lease().await, queue.lease().await, queue.lease().await]
        .map(|lease| lease.unwrap().unwrap().request().subject.repository());
    assert_eq!(order, ["o/busy", "o/quiet", "o/busy"]);
}

#[tokio::test]
async fn what_a_session_leaves_is_the_next_job_of_its_subject() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    accept(&queue, "a", request("o/r", 1)).await;
    let lease = queue.lease().await.unwrap().unwrap();
    let left = Request { label: None, ..request("o/r", 1) };
    let next = lease.complete(Outcome::PrOpened, Some(left.clone())).await.unwrap().unwrap();
    assert_eq!(accept(&queue, "b", request("o/r", 1)).await, Receipt::Busy(next));
    let lease = queue.lease().await.unwrap().unwrap();
    assert_eq!((lease.session(), lease.request()), (next, &left));
    assert_eq!(lease.complete(Outcome::PrOpened, None).await.unwrap(), None);
}

async fn cancel(queue: &Queue, guid: &str, subject: &str) -> Receipt {
    let order = Order::Cancel { subject: subject.into(), why: "alert 1 was fixed".into(), by: None };
    queue.accept(delivery(guid), "cancel", order).await.unwrap()
}

#[tokio::test]
async fn a_wish_to_stop_reaches_the_next_worker_and_the_one_at_work() {
    let Fixture { queue, dir: _dir, .. } = fixture(Duration::from_millis(300)).await;
    assert!(matches!(cancel(&queue, "a", "o/r#1").await, Receipt::Ignored(_)));
    let Receipt::Queued(session) = accept(&queue, "b", request("o/r", 1)).await else { panic!("not queued") };
    assert_eq!(cancel(&queue, "c", "o/r#1").await, Receipt::Cancelling(session));
    assert_eq!(cancel(&queue, "c", "o/r#1").await, Receipt::Duplicate);
    let lease = queue.lease().await.unwrap().unwrap();
    assert_eq!((lease.cancel(), lease.is_stopping()), (Some("alert 1 was fixed"), false));

    lease.go_on("another wish").await.unwrap();
    assert_eq!(lease.until_asked_to_stop().await.unwrap(), "alert 1 was fixed");
    lease.go_on("alert 1 was fixed").await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(250), lease.until_asked_to_stop()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(cancel(&queue, "d", "o/r#1").await, Receipt::Cancelling(session));
    assert_eq!(lease.until_asked_to_stop().await.unwrap(), "alert 1 was fixed");
}

#[tokio::test]
async fn a_request_that_comes_after_the_wish_to_stop_is_not_lost() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let Receipt::Queued(session) = accept(&queue, "a", request("o/r", 1)).await else { panic!("not queued") };
    let lease = queue.lease().await.unwrap().unwrap();
    cancel(&queue, "b", "o/r#1").await;
    // Before the worker has decided, the session goes on.
    assert_eq!(accept(&queue, "c", request("o/r", 1)).await, Receipt::Busy(session));
    assert!(!lease.stop().await.unwrap());
    // After that, there is another one.
    cancel(&queue, "d", "o/r#1").await;
    assert!(lease.stop().await.unwrap());
    let Receipt::Queued(next) = accept(&queue, "e", request("o/r", 1)).await else { panic!("not queued") };
    assert_ne!(next, session);
    assert_eq!(cancel(&queue, "f", "o/r#1").await, Receipt::Cancelling(next));
    lease.complete(Outcome::Cancelled, None).await.unwrap();
}
