//! npm: what two versions of a package export, by its declarations or, where
//! it brings none, by its scripts.

mod manifest;
mod module;
mod surface;
pub(super) mod vanished;

use std::collections::BTreeSet;

use super::api::{Api, Change, Name, What, diff};
use super::archive::Files;
use manifest::{IMPORT, Manifest, REQUIRE};
use module::WHOLE as WHOLE_NAME;
use surface::Reader;

/// The module itself: `module.exports = …` and `export = …`.
pub(super) const WHOLE: &str = WHOLE_NAME;
/// `export default …`.
pub(super) const DEFAULT: &str = module::DEFAULT;
/// The name of the change of how a package is loaded.
pub(super) const LOADING: &str = "package.json";

const COMMONJS: &str = "CommonJS, which `require()` and `import` both load";
const MODULE: &str = "an ES module only: `require()` fails, or gives the namespace on newer versions of \
    Node; tests and scripts that are compiled to CommonJS fail too";

/// Two versions compared.
#[derive(Debug, Default)]
pub(super) struct Compared {
    pub(super) old: Api,
    pub(super) new: Api,
    pub(super) changes: Vec<Change>,
    /// What else is different, one sentence each.
    pub(super) notes: Vec<String>,
    /// What it can be called by in scripts.
    pub(super) programs: BTreeSet<String>,
    /// Both versions have declarations: more than names was compared.
    pub(super) typed: bool,
}

/// `entries` are the subpaths that the repository uses beside the package
/// itself; `requires` says that it uses `require()`.
pub(super) fn compare(old: &Files, new: &Files, entries: &BTreeSet<String>, requires: bool) -> Compared {
    let (before, after) = (Manifest::read(old), Manifest::read(new));
    // Only the same kind of source can be compared.
    let typed = is_typed(&before, old) && is_typed(&after, new);
    let way = |manifest: &Manifest, files: &Files| Way {
        typed,
        // Where one of the two can only be imported, its names are compared
        // with those of what can be.
        conditions: if requires && manifest.is_required(files) != Some(false) { REQUIRE } else { IMPORT },
    };
    let (old_api, new_api) =
        (api(&before, old, entries, way(&before, old)), api(&after, new, entries, way(&after, new)));
    let mut changes = loading(&before, old, &after, new);
    changes.extend(subpaths(entries, (&before, old), (&after, new)));
    changes.extend(diff(&old_api, &new_api));
    Compared {
        changes,
        typed,
        notes: notes(&before, &after, old, new),
        programs: before.programs().into_iter().chain(after.programs()).collect(),
        old: old_api,
        new: new_api,
    }
}

fn is_typed(manifest: &Manifest, files: &Files) -> bool {
    [IMPORT, REQUIRE].iter().any(|way| manifest.typings(files, ".", way).is_some())
}

