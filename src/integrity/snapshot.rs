//! Stored snapshots: what is in them stays.

use std::collections::{BTreeMap, HashMap};

use super::FilePair;
use super::syntax::{Language, Tree};
use crate::evidence::Finding;

/// Is this a file that a runner wrote to compare with?
pub(super) fn is_snapshot(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.contains("__snapshots__/")
        || path.contains("__image_snapshots__/")
        || path.contains("-snapshots/")
        || name.ends_with(".snap")
        || name.ends_with(".snapshot")
        || name.contains(".approved.")
        || name.ends_with(".js.md")
        || name.ends_with(".ts.md")
}

pub(super) fn check(pair: &FilePair) -> Option<Finding> {
    if !is_snapshot(&pair.path) || pair.before.is_none() {
        return None;
    }
    let message = "a stored snapshot was rewritten or deleted: put it back".to_owned();
    if pair.after.is_none() {
        return Some(pair.finding("snapshot-rewritten", message));
    }
    match (entries(&pair.before_text()), entries(&pair.after_text())) {
        (Some(before), Some(after)) => {
            let mut values: HashMap<&str, usize> = HashMap::new();
            for value in after.values() {
                *values.entry(value).or_default() += 1;
            }
            // A test may have another name; what was stored for it may not.
            let mut lost = before.iter().filter(|(name, value)| {
                after.get(*name).map_or(!values.contains_key(value.as_str()), |now| now != *value)
            });
            let (name, _) = lost.next()?;
            Some(
                pair.finding(
                    "snapshot-rewritten",
                    format!("the snapshot {name:?} was rewritten: put it back"),
                ),
            )
        }
        _ => Some(pair.finding("snapshot-rewritten", message)),
    }
}

/// The entries of a file that Jest or Vitest wrote.
fn entries(text: &str) -> Option<BTreeMap<String, String>> {
    if !text.contains("exports[") {
        return None;
    }
    let tree = Tree::parse(Language::JavaScript, text.to_owned()).filter(|tree| !tree.broken)?;
    let mut entries = BTreeMap::new();
    for id in tree.all().filter(|id| tree.kind(*id) == "assignment_expression") {
        let name = tree.text(tree.field(id, "left")?).to_owned();
        entries.insert(name, plain(tree.text(tree.field(id, "right")?)));
    }
    Some(entries)
}

/// Do two snapshots say something else? How they are written changes from
/// release to release.
pub(super) fn differ(before: &str, after: &str) -> bool {
    let said = |text: &str| {
        let text = plain(text);
        // A thrown error is written with its class, or without.
        if text.contains("toThrowErrorMatching") {
            text.replace("[Error: ", "").replace(['"', ']', '`'], "")
        } else {
            text
        }
    };
    said(before) != said(after)
}

/// Without the names of plain types, escapes and layout.
fn plain(text: &str) -> String {
    let text = text.replace("Object {", "{").replace("Array [", "[").replace('\\', "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(before: &str, after: Option<&str>) -> bool {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let pair = FilePair {
            path: "src/__snapshots__/a.test.js.snap".into(),
            before: Some(bytes(before)),
            after: after.map(bytes),
        };
        check(&pair).is_some()
    }

    #[test]
    fn a_snapshot_may_be_written_in_a_newer_form_but_say_nothing_else() {
        let before =
            "// Jest Snapshot v1, https://goo.gl/x\n\nexports[`a 1`] = `\nObject {\n  \"b\": 1,\n}\n`;\n";
        let newer = "// Jest Snapshot v1, https://jestjs.io\n\nexports[`a 1`] = `\n{\n  \"b\": 1,\n}\n`;\n\nexports[`c 1`] = `2`;\n";
        assert!(!is_found(before, Some(newer)));
        assert!(!is_found(before, Some(&before.replace("a 1", "renamed 1"))));
        assert!(is_found(before, Some(&before.replace(": 1", ": 2"))));
        assert!(is_found(before, Some("// nothing\n")));
        assert!(is_found(before, None));
    }
}
