//! Node's major: what is pinned wins; then the default, when `engines.node`
//! allows it; then the newest major that it allows. A pin of which there is
//! no image is as none.

use deno_semver::npm::{parse_npm_version, parse_npm_version_req};
use serde_json::Value;

use super::{Files, Majors, Runtime, tool_version};

/// The names of the long-term releases, as `nvm` knows them.
const NAMES: [(&str, u64); 6] =
    [("fermium", 14), ("gallium", 16), ("hydrogen", 18), ("iron", 20), ("jod", 22), ("krypton", 24)];

/// Which Node a repository with these files runs on.
#[must_use]
pub fn node(files: &Files, images: &Majors) -> Runtime {
    let manifest: Value =
        files.get("package.json").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let text = |path: [&str; 2]| manifest.get(path[0])?.get(path[1])?.as_str();
    let engines = text(["engines", "node"]);
    let pins = [
        files.get(".nvmrc").map(String::as_str),
        files.get(".node-version").map(String::as_str),
        text(["volta", "node"]),
        tool_version(files, "nodejs"),
    ];
    let pinned = pins.into_iter().flatten().find_map(major).filter(|major| images.all.contains(major));
    let major = pinned.or_else(|| allowed(engines?, images)).unwrap_or(images.default);
    Runtime::Node { major, engines: engines.map(str::to_owned) }
}

/// `v20.11.1`, `20`, `20.x`, `lts/iron`.
fn major(text: &str) -> Option<u64> {
    let text = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    if let Some(name) = text.strip_prefix("lts/") {
        return NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, major)| *major);
    }
    text.trim_start_matches('v').split('.').next()?.parse().ok()
}

fn allowed(engines: &str, images: &Majors) -> Option<u64> {
    let range = parse_npm_version_req(engines).ok()?;
    // An image carries the newest release of its major, so a range is asked
    // about a late one.
    let allows = |major: &u64| {
        parse_npm_version(&format!("{major}.999.0")).is_ok_and(|version| range.matches(&version))
    };
    if allows(&images.default) {
        return Some(images.default);
    }
    images.all.iter().copied().filter(|major| allows(major)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_major_wins_then_engines_then_the_default() {
        let images = Majors { all: vec![18, 20, 22, 24], default: 22 };
        let engines = |range: &str| format!(r#"{{"engines":{{"node":"{range}"}}}}"#);
        let volta = r#"{"volta":{"node":"18.20.1"},"engines":{"node":">=20"}}"#;
        for (path, pin, manifest, expected) in [
            (".nvmrc", "v20.11.1\n", engines(">=18"), 20),
            (".nvmrc", "lts/iron", engines("^18.0.0 || ^20.0.0 || ^22"), 20),
            (".nvmrc", "lts/*", engines("^18.0.0 || ^20.0.0"), 20),
            (".nvmrc", "16", "{}".to_owned(), 22),
            (".node-version", "24.1.0", engines(">=18"), 24),
            (".tool-versions", "java temurin-17\nnodejs 18.2.0\n", "{}".to_owned(), 18),
            (".tool-versions", "java temurin-17\n", volta.to_owned(), 18),
            ("x", "", engines(">=18"), 22),
            ("x", "", engines("^18.17"), 18),
            ("x", "", engines(">=99"), 22),
            ("x", "", "not json".to_owned(), 22),
        ] {
            let files = Files::from([
                (path.to_owned(), pin.to_owned()),
                ("package.json".to_owned(), manifest.clone()),
            ]);
            assert_eq!(node(&files, &images).major(), expected, "{path} {pin:?} {manifest}");
        }
    }

    #[test]
    fn what_its_users_may_run_is_kept() {
        let files = Files::from([("package.json".into(), r#"{"engines":{"node":">=18"}}"#.into())]);
        let runtime = node(&files, &Majors { all: vec![22], default: 22 });
        assert_eq!(runtime, Runtime::Node { major: 22, engines: Some(">=18".into()) });
    }
}
