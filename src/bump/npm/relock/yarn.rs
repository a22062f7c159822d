//! Entries of a `yarn.lock` moved to the pinned version.

use std::collections::BTreeMap;

use deno_semver::npm::parse_npm_version;

use super::held::{Entry, entries};
use super::pin::{admits, alias};
use crate::bump::npm::Pin;
use crate::manager::addresses::descriptor;

/// Descriptors, such as `ms@npm:^2.0.0`, that could have a pinned version and
/// have another, each with the version. `before` is the lockfile as it was:
/// what a pin does not replace stays as it is there.
pub(super) fn strays(before: &str, text: &str, pins: &[Pin]) -> Vec<(String, String)> {
    let old = old(before);
    let mut strays = Vec::new();
    for entry in entries(text) {
        for key in &entry.keys {
            if let Some(version) = stray(&old, key, &entry, pins) {
                strays.push((key.clone(), version.to_owned()));
            }
        }
    }
    strays
}

/// Versions by descriptor.
type Old = BTreeMap<String, String>;

fn old(before: &str) -> Old {
    let versions = |entry: Entry<'_>| {
        let version = entry.version().map(str::to_owned);
        entry.keys.into_iter().filter_map(move |key| Some((key, version.clone()?)))
    };
    entries(before).into_iter().flat_map(versions).collect()
}

fn stray<'p>(old: &Old, key: &str, entry: &Entry<'_>, pins: &'p [Pin]) -> Option<&'p str> {
    let (name, range) = descriptor(key)?;
    let range = range.strip_prefix("npm:").unwrap_or(range);
    let version = entry.version()?;
    let stays = |pin: &Pin| match (old.get(key), &pin.replaces) {
        (Some(was), Some(from)) => was == version && was != from,
        // The repository's own goes up with its twins, and none goes down.
        (Some(was), None) => was == version && !older(was, &pin.version),
        (None, _) => false,
    };
    let mut mine = pins.iter().filter(|pin| pin.package == name && admits(range, &pin.version));
    let pin = mine.find(|pin| !stays(pin))?;
    (version != pin.version).then_some(pin.version.as_str())
}

fn older(version: &str, than: &str) -> bool {
    match (parse_npm_version(version), parse_npm_version(than)) {
        (Ok(version), Ok(than)) => version < than,
        _ => true,
    }
}

/// The text of a yarn 1 with the strays moved: an alias has fetched what is
/// to be said about the pinned version.
pub(super) fn move_strays(before: &str, text: &str, pins: &[Pin]) -> String {
    let old = old(before);
    let entries = entries(text);
    let body = |package: &str, version: &str| {
        entries
            .iter()
            .find(|entry| entry.keys.iter().any(|key| alias(key) == Some((package, version))))
            .map(|entry| entry.body)
    };
    let head: String = text
        .split_inclusive('\n')
        .take_while(|line| line.starts_with('#') || line.trim().is_empty())
        .collect();
    let mut blocks: Vec<(String, &str)> = Vec::new();
    for entry in &entries {
        for key in &entry.keys {
            let moved = stray(&old, key, entry, pins).and_then(|version| body(descriptor(key)?.0, version));
            blocks.push((key.clone(), moved.unwrap_or(entry.body)));
        }
    }
    let blocks: Vec<String> = blocks.into_iter().map(|(key, body)| format!("\"{key}\":\n{body}")).collect();
    format!("{head}{}", blocks.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "# yarn lockfile v1\n\n\n\"chaperone-pin-0@npm:ms@2.1.0\":\n  version \"2.1.0\"\n  resolved \"new\"\n\nms@2.0.0:\n  version \"2.0.0\"\n\nms@^2.0.0, ms@^2.1.0:\n  version \"2.1.3\"\n  resolved \"old\"\n\nother@^2.0.0:\n  version \"2.1.3\"\n";

    #[test]
    fn only_ranges_that_admit_the_pin_move() {
        let pins = [Pin { package: "ms".into(), version: "2.1.0".into(), ..Pin::default() }];
        let keys: Vec<String> = strays("", LOCK, &pins).into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["ms@^2.0.0", "ms@^2.1.0"]);
        let moved = move_strays("", LOCK, &pins);
        assert!(moved.starts_with("# yarn lockfile v1\n\n\n\"chaperone"), "{moved}");
        assert!(moved.contains("\"ms@^2.1.0\":\n  version \"2.1.0\"\n  resolved \"new\"\n"), "{moved}");
        assert!(moved.contains("\"ms@2.0.0\":\n  version \"2.0.0\"\n"), "{moved}");
        assert!(moved.contains("\"other@^2.0.0\":\n  version \"2.1.3\"\n"), "{moved}");
        assert!(strays("", &moved, &pins).is_empty());
        let berry = "\"ms@npm:^2.0.0\":\n  version: 2.1.3\n  resolution: \"ms@npm:2.1.3\"\n";
        assert_eq!(strays("", berry, &pins), [("ms@npm:^2.0.0".to_owned(), "2.1.0".to_owned())]);
    }

    #[test]
    fn what_a_pin_does_not_replace_stays() {
        let before = "a@^1.0.0:\n  version \"1.2.5\"\n\na@^1.1.0:\n  version \"1.2.8\"\n";
        let pin = |replaces: Option<&str>| Pin {
            package: "a".into(),
            version: "1.2.6".into(),
            replaces: replaces.map(str::to_owned),
            under: None,
        };
        let moves = [("a@^1.0.0".to_owned(), "1.2.6".to_owned())];
        assert_eq!(strays(before, before, &[pin(Some("1.2.5"))]), moves);
        assert_eq!(strays(before, before, &[pin(None)]), moves);
        // A declaration that is new has the version that was planned.
        assert_eq!(strays("", before, &[pin(Some("1.2.5"))]).len(), 2);
    }
}
