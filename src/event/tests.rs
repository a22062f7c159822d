use serde_json::{Value, json};

use super::*;

fn body(action: &str, more: Value) -> Value {
    let mut body = json!({
        "action": action,
        "installation": { "id": 7 },
        "repository": { "id": 9, "full_name": "octo/app" },
        "sender": { "login": "ann", "id": 8, "type": "User" },
    });
    let Value::Object(more) = more else { panic!("no object") };
    body.as_object_mut().unwrap().extend(more);
    body
}

fn issue_body(action: &str) -> Value {
    body(
        action,
        json!({
            "issue": {
                "number": 3, "title": "Bump a to 2", "body": null, "state": "open",
                "labels": [{ "name": "bug" }, { "name": "agent:bump" }],
                "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:06Z",
            },
            "label": { "name": "agent:bump" },
        }),
    )
}

fn parsed(kind: &str, body: &Value) -> Event {
    parse(kind, body.to_string().as_bytes()).unwrap()
}

fn ann() -> Scene {
    let sender = Sender { login: "ann".into(), id: 8, is_bot: false };
    Scene { repo: "octo/app".parse().unwrap(), repo_id: 9, installation: 7, sender }
}

#[test]
fn labels_are_read_where_they_come_and_go() {
    let Event::Labeled(labeled) = parsed("issues", &issue_body("labeled")) else { panic!("ignored") };
    assert_eq!((&labeled.scene, labeled.number), (&ann(), 3));
    assert_eq!(
        (labeled.labels.as_slice(), labeled.is_pull, labeled.is_open),
        (["agent:bump".to_owned()].as_slice(), false, true)
    );
    assert_eq!(labeled.at.to_string(), "2026-01-02T03:04:06Z");
    let Event::Labeled(opened) = parsed("issues", &issue_body("opened")) else { panic!("ignored") };
    assert_eq!(opened.labels, ["bug", "agent:bump"]);
    let Event::Unlabeled(gone) = parsed("issues", &issue_body("unlabeled")) else { panic!("ignored") };
    assert_eq!((gone.scene, gone.number, gone.label.as_str()), (ann(), 3, "agent:bump"));
    let mut on_pull = issue_body("labeled");
    on_pull["pull_request"] = on_pull["issue"].take();
    let Event::Labeled(labeled) = parsed("pull_request", &on_pull) else { panic!("ignored") };
    assert!(labeled.is_pull);
    let mut closed = issue_body("labeled");
    closed["issue"]["state"] = json!("closed");
    let Event::Labeled(labeled) = parsed("issues", &closed) else { panic!("ignored") };
    assert!(!labeled.is_open);
}

#[test]
fn an_issue_ends_in_three_ways() {
    for (how, is_closed) in [("closed", true), ("deleted", false), ("transferred", false)] {
        let Event::IssueEnded(ended) = parsed("issues", &issue_body(how)) else { panic!("{how}") };
        assert_eq!((ended.how.as_str(), ended.is_closed(), ended.number), (how, is_closed, 3));
    }
}

#[test]
fn only_a_new_comment_is_read_and_says_where_it_is() {
    let comment = |action: &str, issue: Value| {
        let comment = json!({
            "id": 55, "body": "hi\r\n/agent stop", "created_at": "2026-01-02T03:04:05Z",
            "performed_via_github_app": { "id": 77 },
        });
        parsed("issue_comment", &body(action, json!({ "issue": issue, "comment": comment })))
    };
    let Event::Commented(said) = comment("created", json!({ "number": 3, "pull_request": {} })) else {
        panic!("ignored")
    };
    assert_eq!((said.number, said.is_pull, said.comment, said.via_app), (3, true, 55, Some(77)));
    assert_eq!(said.body, "hi\r\n/agent stop");
    let Event::Commented(said) = comment("created", json!({ "number": 3 })) else { panic!("ignored") };
    assert!(!said.is_pull);
    for action in ["edited", "deleted"] {
        assert!(matches!(comment(action, json!({ "number": 3 })), Event::Ignored { .. }), "{action}");
    }
}

