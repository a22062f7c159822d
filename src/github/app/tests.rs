use serde_json::json;

use super::super::testing::{Small, repo};
use super::*;

fn attempt_of(id: u64, guid: &str, at: &str) -> Value {
    json!({ "id": id, "guid": guid, "delivered_at": at, "status_code": 502 })
}

#[tokio::test]
async fn a_delivery_is_lost_when_no_attempt_of_it_arrived() {
    let (small, github, address) = Small::start().await;
    let more = vec![(
        "link",
        format!("<{address}/app/hook/deliveries?status=failure&per_page=100&cursor=v1_9>; rel=\"next\""),
    )];
    let first = json!([
        attempt_of(9, "lost", "2026-01-02T00:09:00Z"),
        attempt_of(8, "later-fine", "2026-01-02T00:08:00Z"),
    ]);
    let second = json!([
        attempt_of(7, "lost", "2026-01-02T00:07:00Z"),
        attempt_of(6, "first", "2026-01-02T00:06:00Z"),
        attempt_of(5, "too-old", "2026-01-01T00:00:00Z"),
    ]);
    small.tell_with("GET /app/hook/deliveries?status=failure", (200, more.clone(), first));
    // It goes on, and yet nobody asks: what comes is older.
    small.tell_with("GET /app/hook/deliveries?status=failure&per_page=100&cursor=v1_9", (200, more, second));
    let fine = json!([attempt_of(10, "later-fine", "2026-01-02T00:10:00Z")]);
    small.tell("GET /app/hook/deliveries?status=success", 200, fine);
    let since = "2026-01-02T00:00:00Z".parse().unwrap();
    let lost = github.failed_deliveries(since).await.unwrap();
    let lost: Vec<(u64, &str)> = lost.iter().map(|lost| (lost.id, lost.guid.as_str())).collect();
    assert_eq!(lost, [(6, "first"), (9, "lost")]);
    assert_eq!(small.lines().len(), 3);
}

#[tokio::test]
async fn without_failures_nothing_more_is_asked() {
    let (small, github, _) = Small::start().await;
    small.tell("GET /app/hook/deliveries?status=failure", 200, json!([]));
    assert!(github.failed_deliveries(Timestamp::UNIX_EPOCH).await.unwrap().is_empty());
    assert_eq!(small.lines().len(), 1);
    small.tell("POST /app/hook/deliveries/6/attempts", 202, json!({}));
    github.redeliver(6).await.unwrap();
}

#[tokio::test]
async fn githubs_clock_is_read_even_when_it_refuses_the_key() {
    let (small, github, _) = Small::start().await;
    let date = vec![("date", "Thu, 01 Jan 2026 00:00:20 GMT".to_owned())];
    small.tell_with("GET /app", (401, date, json!({})));
    assert_eq!(github.clock().await.unwrap(), "2026-01-01T00:00:20Z".parse().unwrap());
}

#[tokio::test]
async fn a_repository_is_known_by_its_number_and_gone_when_there_is_no_access() {
    let (small, github, _) = Small::start().await;
    let now = json!({ "full_name": "new/name", "archived": true, "default_branch": "trunk" });
    small.tell("GET /repositories/99", 200, now);
    let found = github.repository(&repo()).await.unwrap().unwrap();
    assert_eq!(
        (found.name.to_string().as_str(), found.archived, found.default_branch.as_str()),
        ("new/name", true, "trunk")
    );
    assert_eq!(github.repository(&repo()).await.unwrap(), None);
    small.tell("POST /app/installations/6/access_tokens", 404, json!({}));
    let gone = Repository { installation: 6, ..repo() };
    assert_eq!(github.repository(&gone).await.unwrap(), None);
}

#[tokio::test]
async fn a_manifests_code_is_sent_without_any_proof() {
    let (small, _, address) = Small::start().await;
    let made = json!({
        "id": 3, "slug": "agent", "html_url": "https://h.test/apps/agent", "owner": { "login": "octo" },
        "client_id": "Iv1", "client_secret": "cs", "webhook_secret": "ws", "pem": "PEM",
    });
    small.tell("POST /app-manifests/a%2Fb/conversions", 201, made);
    let app = convert_manifest(&address, "a/b").await.unwrap();
    assert_eq!((app.id, app.owner.as_str(), app.pem.expose()), (3, "octo", "PEM"));
    assert_eq!(small.asked()[0].header("authorization"), "");
    assert!(format!("{app:?}").contains("[secret]"));
    assert!(convert_manifest(&address, "used").await.is_err());
}

#[tokio::test]
async fn the_app_and_its_places_are_read() {
    let (small, github, _) = Small::start().await;
    let app = json!({
        "id": 777, "slug": "agent", "name": "Agent", "owner": { "login": "octo" },
        "permissions": { "issues": "write" }, "events": ["issues"],
    });
    small.tell("GET /app", 200, app);
    let now = github.app().await.unwrap();
    assert_eq!(
        (now.id, now.owner.as_str(), now.events.as_slice()),
        (777, "octo", &["issues".to_owned()][..])
    );
    assert_eq!(now.permissions.get("issues").map(String::as_str), Some("write"));
    let places = json!([
        { "id": 5, "account": { "login": "octo" }, "suspended_at": null, "permissions": { "checks": "read" }, "events": [] },
        { "id": 6, "account": { "login": "hub" }, "suspended_at": "2026-01-01T00:00:00Z" },
    ]);
    small.tell("GET /app/installations", 200, places);
    let places = github.installations().await.unwrap();
    let seen: Vec<_> =
        places.iter().map(|place| (place.id, place.account.as_str(), place.suspended)).collect();
    assert_eq!(seen, [(5, "octo", false), (6, "hub", true)]);
    small.tell("GET /app/hook/config", 200, json!({ "url": "https://h.test/hook" }));
    assert_eq!(github.hook_config().await.unwrap().url, "https://h.test/hook");
}
