use serde_json::json;

use super::super::testing::{Small, repo};
use super::*;
use crate::failure::Kind;

fn claims(jwt: &str) -> Value {
    use base64::Engine as _;
    let part = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn the_apps_proof_allows_for_a_clock_that_is_behind() {
    let (_, github, _) = Small::start().await;
    let proof = github.0.key.proof(1_000_000).unwrap();
    assert_eq!(claims(proof.expose()), json!({ "iss": "777", "iat": 999_940, "exp": 1_000_540 }));
}

#[tokio::test]
async fn a_token_is_for_one_repository_by_number_and_for_one_purpose() {
    let (small, github, _) = Small::start().await;
    github.read_token(&repo()).await.unwrap();
    github.reporter(&repo()).await.unwrap();
    github.write_token(&Repository { id: 0, ..repo() }).await.unwrap();
    let bodies: Vec<Value> = small.minted().into_iter().map(|asked| asked.body).collect();
    assert_eq!(
        bodies,
        [
            json!({ "permissions": { "contents": "read", "metadata": "read" }, "repository_ids": [99] }),
            json!({
                "permissions": { "issues": "write", "metadata": "read", "pull_requests": "write" },
                "repository_ids": [99],
            }),
            json!({
                "permissions": {
                    "checks": "write", "contents": "write", "metadata": "read", "pull_requests": "write",
                },
                "repositories": ["hello"],
            }),
        ]
    );
    assert!(small.minted().iter().all(|asked| asked.line == "POST /app/installations/5/access_tokens"));
}

#[tokio::test]
async fn ten_who_need_a_token_get_the_same_one_of_any_length() {
    let (small, github, _) = Small::start().await;
    let repo = repo();
    let tokens = futures_util::future::join_all((0..10).map(|_| github.read_token(&repo))).await;
    let tokens: Vec<String> = tokens.into_iter().map(|token| token.unwrap().0.expose().to_owned()).collect();
    assert!(tokens.iter().all(|token| token.len() > 500 && Some(token) == tokens.first()));
    assert_eq!(small.minted().len(), 1);
}

#[tokio::test]
async fn a_token_that_github_refuses_is_dropped_and_made_again_once() {
    let (small, github, _) = Small::start().await;
    small.tell("GET /repos/octo/hello/issues/1", 401, json!({ "message": "Bad credentials" }));
    small.tell("GET /repos/octo/hello/issues/1", 200, json!({ "state": "open" }));
    let reader = github.reader(&repo()).await.unwrap();
    assert!(reader.issue(1).await.unwrap().unwrap().open);
    assert_eq!(small.minted().len(), 2);
    let asked = small.asked();
    assert_ne!(asked[0].header("authorization"), asked[1].header("authorization"));
    // It is not made again and again.
    for _ in 0..5 {
        small.tell("GET /repos/octo/hello/issues/2", 401, json!({ "message": "Bad credentials" }));
    }
    assert_eq!(reader.issue(2).await.unwrap_err().kind(), Kind::Transient);
    assert_eq!(small.minted().len(), 3);
}

#[tokio::test]
async fn the_tickets_token_is_dropped_too_so_that_the_next_one_is_new() {
    let (small, github, _) = Small::start().await;
    small.tell("GET /repos/octo/hello/pulls", 401, json!({ "message": "Bad credentials" }));
    let ticket = github.write_token(&repo()).await.unwrap();
    let writer = github.writer(&ticket, &repo()).unwrap();
    assert_eq!(writer.find_pull("agent/x").await.unwrap_err().kind(), Kind::Transient);
    let next = github.write_token(&repo()).await.unwrap();
    assert_ne!(ticket.0.expose(), next.0.expose());
}

#[tokio::test]
async fn why_there_is_no_token_is_said() {
    let said = [
        (401, "does not take the App's key"),
        (403, "suspended"),
        (404, "not installed there any more"),
        (422, "has not accepted all of: contents: read, metadata: read"),
    ];
    for (status, why) in said {
        let (small, github, _) = Small::start().await;
        small.tell("POST /app/installations/5/access_tokens", status, json!({ "message": "no" }));
        let failure = github.read_token(&repo()).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::UserFault);
        assert!(failure.public().contains(why), "{failure}");
    }
}
