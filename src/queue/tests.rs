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

async fn stop_for_a_fact(queue: &Queue, guid: &str, subject: &str) -> Receipt {
    let order = Order::Cancel { subject: subject.into(), why: "alert 1 was fixed".into(), by: None };
    queue.accept(delivery(guid), "cancel", order).await.unwrap()
}

#[tokio::test]
async fn a_wish_to_stop_reaches_the_next_worker_and_the_one_at_work() {
    let Fixture { queue, dir: _dir, .. } = fixture(Duration::from_millis(300)).await;
    assert!(matches!(stop_for_a_fact(&queue, "a", "o/r#1").await, Receipt::Ignored(_)));
    let Receipt::Queued(session) = accept(&queue, "b", request("o/r", 1)).await else { panic!("not queued") };
    assert_eq!(stop_for_a_fact(&queue, "c", "o/r#1").await, Receipt::Cancelling(session));
    assert_eq!(stop_for_a_fact(&queue, "c", "o/r#1").await, Receipt::Duplicate);
    let lease = queue.lease().await.unwrap().unwrap();
    let stop = Stop { why: "alert 1 was fixed".into(), word: Word::Fact };
    assert_eq!((lease.cancel(), lease.is_stopping()), (Some(&stop), false));

    lease.go_on("another wish").await.unwrap();
    assert_eq!(lease.until_asked_to_stop().await.unwrap(), stop);
    lease.go_on("alert 1 was fixed").await.unwrap();
    let quiet = tokio::time::timeout(Duration::from_millis(250), lease.until_asked_to_stop()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(stop_for_a_fact(&queue, "d", "o/r#1").await, Receipt::Cancelling(session));
    assert_eq!(lease.until_asked_to_stop().await.unwrap(), stop);
}

#[tokio::test]
async fn a_request_that_comes_after_the_wish_to_stop_is_not_lost() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let Receipt::Queued(session) = accept(&queue, "a", request("o/r", 1)).await else { panic!("not queued") };
    let lease = queue.lease().await.unwrap().unwrap();
    stop_for_a_fact(&queue, "b", "o/r#1").await;
    // Before the worker has decided, the session goes on.
    assert_eq!(accept(&queue, "c", request("o/r", 1)).await, Receipt::Busy(session));
    assert!(!lease.stop().await.unwrap());
    // After that, there is another one.
    stop_for_a_fact(&queue, "d", "o/r#1").await;
    assert!(lease.stop().await.unwrap());
    let Receipt::Queued(next) = accept(&queue, "e", request("o/r", 1)).await else { panic!("not queued") };
    assert_ne!(next, session);
    assert_eq!(stop_for_a_fact(&queue, "f", "o/r#1").await, Receipt::Cancelling(next));
    lease.complete(Outcome::Cancelled, None).await.unwrap();
}

fn wish(text: &str) -> crate::wish::Wish {
    use crate::wish::{Command, Sender, What, Wish};
    Wish {
        repo: "o/r".parse().unwrap(),
        repo_id: 9,
        installation: 1,
        number: Some(1),
        is_pull: false,
        sender: Sender { login: "ann".into(), id: 8, is_bot: false },
        at: jiff::Timestamp::UNIX_EPOCH,
        via: crate::change::Via::Comment { comment: 3, words: "/agent retry".into() },
        what: What::Command(Command::Retry { hint: Some(text.into()) }),
    }
}

async fn errand(queue: &Queue, lane: Lane) -> Option<ErrandLease> {
    queue.errand(lane).await.unwrap()
}

#[tokio::test]
async fn a_request_is_seen_once_however_often_it_is_delivered() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let Receipt::Queued(session) = accept(&queue, "a", request("o/r", 1)).await else { panic!("not queued") };
    accept(&queue, "a", request("o/r", 1)).await;
    let seen = errand(&queue, Lane::Signs).await.unwrap();
    assert_eq!(*seen.errand(), Errand::Seen { session, request: Box::new(request("o/r", 1)) });
    assert!(errand(&queue, Lane::All).await.is_none());
    seen.complete("seen").await.unwrap();
    assert!(errand(&queue, Lane::All).await.is_none());
    // Nobody talks below an alert.
    let alert = Subject::Alert {
        repo: "o/r".parse().unwrap(),
        repo_id: 9,
        installation: 1,
        number: 2,
        manifest: "package.json".into(),
        package: "ms".into(),
    };
    accept(&queue, "b", Request::new(alert, "security")).await;
    assert!(errand(&queue, Lane::All).await.is_none());
}

