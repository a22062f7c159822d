use serde_json::json;

use super::super::testing::{Small, repo};
use super::super::{Annotation, CheckRun, CheckState, Level, NewPull, Note, Reaction};
use super::*;
use crate::failure::Kind;

#[tokio::test]
async fn a_list_is_followed_by_githubs_own_links() {
    let (small, github, address) = Small::start().await;
    let comments = "GET /repos/octo/hello/issues/1/comments";
    let link = |page| {
        vec![("link", format!("<{address}/repositories/99/x?per_page=100&page={page}>; rel=\"next\""))]
    };
    let ours = json!([{ "id": 8, "body": "<!-- m -->", "user": { "type": "Bot" }, "performed_via_github_app": { "id": 777 } }]);
    let others = json!([
        { "id": 1, "body": "<!-- m -->", "user": { "type": "User" } },
        { "id": 2, "body": "<!-- m -->", "user": { "type": "Bot" }, "performed_via_github_app": { "id": 1 } },
    ]);
    small.tell_with(comments, (200, link(2), others));
    small.tell_with(comments, (200, link(3), json!([])));
    small.tell(comments, 200, ours);
    let found = github.reporter(&repo()).await.unwrap().find_comment(1, "<!-- m -->").await.unwrap();
    assert_eq!(found, Some(8));
    assert_eq!(
        small.lines(),
        [
            format!("{comments}?per_page=100"),
            format!("{comments}?per_page=100&page=2"),
            format!("{comments}?per_page=100&page=3"),
        ]
    );
}

#[tokio::test]
async fn what_may_have_been_made_is_looked_for_before_it_is_made_again() {
    let (small, github, _) = Small::start().await;
    let comments = "/repos/octo/hello/issues/1/comments";
    small.tell("GET /repos/octo/hello/issues/1/comments", 200, json!([]));
    small.tell("POST /repos/octo/hello/issues/1/comments", 502, json!({}));
    let made = json!([{ "id": 5, "body": "m", "user": { "type": "Bot" } }]);
    small.tell("GET /repos/octo/hello/issues/1/comments", 200, made);
    let id = github.reporter(&repo()).await.unwrap().ensure_comment(1, "m", "m").await.unwrap();
    assert_eq!(id, 5);
    let lines = small.lines();
    assert_eq!(lines.iter().filter(|line| **line == format!("POST {comments}")).count(), 1);
}

#[tokio::test]
async fn a_no_says_what_to_do_about_it() {
    let integration = json!({ "message": "Resource not accessible by integration" });
    let wants = vec![("x-accepted-github-permissions", "issues=write; pull_requests=write".to_owned())];
    let told = [
        (403, wants, integration.clone(), "accept the permission issues: write; pull_requests: write"),
        (
            403,
            vec![],
            integration,
            "accept the permissions issues: write, metadata: read, pull_requests: write",
        ),
        (403, vec![], json!({ "message": "This installation has been suspended" }), "is suspended"),
        (403, vec![], json!({ "message": "Issues are locked" }), "GitHub forbids it"),
        (404, vec![], json!({ "message": "Not Found" }), "may not see it"),
    ];
    for (status, headers, body, why) in told {
        let (small, github, _) = Small::start().await;
        small.tell_with("POST /repos/octo/hello/issues/comments/3/reactions", (status, headers, body));
        let reporter = github.reporter(&repo()).await.unwrap();
        let failure = reporter.react(Note::Comment(3), Reaction::Eyes).await.unwrap_err();
        assert_eq!(failure.kind(), Kind::UserFault, "{failure}");
        assert!(failure.public().contains(why), "{failure}");
    }
}

#[tokio::test]
async fn a_rule_of_the_repository_has_its_own_outcome_and_is_not_tried_again() {
    for status in [403, 409, 422] {
        let (small, github, _) = Small::start().await;
        let said = "Repository rule violations found. Commits must have verified signatures.";
        small.tell("POST /repos/octo/hello/git/refs", status, json!({ "message": said }));
        let ticket = github.write_token(&repo()).await.unwrap();
        let writer = github.writer(&ticket, &repo()).unwrap();
        let failure = writer.post("/git/refs", &json!({})).await.unwrap_err();
        assert_eq!((failure.kind(), failure.outcome()), (Kind::UserFault, Outcome::SignatureRequired));
        assert_eq!(small.lines().len(), 1);
    }
}

fn run<'a>(state: CheckState, annotations: &'a [Annotation]) -> CheckRun<'a> {
    CheckRun {
        name: "agent / verify",
        sha: "7638417db6d59f3c431d3e1f261cc637155684cd",
        external_id: "S/verify",
        details_url: "https://h.test/sessions/S",
        state,
        title: "Title",
        summary: "Summary",
        text: "",
        annotations,
        actions: &[],
    }
}

fn remarks(many: usize) -> Vec<Annotation> {
    (1..=many)
        .map(|line| Annotation {
            path: "a.js".to_owned(),
            start_line: line as u64,
            end_line: line as u64,
            level: Level::Warning,
            title: format!("Remark {line}"),
            message: "m".to_owned(),
        })
        .collect()
}

fn sent(small: &Small) -> Vec<(String, Vec<String>)> {
    let asked = small.asked().into_iter().filter(|asked| !asked.line.starts_with("GET"));
    asked
        .map(|asked| {
            let list = asked.body.pointer("/output/annotations").and_then(Value::as_array).cloned();
            let titles =
                list.unwrap_or_default().into_iter().map(|one| one["title"].as_str().unwrap().to_owned());
            (asked.line, titles.collect())
        })
        .collect()
}

