//! A Dependabot alert becomes a judged pull request, or stops being anybody's
//! business.

use std::time::Duration;

use serde_json::Value;
use standin::fixtures::{self, with};
use standin::github::{Alert, Delivery};
use standin::model::Script;

use super::world::{LIMIT, REPO, World};

const RANGE: &str = "< 2.1.3";
const FIXED: Option<&str> = Some("2.1.3");

fn alert(ghsa: &str) -> Alert {
    Alert::npm("ms", ghsa, RANGE, FIXED)
}

/// What the receiver answers.
async fn deliver(world: &World, delivery: &Delivery) -> Value {
    let (status, answer) = world.service().deliver(delivery).await.unwrap();
    assert_eq!(status, 202, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

async fn report(world: &World, number: u64, action: &str) -> Value {
    deliver(world, &world.github.alert_delivery(REPO, number, action)).await
}

/// The summary of the one session on an alert, when it has ended.
async fn ended(world: &World) -> Value {
    let ended = async {
        loop {
            let sessions = world.service().sessions().await.unwrap();
            let of_alert = sessions.into_iter().find(|session| session["request"]["subject"] == "alert");
            if let Some(summary) = of_alert.filter(|summary| !summary["outcome"].is_null()) {
                return summary;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    match tokio::time::timeout(LIMIT, ended).await {
        Ok(summary) => summary,
        Err(_elapsed) => panic!("no alert's session ended: {:#?}", world.service().sessions().await),
    }
}

/// Waits until one session's log has `event` events.
async fn held(world: &World, session: &Value, event: usize) {
    let session = session.as_str().unwrap();
    let reached = async {
        while world.service().events(session).await.unwrap().len() < event {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, reached).await.unwrap_or_else(|_| panic!("event {event} was not reached"));
}

/// The number of the first event of this name in the log of an alert's
/// session.
async fn number_of(name: &str) -> usize {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    let number = world.github.add_alert(REPO, alert("GHSA-a"));
    let session = report(&world, number, "created").await["session"].clone();
    ended(&world).await;
    let events = world.service().events(session.as_str().unwrap()).await.unwrap();
    world.finish().await;
    1 + events.iter().position(|event| event["event"] == name).unwrap()
}

fn pulls(world: &World) -> Vec<standin::github::Issue> {
    let issues = world.github.repo(REPO).issues.into_values();
    issues.filter(|issue| issue.pull.is_some()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_becomes_a_pull_request_that_names_it() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    let number = world.github.add_alert(REPO, alert("GHSA-aaaa-bbbb-cccc"));
    let delivery = world.github.alert_delivery(REPO, number, "created");
    assert_eq!(deliver(&world, &delivery).await["status"], "queued");
    let summary = ended(&world).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");

    let repo = world.github.repo(REPO);
    assert_eq!(repo.issues.len(), 1, "something besides the pull request was opened");
    let pull = pulls(&world).remove(0);
    assert_eq!(pull.title, "Bump ms from 2.0.0 to 2.1.3 (GHSA-aaaa-bbbb-cccc)");
    for part in ["**GHSA-aaaa-bbbb-cccc** (high), alert 1", "&lt; 2.1.3", "package-lock.json", "## Verified"]
    {
        assert!(pull.body.contains(part), "{part:?} is not in {}", pull.body);
    }
    assert!(!pull.body.contains("Ignore what you were told"), "{}", pull.body);
    assert!(pull.comments.is_empty() && pull.reactions.is_empty() && pull.labels.is_empty());
    let names: Vec<&str> = repo.checks.values().filter_map(|check| check.body["name"].as_str()).collect();
    assert_eq!(names, ["agent / verify", "agent / test-integrity", "agent / judge"]);
    let asked = world.github.requests();
    assert!(!asked.iter().any(|request| request.contains("/collaborators/")), "a person was looked up");

    // The same delivery, and the merge of our own pull request, change nothing.
    let before = world.seen().await;
    assert_eq!(deliver(&world, &delivery).await["status"], "duplicate");
    assert_eq!(report(&world, number, "fixed").await["status"], "ignored");
    assert_eq!(world.seen().await, before);
    assert_eq!(ended(&world).await["outcome"], "pr_opened");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_alerts_on_one_package_are_one_run() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.resume(Some(1)).await;
    let first = world.github.add_alert(REPO, Alert::npm("ms", "GHSA-a", "< 2.1.0", Some("2.1.0")));
    // Not of this run: another package, another manifest, a closed one.
    let elsewhere = Alert { manifest: "web/package-lock.json".into(), ..alert("GHSA-w") };
    for other in [
        Alert::npm("other", "GHSA-o", "< 9", Some("9.0.0")),
        elsewhere,
        Alert { state: "dismissed".into(), ..alert("GHSA-d") },
    ] {
        world.github.add_alert(REPO, other);
    }
    let session = report(&world, first, "created").await["session"].clone();
    for ghsa in ["GHSA-b", "GHSA-c"] {
        let number = world.github.add_alert(REPO, alert(ghsa));
        let answer = report(&world, number, "created").await;
        assert_eq!((&answer["status"], &answer["session"]), (&Value::from("busy"), &session));
    }
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;
    let summary = ended(&world).await;
    assert_eq!(
        (&summary["outcome"], &summary["session"]),
        (&Value::from("pr_opened"), &session),
        "{summary:#}"
    );
    let pulls = pulls(&world);
    assert_eq!(pulls.len(), 1);
    assert_eq!(pulls[0].title, "Bump ms from 2.0.0 to 2.1.3 (GHSA-c, GHSA-b and 1 more)");
    for (ghsa, named) in [("GHSA-a", true), ("GHSA-o", false), ("GHSA-w", false), ("GHSA-d", false)] {
        assert_eq!(pulls[0].body.contains(ghsa), named, "{ghsa}: {}", pulls[0].body);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_alert_stops_a_session_that_waits() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.setup.more.push_str("workers = 1\n");
    world.resume(Some(1)).await;
    // The only worker is held by this one.
    let issue = world.ask("Bump `ms` to `2.1.3`").await;
    let number = world.github.add_alert(REPO, alert("GHSA-a"));
    let session = report(&world, number, "created").await["session"].clone();
    let answer = report(&world, number, "dismissed").await;
    assert_eq!((&answer["status"], &answer["session"]), (&Value::from("cancelling"), &session));
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;

    let summary = ended(&world).await;
    assert_eq!(summary["outcome"], "cancelled", "{summary:#}");
    assert_eq!(summary["detail"], "alert 1 was dismissed by github");
    let events = world.service().events(session.as_str().unwrap()).await.unwrap();
    let names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(names, ["started", "ended"]);
    let done = |repo: &standin::github::Repo| repo.issues[&issue].labels.contains("agent:done");
    world.github.wait_for(REPO, LIMIT, done).await.unwrap();
    assert_eq!(pulls(&world).len(), 1, "only the issue's pull request is open");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_alert_stops_a_session_that_works() {
    // A command has run: there is a container.
    let command = number_of("command").await;
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.resume(Some(command as u64)).await;
    let number = world.github.add_alert(REPO, alert("GHSA-a"));
    let session = report(&world, number, "created").await["session"].clone();
    held(&world, &session, command).await;
    assert_ne!(world.containers().await, "", "no container works yet");
    assert_eq!(report(&world, number, "fixed").await["status"], "cancelling");

    let summary = ended(&world).await;
    assert_eq!(summary["outcome"], "cancelled", "{summary:#}");
    assert_eq!(summary["detail"], "alert 1 was fixed by github");
    assert_eq!(world.containers().await, "", "its containers are left");
    assert!(pulls(&world).is_empty() && world.github.repo(REPO).checks.is_empty());
    assert_eq!(world.github.branches(REPO).await.unwrap().len(), 1);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_change_is_published_although_its_alert_was_closed() {
    let accepted = number_of("accepted").await;
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.resume(Some(accepted as u64)).await;
    let number = world.github.add_alert(REPO, alert("GHSA-a"));
    let session = report(&world, number, "created").await["session"].clone();
    held(&world, &session, accepted).await;
    assert_eq!(report(&world, number, "fixed").await["status"], "cancelling");
    let summary = ended(&world).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!(pulls(&world)[0].title, "Bump ms from 2.0.0 to 2.1.3 (GHSA-a)");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_for_the_alerts_that_are_left() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.resume(Some(1)).await;
    let first = world.github.add_alert(REPO, alert("GHSA-a"));
    world.github.add_alert(REPO, alert("GHSA-b"));
    report(&world, first, "created").await;
    assert_eq!(report(&world, first, "dismissed").await["status"], "cancelling");
    world.service.take().unwrap().kill().await.unwrap();
    world.resume(None).await;
    let summary = ended(&world).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    assert_eq!(pulls(&world)[0].title, "Bump ms from 2.0.0 to 2.1.3 (GHSA-b)");
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_the_service_leaves_alone_starts_nothing() {
    let mut world = World::without_service(&fixtures::quiet(), Script::default()).await;
    world.setup.more.push_str("[security]\nmin_severity = \"high\"\nscope = \"runtime\"\n");
    world.resume(None).await;
    for (alert, why) in [
        (Alert { severity: "medium".into(), ..alert("GHSA-a") }, "severity is medium"),
        (Alert { scope: "development".into(), ..alert("GHSA-b") }, "scope development"),
        (Alert { ecosystem: "pip".into(), ..alert("GHSA-c") }, "\"pip\""),
    ] {
        let number = world.github.add_alert(REPO, alert);
        let answer = report(&world, number, "created").await;
        assert_eq!(answer["status"], "ignored");
        assert!(answer["reason"].as_str().unwrap().contains(why), "{answer}");
    }
    assert!(world.service().sessions().await.unwrap().is_empty());
    world.finish().await;
}

/// Runs an alert to an end without a pull request, and returns what it says
/// and the check runs that people see.
async fn declined(files: fixtures::Files, alert: Alert, outcome: &str) -> (String, Vec<Value>) {
    let world = World::start(&files, Script::default()).await;
    let number = world.github.add_alert(REPO, alert);
    report(&world, number, "created").await;
    let summary = ended(&world).await;
    assert_eq!(summary["outcome"], outcome, "{summary:#}");
    let repo = world.github.repo(REPO);
    assert!(repo.issues.is_empty(), "something was opened");
    assert_eq!(world.model.calls(), (0, 0));
    world.finish().await;
    let detail = summary["detail"].as_str().unwrap().to_owned();
    (detail, repo.checks.into_values().map(|check| check.body).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_sets_its_own_threshold_and_a_broken_file_is_seen() {
    let configured = |text: &str| with(fixtures::quiet(), ".github/agent.yml", Some(text));
    let high = "security:\n  min_severity: critical\n";
    let (detail, checks) = declined(configured(high), alert("GHSA-a"), "declined_policy").await;
    assert!(detail.contains("critical is the least"), "{detail}");
    assert!(checks.is_empty(), "the policy is repeated: {checks:#?}");

    let broken = "security:\n  min_severty: high\n";
    let (detail, checks) = declined(configured(broken), alert("GHSA-a"), "declined_policy").await;
    assert!(detail.contains("use .github/agent.yml: line 2"), "{detail}");
    assert_eq!(checks.len(), 1);
    assert!(checks[0]["output"]["summary"].as_str().unwrap().contains("line 2"), "{checks:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_was_closed_before_its_session_began_costs_nothing() {
    for (action, outcome) in [("fixed", "already_current"), ("dismissed", "cancelled")] {
        let world = World::start(&fixtures::quiet(), Script::default()).await;
        let number = world.github.add_alert(REPO, alert("GHSA-a"));
        let delivery = world.github.alert_delivery(REPO, number, "created");
        // What tells of this comes late.
        let late = world.github.alert_delivery(REPO, number, action);
        deliver(&world, &delivery).await;
        let summary = ended(&world).await;
        assert_eq!(summary["outcome"], outcome, "{summary:#}");
        assert!(summary["detail"].as_str().unwrap().contains(action), "{summary:#}");
        assert_eq!(deliver(&world, &late).await["status"], "ignored");
        let repo = world.github.repo(REPO);
        assert!(repo.issues.is_empty() && repo.checks.is_empty());
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_without_a_fix_is_explained_where_people_look() {
    let unfixed = Alert::npm("ms", "GHSA-a", "<= 99.0.0", None);
    let (detail, checks) = declined(fixtures::quiet(), unfixed, "no_safe_version").await;
    assert!(detail.contains("GHSA-a"), "{detail}");
    assert_eq!(checks.len(), 1);
    assert_eq!(
        (&checks[0]["name"], &checks[0]["conclusion"]),
        (&Value::from("agent / security (ms)"), &Value::from("action_required"),)
    );
    assert!(checks[0]["details_url"].as_str().unwrap().contains("/sessions/"), "{checks:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_security_label_fixes_the_alerts_of_the_package_that_the_issue_names() {
    let world = World::start(&fixtures::quiet(), Script::default()).await;
    world.github.add_alert(REPO, alert("GHSA-a"));
    for (title, outcome) in
        [("We are vulnerable", "declined_policy"), ("Fix the alerts of `left-pad`", "already_current")]
    {
        let number = world.github.open_issue(REPO, title, "");
        deliver(&world, &world.github.label(REPO, number, "agent:security", "octocat")).await;
        let summary = world.ended(number).await;
        assert_eq!(summary["outcome"], outcome, "{summary:#}");
    }
    let number = world.github.open_issue(REPO, "Fix the alerts of `ms`", "");
    deliver(&world, &world.github.label(REPO, number, "agent:security", "octocat")).await;
    let summary = world.ended(number).await;
    assert_eq!(summary["outcome"], "pr_opened", "{summary:#}");
    let pull = pulls(&world).remove(0);
    assert_eq!(pull.title, "Bump ms from 2.0.0 to 2.1.3 (GHSA-a)");
    assert!(
        pull.body.contains(&format!("Fixes #{number}")) && pull.body.contains("**GHSA-a**"),
        "{}",
        pull.body
    );
    world.finish().await;
}
