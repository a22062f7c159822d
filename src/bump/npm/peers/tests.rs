use serde_json::json;

use super::super::tests::{Registry, around, bump, planned, repository, said, written};
use super::*;
use crate::outcome::Outcome;

fn peers(peers: serde_json::Value) -> serde_json::Value {
    json!({ "peerDependencies": peers })
}

fn files() -> crate::bump::edit::Texts {
    repository(
        &json!({ "dependencies": { "react": "^17.0.0", "table": "^1.0.0" } }),
        &[("react", "17.0.0", json!({})), ("table", "1.0.0", peers(json!({ "react": "^16 || ^17" })))],
    )
}

fn react() -> Registry {
    Registry::default().plain("react", &["17.0.0", "18.0.0"])
}

#[test]
fn who_wants_the_old_version_moves_to_its_lowest_that_allows_the_new_one() {
    let registry = react().with(
        "table",
        &[
            ("1.0.0", peers(json!({ "react": "^16 || ^17" }))),
            ("1.1.0", peers(json!({ "react": "^17" }))),
            ("1.2.0", peers(json!({ "react": ">=17" }))),
            ("2.0.0", peers(json!({ "react": "^18" }))),
        ],
    );
    let plan = planned(&bump("react"), &files(), &registry).unwrap();
    assert_eq!(said(&plan), ["react 17.0.0 18.0.0", "table 1.0.0 1.2.0"]);
    assert_eq!(plan.resolved.others[0].why, "its peer range");
}

#[test]
fn a_major_is_crossed_when_nothing_else_fits_and_without_one_the_bump_is_blocked() {
    let old = ("1.0.0", peers(json!({ "react": "^16 || ^17" })));
    let registry = react().with("table", &[old.clone(), ("2.0.0", peers(json!({ "react": "^18" })))]);
    let plan = planned(&bump("react"), &files(), &registry).unwrap();
    assert_eq!(said(&plan), ["react 17.0.0 18.0.0", "table 1.0.0 2.0.0"]);
    assert_eq!(written(&plan, "package.json", "/dependencies/table"), "^2.0.0");
    let failure = planned(&bump("react"), &files(), &react().with("table", &[old])).unwrap_err();
    assert_eq!(failure.outcome(), Outcome::BlockedByParent);
    let words = "blocked by table 1.0.0 (latest 1.0.0), which needs peer react ^16 || ^17";
    assert!(failure.public().contains(words), "{}", failure.public());
}

#[test]
fn a_peer_that_the_new_version_needs_moves_along() {
    let files = repository(
        &json!({ "dependencies": { "react": "^17.0.0", "dom": "^17.0.0" } }),
        &[("react", "17.0.0", json!({})), ("dom", "17.0.0", peers(json!({ "react": "17.0.0" })))],
    );
    let registry = react().with(
        "dom",
        &[("17.0.0", peers(json!({ "react": "17.0.0" }))), ("18.0.0", peers(json!({ "react": "^18.0.0" })))],
    );
    let plan = planned(&bump("dom"), &files, &registry).unwrap();
    assert_eq!(said(&plan), ["dom 17.0.0 18.0.0", "react 17.0.0 18.0.0"]);
    assert_eq!(written(&plan, "package.json", "/dependencies/react"), "^18.0.0");
}

#[test]
fn what_was_broken_before_is_left_alone() {
    let files = repository(
        &json!({ "dependencies": { "react": "^17.0.0", "table": "^1.0.0" } }),
        &[("react", "17.0.0", json!({})), ("table", "1.0.0", peers(json!({ "react": "^15" })))],
    );
    let plan = planned(&bump("react"), &files, &react()).unwrap();
    assert_eq!(said(&plan), ["react 17.0.0 18.0.0"]);
}

#[test]
fn a_conflict_that_the_manager_reports_is_answered_the_same_way() {
    // The lockfile does not know this peer: only the package manager does.
    let files = repository(
        &json!({ "dependencies": { "react": "^17.0.0", "table": "^1.0.0" } }),
        &[("react", "17.0.0", json!({})), ("table", "1.0.0", json!({}))],
    );
    let registry = react().with(
        "table",
        &[("1.0.0", peers(json!({ "react": "^17" }))), ("1.1.0", peers(json!({ "react": "^18" })))],
    );
    for range in ["^17", ""] {
        let conflict = Conflict {
            package: "react".into(),
            range: range.into(),
            required_by: "table".into(),
            required_by_version: "1.0.0".into(),
            found: Some("18.0.0".into()),
        };
        let plan = around(&bump("react"), &files, &registry, std::slice::from_ref(&conflict)).unwrap();
        assert_eq!(said(&plan), ["react 17.0.0 18.0.0", "table 1.0.0 1.1.0"]);
        let failure = around(&bump("react"), &files, &registry, &vec![conflict; 7]).unwrap_err();
        assert_eq!(failure.outcome(), Outcome::BlockedByParent);
    }
}