#[test]
fn only_a_review_that_requests_changes_is_one() {
    let sha = "a".repeat(40);
    let review = |action: &str, state: &str, kind: &str| {
        let more = json!({
            "review": { "id": 4, "state": state, "body": null, "commit_id": sha, "submitted_at": "2026-01-02T03:04:05Z" },
            "pull_request": { "number": 2, "user": { "login": "x", "id": 1, "type": kind }, "head": { "sha": "b".repeat(40) } },
        });
        parsed("pull_request_review", &body(action, more))
    };
    for state in ["changes_requested", "CHANGES_REQUESTED"] {
        let Event::Reviewed(reviewed) = review("submitted", state, "Bot") else { panic!("{state}") };
        assert_eq!((reviewed.number, reviewed.review, reviewed.of_a_bot), (2, 4, true));
        assert_eq!(reviewed.head.as_str(), sha);
    }
    let Event::Reviewed(reviewed) = review("submitted", "changes_requested", "User") else {
        panic!("ignored")
    };
    assert!(!reviewed.of_a_bot);
    assert!(matches!(review("submitted", "commented", "Bot"), Event::Unfit(_)));
    assert!(matches!(review("dismissed", "changes_requested", "Bot"), Event::Ignored { .. }));
}

#[test]
fn checks_are_read_with_the_pull_request_of_this_repository() {
    let pulls = json!([
        { "number": 1, "base": { "repo": { "id": 1 } } }, { "number": 2, "base": { "repo": { "id": 9 } } },
    ]);
    let check = json!({
        "head_sha": "a".repeat(40), "head_branch": "dependabot/npm/ms", "external_id": "S/verify", "conclusion": "failure",
        "started_at": "2026-01-02T03:04:05Z", "completed_at": "2026-01-02T03:04:06Z",
        "updated_at": "2026-01-02T03:04:07Z", "app": { "id": 77 }, "pull_requests": pulls,
    });
    let run = |action: &str, more: Value| {
        let mut body = body(action, json!({ "check_run": check }));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        parsed("check_run", &body)
    };
    let Event::CheckAsked(asked) = run("rerequested", json!({})) else { panic!("ignored") };
    assert_eq!(
        (asked.number, asked.app, asked.external_id.as_deref()),
        (Some(2), Some(77), Some("S/verify"))
    );
    assert_eq!((asked.at.to_string().as_str(), &asked.asked), ("2026-01-02T03:04:06Z", &Asked::Rerun));
    let pressed = run("requested_action", json!({ "requested_action": { "identifier": "stop" } }));
    let Event::CheckAsked(asked) = pressed else { panic!("ignored") };
    assert_eq!(asked.asked, Asked::Button("stop".into()));
    assert!(matches!(run("completed", json!({})), Event::Ignored { .. }));

    let suite = |action: &str, change: &dyn Fn(&mut Value)| {
        let mut body = body(action, json!({ "check_suite": check }));
        change(&mut body["check_suite"]);
        parsed("check_suite", &body)
    };
    let Event::CheckAsked(asked) = suite("rerequested", &|_suite| {}) else { panic!("ignored") };
    assert_eq!((asked.number, asked.external_id, asked.asked), (Some(2), None, Asked::Rerun));
    let Event::SuiteRed(red) = suite("completed", &|_suite| {}) else { panic!("ignored") };
    assert_eq!((red.number, red.branch.as_str(), red.app), (2, "dependabot/npm/ms", Some(77)));
    assert!(matches!(suite("completed", &|suite| suite["conclusion"] = json!("success")), Event::Unfit(_)));
    assert!(matches!(suite("completed", &|suite| suite["pull_requests"] = json!(null)), Event::Unfit(_)));
}

#[test]
fn places_come_go_and_change_their_names() {
    let gone = |kind: &str, action: &str, more: Value| match parsed(kind, &body(action, more)) {
        Event::Gone(gone) => (gone.installation, gone.repositories, gone.why),
        other => panic!("{other:?}"),
    };
    let none = json!({});
    assert_eq!(
        gone("installation", "deleted", none.clone()),
        (7, None, "the App was uninstalled by ann".into())
    );
    assert_eq!(
        gone("installation", "suspend", none.clone()),
        (7, None, "the App was suspended by ann".into())
    );
    let removed = json!({ "repositories_removed": [{ "id": 4 }, { "id": 5 }] });
    assert_eq!(gone("installation_repositories", "removed", removed).1, Some(vec![4, 5]));
    for (action, why) in
        [("archived", "the repository was archived by ann"), ("deleted", "the repository was deleted by ann")]
    {
        assert_eq!(gone("repository", action, none.clone()), (7, Some(vec![9]), why.into()));
    }
    for action in ["renamed", "transferred"] {
        let moved = Moved { repo_id: 9, to: "octo/app".parse().unwrap(), installation: Some(7) };
        assert_eq!(parsed("repository", &body(action, none.clone())), Event::Moved(moved));
    }
    for (kind, action) in [
        ("installation", "created"),
        ("installation", "unsuspend"),
        ("installation", "new_permissions_accepted"),
        ("installation_repositories", "added"),
        // Nothing removed is not all removed.
        ("installation_repositories", "removed"),
        ("installation_target", "renamed"),
    ] {
        assert!(matches!(parsed(kind, &body(action, none.clone())), Event::Unfit(_)), "{kind} {action}");
    }
}