#[tokio::test]
async fn the_wishes_of_one_delivery_are_answered_in_their_order() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let order = Order::Ask(vec![wish("one"), wish("two")]);
    assert_eq!(queue.accept(delivery("a"), "ask", order).await.unwrap(), Receipt::Noted);
    let noted = errand(&queue, Lane::Signs).await.unwrap();
    assert!(matches!(noted.errand(), Errand::Noted(_)));
    assert!(errand(&queue, Lane::Signs).await.is_none(), "an answer is no sign");
    assert!(errand(&queue, Lane::All).await.is_none(), "the sign comes first");
    noted.complete("seen").await.unwrap();
    let first = errand(&queue, Lane::All).await.unwrap();
    assert_eq!(*first.errand(), Errand::Answer(Box::new(wish("one"))));
    assert!(errand(&queue, Lane::All).await.is_none());
    first.complete("said").await.unwrap();
    let second = errand(&queue, Lane::All).await.unwrap();
    assert_eq!(*second.errand(), Errand::Answer(Box::new(wish("two"))));
}

#[tokio::test]
async fn an_errand_of_a_dead_clerk_is_done_by_the_next_one() {
    let Fixture { queue, dir: _dir, .. } = fixture(Duration::from_millis(300)).await;
    accept(&queue, "a", request("o/r", 1)).await;
    let dead = errand(&queue, Lane::All).await.unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let next = errand(&queue, Lane::All).await.unwrap();
    assert_eq!(next.errand(), dead.errand());
    assert_eq!(dead.complete("late").await.unwrap_err().kind(), Kind::LeaseLost);
    let beating = tokio::time::timeout(Duration::from_millis(700), next.heartbeat()).await;
    assert!(beating.is_err(), "the heartbeat ended: {beating:?}");
    assert!(errand(&queue, Lane::All).await.is_none());
    next.complete("seen").await.unwrap();
}

#[tokio::test]
async fn the_retries_of_an_errand_are_counted() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    accept(&queue, "a", request("o/r", 1)).await;
    let lease = errand(&queue, Lane::All).await.unwrap();
    assert!(lease.retry(Duration::ZERO).await.unwrap().is_none());
    let lease = errand(&queue, Lane::All).await.unwrap();
    let used_up = lease.retry(Duration::ZERO).await.unwrap().unwrap();
    used_up.complete("could not").await.unwrap();
    assert!(errand(&queue, Lane::All).await.is_none());
}

#[tokio::test]
async fn an_errand_comes_to_one_job_or_is_told_who_has_the_subject() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let order = Order::Ask(vec![wish("one"), wish("two")]);
    queue.accept(delivery("a"), "ask", order).await.unwrap();
    errand(&queue, Lane::Signs).await.unwrap().complete("seen").await.unwrap();
    let lease = errand(&queue, Lane::All).await.unwrap();
    let Started::Queued(session) = lease.start(&request("o/r", 1), &[]).await.unwrap() else {
        panic!("busy")
    };
    assert_eq!(queue.job_of("o/r#1").await.unwrap().unwrap().session, session);
    // The second one is about another subject, and both are the same work.
    let lease = errand(&queue, Lane::All).await.unwrap();
    let others = ["o/r#1".to_owned()];
    let Started::Busy(busy, lease) = lease.start(&request("o/r", 2), &others).await.unwrap() else {
        panic!("queued")
    };
    assert_eq!(busy, session);
    lease.complete("busy").await.unwrap();
    assert!(queue.job_of("o/r#2").await.unwrap().is_none());
}

#[tokio::test]
async fn a_person_stops_a_session_at_once_and_a_free_clerk_ends_one_that_waits() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let Receipt::Queued(session) = accept(&queue, "a", request("o/r", 1)).await else { panic!("not queued") };
    let lease = queue.lease().await.unwrap().unwrap();
    // A beat of this lease is twenty seconds: the worker is told.
    let asked = tokio::join!(lease.until_asked_to_stop(), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        queue.cancel("o/r#1", "ann said stop", Word::Person).await.unwrap()
    });
    assert_eq!(asked.0.unwrap(), Stop { why: "ann said stop".into(), word: Word::Person });
    assert_eq!(asked.1, Some(session));
    errand(&queue, Lane::Signs).await.unwrap().complete("seen").await.unwrap();
    let settle = errand(&queue, Lane::All).await.unwrap();
    assert_eq!(*settle.errand(), Errand::Settle { session });
    assert_eq!(queue.cancel("o/r#2", "no such", Word::Person).await.unwrap(), None);
}

