use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::super::testing::{Small, repo};
use super::*;
use crate::failure::Kind;

fn answer(status: u16, headers: &[(&str, &str)], message: &str) -> Answer {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    Answer { status, headers, body: json!({ "message": message }), next: None }
}

fn wait(status: u16, headers: &[(&str, &str)], message: &str, strikes: u32) -> Option<u64> {
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    wait_after(&answer(status, headers, message), now, strikes).map(|wait| wait.as_secs())
}

#[test]
fn githubs_own_number_comes_before_every_other() {
    let reset = ("x-ratelimit-reset", "1767225630"); // half a minute from now
    let spent = ("x-ratelimit-remaining", "0");
    assert_eq!(wait(403, &[("retry-after", "7"), spent, reset], "", 0), Some(7));
    assert_eq!(wait(429, &[("retry-after", "7")], "", 3), Some(7));
    assert_eq!(wait(403, &[spent, reset], "API rate limit exceeded", 0), Some(31));
    // GitHub's clock counts, not ours.
    let date = ("date", "Thu, 01 Jan 2026 00:00:20 GMT");
    assert_eq!(wait(429, &[spent, reset, date], "", 0), Some(11));
    // A reset that is over.
    assert_eq!(wait(429, &[spent, ("x-ratelimit-reset", "1")], "", 0), Some(1));
    assert_eq!(wait(403, &[("retry-after", "999999")], "", 0), Some(3600));
}

#[test]
fn a_limit_without_a_number_is_a_minute_and_doubles() {
    let said = "You have exceeded a secondary rate limit.";
    let waits: Vec<_> = (0..8).map(|strikes| wait(403, &[], said, strikes).unwrap()).collect();
    assert_eq!(waits, [60, 120, 240, 480, 960, 1920, 3600, 3600]);
    assert_eq!(wait(429, &[], "", 0), Some(60));
    // Plenty is left, and yet it is the secondary limit.
    assert_eq!(wait(403, &[("x-ratelimit-remaining", "4000")], said, 0), Some(60));
}

#[test]
fn a_missing_permission_is_not_a_limit() {
    let left = [("x-ratelimit-remaining", "4999"), ("x-ratelimit-reset", "1767225630")];
    assert_eq!(wait(403, &left, "Resource not accessible by integration", 0), None);
    assert_eq!(wait(403, &[], "Resource not accessible by integration", 0), None);
    assert_eq!(wait(200, &[("x-ratelimit-remaining", "0")], "", 0), None);
    assert_eq!(wait(422, &[], "", 0), None);
}

#[test]
fn what_people_are_told_of_is_paced_and_the_rest_is_not() {
    let paced = [
        "/repos/o/r/issues/1/comments",
        "/repos/o/r/issues/comments/1",
        "/repos/o/r/pulls",
        "/repos/o/r/check-runs",
    ];
    let quick = [
        "/repos/o/r/issues/1/reactions",
        "/repos/o/r/issues/1/labels",
        "/repos/o/r/git/blobs",
        "/app/installations/5/access_tokens",
        "/app/hook/deliveries/1/attempts",
    ];
    for path in paced {
        assert!(makes_content(&Method::POST, path) && makes_content(&Method::PATCH, path), "{path}");
        assert!(!makes_content(&Method::GET, path), "{path}");
    }
    for path in quick {
        assert!(!makes_content(&Method::POST, path), "{path}");
    }
}

