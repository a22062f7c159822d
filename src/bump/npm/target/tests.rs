use super::super::tests::{Registry, bump, planned, repository};
use super::*;
use serde_json::{Value, json};

/// The version chosen from `1.5.0`, or the outcome and its sentence.
fn choose_in(
    listing: &Value,
    from: &str,
    asked: Option<&str>,
    runtime: &Runtime,
) -> Result<String, (Outcome, String)> {
    let listing = Listing::read(listing.to_string().as_bytes(), true).unwrap();
    let version = parse_npm_version(from).unwrap();
    choose(&Current { package: "a", version: &version, runtime }, &listing, asked)
        .map(|choice| choice.version.to_string())
        .map_err(|failure| (failure.outcome(), failure.public().to_owned()))
}

fn node(major: u64) -> Runtime {
    Runtime::Node { major, engines: None }
}

#[test]
fn the_version_asked_for_is_taken_or_refused_with_the_reason() {
    let listing = json!({
        "dist-tags": { "latest": "2.1.0", "next": "3.0.0-rc.1" },
        "time": { "1.9.0": "then" },
        "versions": { "1.0.0": {}, "1.5.0": {}, "2.0.0": {}, "2.1.0": {}, "2.2.0": { "engines": { "node": ">=22" } },
            "2.0.1": { "deprecated": "broken build" }, "3.0.0-rc.1": {} } });
    let chosen = |asked: &str| choose_in(&listing, "1.5.0", Some(asked), &node(18));
    for (asked, version) in [
        ("2.0.0", "2.0.0"),
        ("v2.0.0", "2.0.0"),
        ("next", "3.0.0-rc.1"),
        ("latest", "2.1.0"),
        ("2.1", "2.1.0"),
        ("3.0.0-rc.1", "3.0.0-rc.1"),
    ] {
        assert_eq!(chosen(asked).unwrap(), version, "{asked}");
    }
    for (asked, outcome, words) in [
        ("1.5.0", Outcome::AlreadyCurrent, "1.5.0 is in place"),
        ("1.0.0", Outcome::DeclinedPolicy, "down from 1.5.0 to 1.0.0"),
        ("9.9.9", Outcome::NoSafeVersion, "find version 9.9.9"),
        ("banana", Outcome::NoSafeVersion, "find version banana"),
        ("1.9.0", Outcome::NoSafeVersion, "it was unpublished"),
        ("2.0.1", Outcome::NoSafeVersion, "its authors deprecated it (broken build)"),
        ("2.2.0", Outcome::DeclinedPolicy, "it needs Node >=22, this repository runs on 18"),
    ] {
        let (was, said) = chosen(asked).unwrap_err();
        assert!(was == outcome && said.contains(words), "{asked}: {was:?} {said}");
    }
}

#[test]
fn without_a_version_the_newest_that_fits_is_taken() {
    let versions = |latest: &str| {
        json!({ "dist-tags": { "latest": latest }, "versions": {
            "1.0.0": {}, "1.1.0": {}, "2.0.0": {}, "2.1.0": { "deprecated": "no" },
            "3.0.0": { "engines": { "node": ">=22" } }, "3.1.0-beta.1": {}, "3.1.0-beta.2": {}, "3.1.0-rc.1": {} } })
    };
    for (latest, from, major, to) in [
        ("3.0.0", "1.0.0", 22, Some("3.0.0")),
        ("3.0.0", "1.0.0", 18, Some("2.0.0")),
        ("2.0.0", "1.0.0", 22, Some("2.0.0")),
        // The latest one is too young to be in the list.
        ("9.0.0", "1.0.0", 22, Some("3.0.0")),
        // A pre-release as latest is no reason to take one.
        ("3.1.0-rc.1", "1.0.0", 22, Some("3.0.0")),
        ("3.0.0", "3.1.0-beta.1", 22, Some("3.1.0-beta.2")),
        ("3.0.0", "2.0.0", 18, None),
        ("1.1.0", "2.0.0", 22, None),
    ] {
        let chosen = choose_in(&versions(latest), from, None, &node(major));
        assert_eq!(chosen.ok().as_deref(), to, "{latest} {from} {major}");
    }
    let (outcome, said) = choose_in(&versions("3.0.0"), "2.0.0", None, &node(18)).unwrap_err();
    assert_eq!(outcome, Outcome::DeclinedPolicy);
    assert!(said.contains("3.0.0 needs Node >=22, this repository runs on 18"), "{said}");
}

#[test]
fn a_version_that_was_lowered_says_why() {
    let files = repository(&json!({ "dependencies": { "a": "^1.0.0" } }), &[("a", "1.0.0", json!({}))]);
    let newest = json!({ "engines": { "node": ">=99" } });
    let registry =
        Registry::default().with("a", &[("1.0.0", json!({})), ("1.1.0", json!({})), ("2.0.0", newest)]);
    let plan = planned(&bump("a"), &files, &registry).unwrap();
    assert_eq!(
        plan.resolved.reasons,
        ["a 2.0.0 needs Node >=99, this repository runs on 20.", "1.1.0 is the newest that runs here."]
    );
}