#[test]
fn a_close_says_whose_it_was() {
    let closed = |merged: bool, kind: &str| {
        let mut body = body(
            "closed",
            json!({ "pull_request": {
                "number": 2, "html_url": "https://x/o/r/pull/2", "merged": merged, "closed_at": "2026-01-02T03:04:05Z",
            } }),
        );
        body["sender"]["type"] = json!(kind);
        match parsed("pull_request", &body) {
            Event::PullClosed(closed) => closed,
            other => panic!("{other:?}"),
        }
    };
    let merged = closed(true, "User");
    assert_eq!(
        (merged.url.as_str(), merged.by.is_bot, merged.at.to_string().as_str()),
        ("https://x/o/r/pull/2", false, "2026-01-02T03:04:05Z")
    );
    assert_eq!(
        (merged.subject().as_str(), merged.how().as_str()),
        ("id:9#2", "the pull request was merged by ann")
    );
    assert!(closed(false, "Bot").by.is_bot);
}

#[test]
fn whoever_is_no_person_is_a_bot() {
    for (login, kind, is_bot) in [
        ("ann", json!("User"), false),
        ("ann", json!(null), false),
        ("x[bot]", json!("Bot"), true),
        ("x[bot]", json!(null), true),
        ("github", json!("Organization"), true),
        ("Copilot", json!("Bot"), true),
        ("x", json!("Robot2"), true),
    ] {
        let mut body = issue_body("labeled");
        body["sender"] = json!({ "login": login, "id": 8, "type": kind });
        let Event::Labeled(labeled) = parsed("issues", &body) else { panic!("ignored") };
        assert_eq!(labeled.scene.sender.is_bot, is_bot, "{login} {kind}");
    }
}

#[test]
fn everything_else_is_ignored_by_name() {
    for (kind, action) in [("issues", "labeled"), ("issues", "closed"), ("repository", "renamed")] {
        let mut without = issue_body(action);
        without.as_object_mut().unwrap().remove("installation");
        assert!(matches!(parsed(kind, &without), Event::Ignored { .. }), "{kind} {action}");
    }
    let mut unnamed = issue_body("labeled");
    unnamed.as_object_mut().unwrap().remove("label");
    for (kind, body) in [
        ("issues", unnamed),
        ("issues", issue_body("edited")),
        ("push", json!({})),
        ("star", json!({ "action": "created" })),
    ] {
        assert!(matches!(parsed(kind, &body), Event::Ignored { .. }), "{kind}");
    }
    assert_eq!(parsed("ping", &json!({ "zen": "x" })), Event::Ping);
}

#[test]
fn a_body_that_is_not_its_event_is_malformed() {
    assert!(parse("issues", b"{").is_err());
    let mut hostile = issue_body("labeled");
    hostile["repository"]["full_name"] = json!("../../etc");
    assert!(parse("issues", hostile.to_string().as_bytes()).is_err());
}

#[test]
fn long_texts_are_cut_and_hidden_characters_go() {
    let mut long = issue_body("labeled");
    long["issue"]["body"] = json!("é".repeat(TEXT));
    long["issue"]["title"] = json!(format!("a\u{202e}b\u{1b}[31mc{}", "x".repeat(2 * NAME)));
    let Event::Labeled(labeled) = parsed("issues", &long) else { panic!("ignored") };
    assert!(labeled.body.len() <= TEXT && labeled.title.len() <= NAME + 3);
    assert!(labeled.title.starts_with("abcx"));
}