#[tokio::test]
async fn what_waits_in_a_moved_repository_goes_on_under_its_new_name() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let mut asked = request("o/old", 1);
    let Subject::Issue { repo_id, .. } = &mut asked.subject else { panic!("no issue") };
    *repo_id = 9;
    accept(&queue, "a", asked).await;
    let moved = |to: &str, installation| {
        Order::Moved(crate::wish::Moved { repo_id: 9, to: to.parse().unwrap(), installation })
    };
    queue.accept(delivery("b"), "moved", moved("o/new", None)).await.unwrap();
    let job = queue.job_of("id:9#1").await.unwrap().unwrap();
    let now = job.request.subject.on_github().unwrap();
    assert_eq!((now.name.to_string().as_str(), now.installation), ("o/new", 1));
    queue.accept(delivery("c"), "moved", moved("p/new", Some(5))).await.unwrap();
    let now = queue.lease().await.unwrap().unwrap().request().subject.on_github().unwrap();
    assert_eq!((now.name.to_string().as_str(), now.id, now.installation), ("p/new", 9, 5));
}

#[tokio::test]
async fn sessions_of_repositories_that_are_gone_are_asked_to_stop() {
    let Fixture { queue, dir: _dir, .. } = fixture(LONG).await;
    let in_repo = |id: u64, installation: u64, number: u64| {
        let mut asked = request("o/r", number);
        asked.subject = Subject::Issue {
            repo: "o/r".parse().unwrap(),
            repo_id: id,
            installation,
            number,
            sender: "ann".into(),
            sender_id: 0,
        };
        asked
    };
    for (guid, asked) in
        [("a", in_repo(7, 1, 1)), ("b", in_repo(8, 1, 1)), ("c", in_repo(9, 2, 1)), ("d", in_repo(8, 1, 2))]
    {
        accept(&queue, guid, asked).await;
    }
    let gone = |repositories| {
        Order::Gone(crate::wish::Gone { installation: 1, repositories, why: "it was archived".into() })
    };
    let stopped = async || {
        let mut stopped = Vec::new();
        while let Some(lease) = queue.lease().await.unwrap() {
            if lease.cancel().is_some_and(|stop| stop.word == Word::Gone) {
                stopped.push(lease.request().subject.key());
            }
            lease.complete(Outcome::Cancelled, None).await.unwrap();
        }
        stopped.sort();
        stopped
    };
    queue.accept(delivery("e"), "gone", gone(Some(vec![8]))).await.unwrap();
    assert_eq!(stopped().await, ["id:8#1", "id:8#2"]);
    accept(&queue, "f", in_repo(7, 1, 3)).await;
    accept(&queue, "g", in_repo(9, 2, 3)).await;
    queue.accept(delivery("h"), "gone", gone(None)).await.unwrap();
    assert_eq!(stopped().await, ["id:7#3"]);
}

#[tokio::test]
async fn a_full_queue_keeps_nothing_and_says_so() {
    let Fixture { queue, pool, dir: _dir } = fixture(LONG).await;
    // Somebody else writes, so the writer waits and its queue fills.
    let blocker = pool.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut waiting = JoinSet::new();
    for number in 0..WAITING + 200 {
        let queue = queue.clone();
        waiting.spawn(async move {
            let order = Order::Run(Box::new(request("o/r", number as u64)));
            queue.accept(delivery(&format!("g{number}")), "run", order).await
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    blocker.rollback().await.unwrap();
    let results = waiting.join_all().await;
    let (kept, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(!refused.is_empty(), "nothing was refused");
    for refusal in refused {
        assert_eq!(refusal.unwrap_err().kind(), Kind::Transient);
    }
    let stored: i64 =
        sqlx::query("SELECT count(*) AS n FROM deliveries").fetch_one(&pool).await.unwrap().get("n");
    assert_eq!(usize::try_from(stored).unwrap(), kept.len());
}