#[derive(Clone, Copy)]
struct Way {
    typed: bool,
    conditions: [&'static str; 4],
}

/// The file that answers for an entry. Where conditions lead nowhere, the
/// other way of loading does.
fn entry(manifest: &Manifest, files: &Files, at: &str, way: Way) -> Option<String> {
    if way.typed
        && let Some(path) = manifest.typings(files, at, &way.conditions)
    {
        return Some(path);
    }
    [way.conditions, IMPORT, REQUIRE].iter().find_map(|conditions| manifest.file(files, at, conditions))
}

fn api(manifest: &Manifest, files: &Files, entries: &BTreeSet<String>, way: Way) -> Api {
    let mut reader = Reader::new(files);
    let mut api = Api { opaque: files.cut, ..Api::default() };
    let main = std::iter::once(("", "."));
    for (at, asked) in main.chain(entries.iter().map(|at| (at.as_str(), at.as_str()))) {
        match entry(manifest, files, asked, way) {
            Some(path) => {
                for (name, item) in reader.exports(&path) {
                    api.items.insert(Name::new(at, name), item);
                }
            }
            None => api.opaque |= at.is_empty(),
        }
    }
    api.opaque |= reader.opaque;
    api
}

fn loading(before: &Manifest, old: &Files, after: &Manifest, new: &Files) -> Vec<Change> {
    let what = match (before.is_required(old), after.is_required(new)) {
        (Some(true), Some(false)) => What::Loading { was: COMMONJS.into(), now: MODULE.into() },
        (Some(false), Some(true)) => What::Added { now: COMMONJS.into() },
        _ => return Vec::new(),
    };
    vec![Change { name: Name::new("", LOADING), member: None, what }]
}

/// Subpaths that the old version answered and the new one does not.
fn subpaths(
    entries: &BTreeSet<String>,
    (before, old): (&Manifest, &Files),
    (after, new): (&Manifest, &Files),
) -> Vec<Change> {
    let answers = |manifest: &Manifest, files: &Files, at: &str| {
        [REQUIRE, IMPORT].iter().any(|conditions| manifest.file(files, at, conditions).is_some())
            || manifest.typings(files, at, &IMPORT).is_some()
    };
    entries
        .iter()
        .filter(|at| answers(before, old, at) && !answers(after, new, at))
        .map(|at| Change {
            name: Name::new(at, "*"),
            member: None,
            what: What::Removed { was: "this path could be imported".to_owned() },
        })
        .collect()
}

fn notes(before: &Manifest, after: &Manifest, old: &Files, new: &Files) -> Vec<String> {
    let mut notes = Vec::new();
    let (was, now) = (before.needs(), after.needs());
    let shown = |range: Option<&String>| range.map_or("nothing".to_owned(), |range| format!("`{range}`"));
    for what in was.keys().chain(now.keys()).collect::<BTreeSet<_>>() {
        if was.get(what) != now.get(what) {
            notes.push(format!("{what}: {}, before {}", shown(now.get(what)), shown(was.get(what))));
        }
    }
    match (is_typed(before, old), is_typed(after, new)) {
        (false, true) => notes.push("it brings its own types now".to_owned()),
        (true, false) => notes.push("it no longer brings its own types".to_owned()),
        _ => {}
    }
    let gone = |these: BTreeSet<String>, those: &BTreeSet<String>| -> Vec<String> {
        these.into_iter().filter(|name| !those.contains(name)).collect()
    };
    let gone = gone(before.programs(), &after.programs());
    if !gone.is_empty() {
        notes.push(format!("programs that are gone: {}", gone.join(", ")));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &[(&str, &str)], new: &[(&str, &str)], entries: &[&str]) -> Vec<String> {
        let entries = entries.iter().map(|at| (*at).to_owned()).collect();
        let compared = compare(&Files::of(old), &Files::of(new), &entries, true);
        let changes = compared.changes.iter().map(|change| {
            let sign = match &change.what {
                What::Removed { .. } => "-",
                What::Added { .. } => "+",
                What::MovedTo { .. } => ">",
                What::Changed { .. } => "~",
                What::Loading { .. } => "!",
            };
            format!("{sign}{}", change.shown())
        });
        changes.chain(compared.notes).collect()
    }

    #[test]
    fn a_switch_to_es_modules_is_seen() {
        let old = [("package.json", "{}"), ("index.js", "module.exports = function chalk() {};")];
        let new = [
            ("package.json", r#"{"type":"module","exports":"./i.js","engines":{"node":">=14"}}"#),
            ("i.js", "export default function chalk() {}"),
        ];
        assert_eq!(
            shown(&old, &new, &[]),
            ["!package.json", "-export =", "+default", "engine node: `>=14`, before nothing"]
        );
    }

    #[test]
    fn a_subpath_that_is_closed_is_seen_even_if_the_file_is_there() {
        let old = [("package.json", "{}"), ("index.js", "exports.v4 = 1"), ("v4.js", "module.exports = 1")];
        let new =
            [("package.json", r#"{"exports":"./index.js"}"#), ("index.js", "exports.v4 = 1"), ("v4.js", "")];
        assert_eq!(shown(&old, &new, &["./v4"]), ["-./v4: *", "-./v4: export ="]);
        assert!(shown(&old, &old, &["./v4"]).is_empty());
    }

    #[test]
    fn types_are_compared_with_types_only() {
        let script = ("index.js", "exports.a = 1; exports.b = 2;");
        let untyped = [("package.json", "{}"), script];
        let typed = [("package.json", "{}"), script, ("index.d.ts", "export const a: 1; export const b: 2;")];
        assert_eq!(shown(&untyped, &typed, &[]), ["it brings its own types now"]);
        let other = [("package.json", "{}"), script, ("index.d.ts", "export const a: 3;")];
        assert_eq!(shown(&typed, &other, &[]), ["~a", "-b"]);
        // Who calls does not see how a parameter is called.
        let of = |text| [("package.json", "{}"), ("index.d.ts", text)];
        let named = of("export function f(error: (e: 1) => void, b?: 2): 3; export class C { m(a: 1): 2 }");
        let renamed = of("export function f(err: (x: 1) => void, c?: 2): 3; export class C { m(z: 1): 2 }");
        assert!(shown(&named, &renamed, &[]).is_empty());
        let wider =
            of("export function f(err: (x: 1) => void, c?: 2, d?: 3): 3; export class C { m(z: 2): 2 }");
        assert_eq!(shown(&named, &wider, &[]), ["~C.m", "~f"]);
    }
}
