//! The rules of the house, read from the sources.

use std::path::{Path, PathBuf};

const VOCABULARY: [&str; 18] = [
    "ids", "change", "outcome", "failure", "clock", "secret", "text", "exec", "delivery", "event",
    "evidence", "record", "summary", "advisory", "packages", "runtime", "manager", "wish",
];
const ROOMS: [&str; 16] = [
    "web",
    "trigger",
    "queue",
    "workspace",
    "sandbox",
    "registry",
    "bump",
    "briefing",
    "verify",
    "integrity",
    "agent",
    "judge",
    "publish",
    "replay",
    "setup",
    "config",
];
const ADAPTERS: [&str; 4] = ["github", "model", "db", "telemetry"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// The first part of a path below `src/`: the module that a file belongs to.
fn module(name: &str) -> &str {
    name.trim_start_matches("src/").split(['/', '.']).next().unwrap()
}

/// The code before the tests; a file of tests has none.
fn code<'t>(name: &str, text: &'t str) -> &'t str {
    if name.ends_with("/tests.rs") { "" } else { text.split("#[cfg(test)]").next().unwrap() }
}

#[test]
fn rooms_and_adapters_know_only_what_they_may() {
    for (name, text) in sources(&root().join("src")) {
        let own = module(&name);
        let may: Vec<&str> = match own {
            _ if VOCABULARY.contains(&own) => VOCABULARY.to_vec(),
            _ if ADAPTERS.contains(&own) => VOCABULARY.to_vec(),
            _ if ROOMS.contains(&own) => [&VOCABULARY[..], &ADAPTERS[..]].concat(),
            "session" | "app" | "cli" | "eval" | "lib" | "main" => continue,
            other => panic!("{other} is neither a room nor an adapter: say which in this test"),
        };
        for import in code(&name, &text).split("crate::").skip(1) {
            let used = import.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap();
            assert!(used == own || may.contains(&used), "{name} knows {used}");
        }
    }
}

#[test]
fn only_its_own_room_makes_a_ticket_and_only_adapters_speak_outside() {
    let only = [
        ("Patch::seal(", "workspace"),
        ("Verified::seal(", "verify"),
        ("Accepted::seal", "judge"),
        ("bollard::", "sandbox"),
        ("octocrab::", "github"),
        ("rmcp::", "agent"),
        ("git2::", "workspace"),
        (".write_token(", "publish session"),
        ("/v1/messages", "model"),
    ];
    for (name, text) in sources(&root().join("src")) {
        for (sign, rooms) in only {
            let allowed = rooms.split(' ').any(|room| room == module(&name));
            assert!(allowed || !code(&name, &text).contains(sign), "{name} has {sign}");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    for dir in ["src", "docker/toolbox/src", "tests/standin/src"] {
        for (name, text) in sources(&root().join(dir)) {
            assert!(code(&name, &text).lines().count() <= 500, "{name} is too long");
            assert!(
                text.starts_with("//! ") || name.ends_with("tests.rs"),
                "{name} does not say what it is for"
            );
            for bad in ["#[allow(", "#[ignore", "todo!(", "unimplemented!("] {
                assert!(!code(&name, &text).contains(bad), "{name} has {bad}");
            }
        }
    }
}

#[test]
fn there_is_no_way_to_merge() {
    for (name, text) in sources(&root().join("src")) {
        for bad in ["/merge", "auto_merge", "enablePullRequestAutoMerge", "\"APPROVE\""] {
            assert!(!text.contains(bad), "{name} has {bad}");
        }
    }
}