#[tokio::test]
async fn content_of_one_installation_is_made_one_at_a_time_with_a_pause() {
    let (small, github, _) = Small::start().await;
    for id in 1..=3 {
        small.tell("PATCH /repos/octo/hello/issues/comments/", 200, json!({ "id": id }));
    }
    small.tell("POST /repos/octo/hello/issues/1/reactions", 201, json!({ "id": 1 }));
    let reporter = github.reporter(&repo()).await.unwrap();
    let seen = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        reporter.react(super::super::Note::Issue(1), super::super::Reaction::Eyes).await
    };
    let (a, b, c, eyes) = tokio::join!(
        reporter.edit_comment(1, "a"),
        reporter.edit_comment(2, "b"),
        reporter.edit_comment(3, "c"),
        seen,
    );
    for edited in [a, b, c] {
        edited.unwrap();
    }
    eyes.unwrap();
    let asked = small.asked();
    let edits: Vec<_> = asked.iter().filter(|asked| asked.line.starts_with("PATCH")).collect();
    for two in edits.windows(2) {
        let apart = two[1].at - two[0].at;
        assert!(apart >= Duration::from_millis(150), "{apart:?}");
    }
    // A sign that somebody was heard does not stand in that queue.
    let position = asked.iter().position(|asked| asked.line.contains("reactions")).unwrap();
    assert!(position < asked.len() - 1, "{:?}", small.lines());
}

#[tokio::test]
async fn a_short_wait_is_slept_through_and_closes_the_whole_lane() {
    let (small, github, _) = Small::start().await;
    let limit = vec![("retry-after", "1".to_owned())];
    small.tell_with("POST /repos/octo/hello/check-runs", (403, limit, json!({ "message": "slow down" })));
    small.tell("POST /repos/octo/hello/check-runs", 201, json!({ "id": 3 }));
    let reader = github.reader(&repo()).await.unwrap();
    let run = super::super::CheckRun {
        name: "n",
        sha: "s",
        external_id: "e",
        details_url: "https://h.test",
        state: super::super::CheckState::Queued,
        title: "t",
        summary: "s",
        text: "",
        annotations: &[],
        actions: &[],
    };
    let other = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        reader.issue(1).await
    };
    let checker = github.checker(&repo()).await.unwrap();
    let (made, looked) = tokio::join!(checker.ensure_check(&run), other);
    assert_eq!(made.unwrap(), 3);
    assert_eq!(looked.unwrap(), None);
    let asked = small.asked();
    let posts: Vec<_> = asked.iter().filter(|asked| asked.line.starts_with("POST")).collect();
    let look = asked.iter().find(|asked| asked.line.ends_with("/issues/1")).unwrap();
    assert_eq!(posts.len(), 2);
    assert!(posts[1].at - posts[0].at >= Duration::from_millis(990));
    assert!(look.at - posts[0].at >= Duration::from_millis(990));
}

#[tokio::test]
async fn a_long_wait_is_the_callers_to_make() {
    let (small, github, _) = Small::start().await;
    let limit = vec![("retry-after", "600".to_owned())];
    small.tell_with("PATCH /repos/octo/hello/issues/comments/1", (429, limit, json!({})));
    let reporter = github.reporter(&repo()).await.unwrap();
    let failure = reporter.edit_comment(1, "a").await.unwrap_err();
    assert_eq!(failure.kind(), Kind::Transient);
    assert_eq!(failure.delay(), Some(Duration::from_secs(600)));
    // Nothing more is asked for this installation meanwhile.
    let failure = reporter.edit_comment(2, "b").await.unwrap_err();
    assert!(failure.delay().unwrap() > Duration::from_secs(590));
    assert_eq!(small.lines().len(), 1);
    // Another installation is not held up.
    let elsewhere = crate::ids::Repository { installation: 6, ..repo() };
    assert_eq!(github.reader(&elsewhere).await.unwrap().issue(1).await.unwrap(), None);
}

#[tokio::test]
async fn who_waits_for_a_turn_sees_that_the_lane_closed_meanwhile() {
    let (small, github, _) = Small::start().await;
    let limit = vec![("retry-after", "600".to_owned())];
    small.tell_with("PATCH /repos/octo/hello/issues/comments/", (403, limit, json!({})));
    let reporter = github.reporter(&repo()).await.unwrap();
    let (first, second) = tokio::join!(reporter.edit_comment(1, "a"), reporter.edit_comment(2, "b"));
    assert!(first.unwrap_err().delay().is_some() && second.unwrap_err().delay().is_some());
    assert_eq!(small.lines().len(), 1);
}