const LIST: &str = "GET /repos/octo/hello/commits/7638417db6d59f3c431d3e1f261cc637155684cd/check-runs";

#[tokio::test]
async fn annotations_go_out_fifty_at_a_time_and_each_once() {
    let (small, github, _) = Small::start().await;
    let remarks = remarks(120);
    small.tell(LIST, 200, json!({ "total_count": 0, "check_runs": [] }));
    small.tell("POST /repos/octo/hello/check-runs", 201, json!({ "id": 9 }));
    small.tell("PATCH /repos/octo/hello/check-runs/9", 200, json!({ "id": 9 }));
    small.tell("PATCH /repos/octo/hello/check-runs/9", 200, json!({ "id": 9 }));
    let checker = github.checker(&repo()).await.unwrap();
    assert_eq!(checker.ensure_check(&run(CheckState::Completed("failure"), &remarks)).await.unwrap(), 9);
    let sizes: Vec<usize> = sent(&small).iter().map(|(_, titles)| titles.len()).collect();
    assert_eq!(sizes, [50, 50, 20]);
    let mut all: Vec<String> = sent(&small).into_iter().flat_map(|(_, titles)| titles).collect();
    all.dedup();
    assert_eq!(all.len(), 120);
    assert_eq!(all.last().unwrap(), "Remark 120");
}

#[tokio::test]
async fn a_check_run_that_is_there_is_brought_on_and_not_made_again() {
    let (small, github, _) = Small::start().await;
    let known = |id: u64, status: &str, conclusion: Value, count: u64| {
        json!({
            "id": id, "name": "agent / verify", "external_id": "S/verify", "status": status,
            "conclusion": conclusion,
            "output": { "title": "Title", "summary": "Summary", "text": null, "annotations_count": count },
        })
    };
    let other = json!({ "id": 99, "name": "agent / verify", "external_id": "T/verify", "status": "queued" });
    let list = |runs: Vec<Value>| json!({ "total_count": runs.len(), "check_runs": runs });
    let checker = github.checker(&repo()).await.unwrap();
    // The newest of ours, half annotated by a run that was cut short.
    small.tell(
        LIST,
        200,
        list(vec![known(3, "completed", json!("success"), 0), known(4, "queued", Value::Null, 50), other]),
    );
    small.tell("PATCH /repos/octo/hello/check-runs/4", 200, json!({ "id": 4 }));
    small.tell("PATCH /repos/octo/hello/check-runs/4", 200, json!({ "id": 4 }));
    let remarks = remarks(60);
    let wanted = run(CheckState::Completed("failure"), &remarks);
    assert_eq!(checker.ensure_check(&wanted).await.unwrap(), 4);
    let made = sent(&small);
    assert_eq!(made.len(), 2);
    assert_eq!(made[0].1.len(), 0);
    assert_eq!(made[1].1.first().unwrap(), "Remark 51");
    assert_eq!(made[1].1.len(), 10);
    // Nothing to do.
    small.tell(LIST, 200, list(vec![known(4, "completed", json!("failure"), 60)]));
    assert_eq!(checker.ensure_check(&wanted).await.unwrap(), 4);
    assert_eq!(sent(&small).len(), 2);
}

#[tokio::test]
async fn a_draft_is_opened_as_usual_where_there_are_none() {
    let (small, github, _) = Small::start().await;
    let no = json!({ "message": "Draft pull requests are not supported in this repository." });
    small.tell("POST /repos/octo/hello/pulls", 422, no);
    let made = json!({ "number": 2, "html_url": "https://h.test/2", "body": "b" });
    small.tell("POST /repos/octo/hello/pulls", 201, made);
    let ticket = github.write_token(&repo()).await.unwrap();
    let writer = github.writer(&ticket, &repo()).unwrap();
    let new = NewPull { branch: "agent/x", base: "main", title: "t", body: "b", draft: true };
    assert_eq!(writer.ensure_pull(&new).await.unwrap().number, 2);
    let drafts: Vec<Value> = small
        .asked()
        .iter()
        .filter(|asked| asked.line.starts_with("POST"))
        .map(|asked| asked.body["draft"].clone())
        .collect();
    assert_eq!(drafts, [json!(true), json!(false)]);
}

#[tokio::test]
async fn an_open_pull_request_is_found_by_its_own_branch_only() {
    let (small, github, _) = Small::start().await;
    let pulls = json!([
        { "number": 1, "html_url": "u1", "head": { "ref": "main" } },
        { "number": 2, "html_url": "u2", "head": { "ref": "agent/bump/a+b#1" } },
    ]);
    small.tell("GET /repos/octo/hello/pulls", 200, pulls);
    let found = github.reader(&repo()).await.unwrap().find_pull("agent/bump/a+b#1").await.unwrap();
    assert_eq!(found.unwrap().number, 2);
    assert_eq!(
        small.lines(),
        ["GET /repos/octo/hello/pulls?state=open&head=octo%3Aagent%2Fbump%2Fa%2Bb%231&per_page=100"]
    );
}

#[tokio::test]
async fn what_is_not_there_is_no_failure() {
    let (small, github, _) = Small::start().await;
    let reader = github.reader(&repo()).await.unwrap();
    small.tell("GET /repos/octo/hello/issues/1", 410, json!({ "message": "This issue was deleted" }));
    assert_eq!(reader.issue(1).await.unwrap(), None);
    small.tell("GET /repos/octo/hello/git/ref", 409, json!({ "message": "Git Repository is empty." }));
    assert_eq!(reader.branch_head("main").await.unwrap(), None);
    small.tell("GET /repos/octo/hello/git/ref", 409, json!({ "message": "Conflict" }));
    assert!(reader.branch_head("main").await.is_err());
}
