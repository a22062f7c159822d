use serde_json::json;

use super::super::testing::{Small, repo};
use super::*;

#[test]
fn of_the_next_pages_address_only_the_query_counts() {
    let link = "<https://evil.test/x?a=1&before=q>; rel=\"prev\", <https://h.test/repos/o/r/dependabot/alerts?state=open&after=Y3%3D>; rel=\"next\"";
    assert_eq!(next_page(link).as_deref(), Some("state=open&after=Y3%3D"));
    for none in
        ["", "<https://h.test/x?a=1>; rel=\"prev\"", "<https://h.test/x>; rel=\"next\"", "rel=\"next\""]
    {
        assert_eq!(next_page(none), None, "{none}");
    }
}

#[test]
fn a_value_cannot_leave_its_place_in_an_address() {
    assert_eq!(escape("@scope/a.b-c"), "%40scope%2Fa.b-c");
    assert_eq!(escape("a&state=fixed#é"), "a%26state%3Dfixed%23%C3%A9");
    assert_eq!(escape_path("agent/bump/a?b"), "agent/bump/a%3Fb");
}

#[test]
fn few_answers_are_kept_and_the_oldest_goes_first() {
    let mut known = Known::default();
    let address = |number: usize| Url::parse(&format!("http://h.test/{number}")).unwrap();
    let fresh = || Fresh { etag: HeaderValue::from_static("x"), body: Arc::new(json!({})), next: None };
    for number in 0..=Known::MOST {
        known.keep(&address(number), fresh());
    }
    known.keep(&address(5), fresh());
    assert_eq!(known.0.len(), Known::MOST);
    assert!(known.find(&address(0)).is_none());
    assert!(known.find(&address(Known::MOST)).is_some());
}

#[tokio::test]
async fn every_request_says_what_it_speaks_and_who_it_is() {
    let (small, github, _) = Small::start().await;
    small.tell("GET /repos/octo/hello/issues/1", 200, json!({ "state": "open" }));
    github.reader(&repo()).await.unwrap().issue(1).await.unwrap();
    for asked in small.asked().into_iter().chain(small.minted()) {
        assert_eq!(asked.header("x-github-api-version"), "2022-11-28", "{}", asked.line);
        assert_eq!(asked.header("accept"), "application/vnd.github+json");
        assert!(asked.header("user-agent").starts_with("chaperone/"));
        assert!(asked.header("authorization").starts_with("Bearer "));
    }
}

#[tokio::test]
async fn a_renamed_repository_is_followed_with_method_body_and_token() {
    for status in [301, 307, 308] {
        let (small, github, address) = Small::start().await;
        let moved = vec![("location", format!("{address}/repositories/99/issues/1/comments"))];
        small.tell("GET /repos/octo/hello/issues/1/comments", 200, json!([]));
        small.tell_with("POST /repos/octo/hello/issues/1/comments", (status, moved, json!({})));
        small.tell("POST /repositories/99/issues/1/comments", 201, json!({ "id": 7 }));
        let reporter = github.reporter(&repo()).await.unwrap();
        let made = reporter.ensure_comment(1, "<!-- m -->", "<!-- m --> hello");
        assert_eq!(made.await.unwrap(), 7);
        let asked = small.asked();
        let last = asked.last().unwrap();
        assert_eq!(last.line, "POST /repositories/99/issues/1/comments");
        assert_eq!(last.body, json!({ "body": "<!-- m --> hello" }));
        assert_eq!(last.header("authorization"), asked.first().unwrap().header("authorization"));
    }
}

#[tokio::test]
async fn nothing_is_sent_to_another_host() {
    let (small, github, _) = Small::start().await;
    let (other, _, elsewhere) = Small::start().await;
    for _ in 0..3 {
        let moved = vec![("location", format!("{elsewhere}/repositories/99/issues/1"))];
        small.tell_with("GET /repos/octo/hello/issues/1", (301, moved, json!({})));
    }
    let failure = github.reader(&repo()).await.unwrap().issue(1).await.unwrap_err();
    assert!(failure.to_string().contains("another host"), "{failure}");
    assert!(other.lines().is_empty());
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let (small, github, _) = Small::start().await;
    for _ in 0..40 {
        let moved = vec![("location", "/repos/octo/hello/issues/1".to_owned())];
        small.tell_with("GET /repos/octo/hello/issues/1", (307, moved, json!({})));
    }
    assert!(github.reader(&repo()).await.unwrap().issue(1).await.is_err());
}

#[tokio::test]
async fn what_did_not_change_is_not_sent_again() {
    let (small, github, _) = Small::start().await;
    let mark = || vec![("etag", "W/\"abc\"".to_owned())];
    small
        .tell_with("GET /repos/octo/hello/issues/1", (200, mark(), json!({ "state": "open", "title": "T" })));
    small.tell_with("GET /repos/octo/hello/issues/1", (304, mark(), Value::Null));
    let reader = github.reader(&repo()).await.unwrap();
    let first = reader.issue(1).await.unwrap().unwrap();
    let second = reader.issue(1).await.unwrap().unwrap();
    assert_eq!((first.title.as_str(), &first), ("T", &second));
    let asked = small.asked();
    assert_eq!(asked[0].header("if-none-match"), "");
    assert_eq!(asked[1].header("if-none-match"), "W/\"abc\"");
}
