//! Overrides that are added to a `package.json` in the file's own style.
//!
//! Nothing else moves: indentation, line ends and the order of what is there
//! stay. An override that is there already gets the new version.

use std::ops::Range;

use super::Refused;
use super::entry::{self, Selected};
use super::json::{self, Member, quoted};

/// Whose way of writing overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverrideKind {
    /// `{"overrides":{"parent":{"package":"version"}}}`
    Npm,
    /// `{"resolutions":{"parent/package":"version"}}`
    Yarn,
    /// `{"pnpm":{"overrides":{"parent>package":"version"}}}`
    Pnpm,
}

/// `text` with an override of `package` below `parents` (outermost first; none
/// means everywhere). `version` is written as it is, so it may be a range.
///
/// pnpm, and yarn from version 2 on, know one parent only: the innermost.
///
/// # Errors
/// The text is not a `package.json`, or something else is where the override
/// belongs.
pub fn add_override(
    text: &str,
    kind: OverrideKind,
    parents: &[String],
    package: &str,
    version: &str,
) -> Result<String, Refused> {
    let failed = |why: String| Refused(format!("add an override of {package} to package.json: {why}"));
    let root = json::root(text).map_err(failed)?;
    let innermost = parents.get(parents.len().saturating_sub(1)..).unwrap_or_default();
    let (sections, keys): (&[&str], Vec<String>) = match kind {
        OverrideKind::Npm => (&["overrides"], [parents, &[package.to_owned()]].concat()),
        OverrideKind::Yarn if is_berry(&root) => (&["resolutions"], joined(innermost, "/", package)),
        OverrideKind::Yarn => (&["resolutions"], joined(parents, "/", package)),
        OverrideKind::Pnpm => (&["pnpm", "overrides"], joined(innermost, ">", package)),
    };
    let path: Vec<Step> = sections
        .iter()
        .map(|name| Step { key: (*name).to_owned(), same: |a, b| a == b, nests: false })
        .chain(keys.into_iter().map(|key| Step {
            key,
            same: match kind {
                OverrideKind::Yarn => |a, b| entry::resolution_key(a) == entry::resolution_key(b),
                OverrideKind::Npm | OverrideKind::Pnpm => |a, b| key_of(a) == key_of(b),
            },
            nests: kind == OverrideKind::Npm,
        }))
        .collect();
    let place = text.find('{').zip(text.rfind('}')).map(|(start, end)| start..end.saturating_add(1));
    let style = Style::of(text, &root);
    let object = Object { place: place.unwrap_or_default(), before: style.newline.clone(), members: root };
    let (place, value) = placed(text, &style, object, &path, version)
        .ok_or_else(|| failed("something else is in its place".to_owned()))?;
    let mut edited = text.to_owned();
    edited.replace_range(place, &value);
    json::root(&edited).map_err(failed)?;
    Ok(edited)
}

fn key_of(key: &str) -> Selected {
    entry::override_key(key)
}

fn joined(parents: &[String], separator: &str, package: &str) -> Vec<String> {
    let names: Vec<&str> = parents.iter().map(String::as_str).chain([package]).collect();
    vec![names.join(separator)]
}

/// Whether the manifest asks for yarn 2 or later.
fn is_berry(root: &[Member<'_>]) -> bool {
    let manager = root.iter().rfind(|member| member.key == "packageManager").and_then(Member::string);
    manager.is_some_and(|manager| {
        let version = manager.strip_prefix("yarn@").unwrap_or_default();
        version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major > 1)
    })
}

/// One key on the way to the override.
struct Step {
    key: String,
    /// Whether two keys mean the same.
    same: fn(&str, &str) -> bool,
    /// A text in the place of an object is the outer package's own version.
    nests: bool,
}

/// How the file is written.
struct Style {
    /// A line end, or nothing when the file is one line.
    newline: String,
    /// One step of indentation.
    unit: String,
    colon: String,
}

impl Style {
    fn of(text: &str, root: &[Member<'_>]) -> Self {
        let (before, colon) = match root.first() {
            Some(first) => around_key(text, first.place.start),
            None => ("\n  ", ": "),
        };
        let at = before.rfind('\n').map_or(0, |at| at.saturating_add(1));
        let unit = before.get(at..).unwrap_or_default();
        let newline = match before.contains('\n') {
            true if before.contains("\r\n") => "\r\n",
            true => "\n",
            false => "",
        };
        Self { newline: newline.to_owned(), unit: unit.to_owned(), colon: colon.to_owned() }
    }
}

/// The white space before the key of the value at `at`, and what is between
/// key and value.
fn around_key(text: &str, at: usize) -> (&str, &str) {
    let whole = text.get(..at).unwrap_or_default();
    let bare = whole.trim_end();
    let bare = bare.strip_suffix(':').unwrap_or(bare).trim_end();
    let colon = whole.get(bare.len()..).unwrap_or_default();
    let Some(inside) = bare.strip_suffix('"') else { return ("", colon) };
    // The key starts at the last quote that no backslash escapes.
    let mut start = inside.len();
    while let Some(quote) = inside.get(..start).and_then(|before| before.rfind('"')) {
        start = quote;
        let before = inside.get(..quote).unwrap_or_default();
        let escapes = before.len().saturating_sub(before.trim_end_matches('\\').len());
        if escapes % 2 == 0 {
            break;
        }
    }
    let before = inside.get(..start).unwrap_or_default();
    (before.get(before.trim_end().len()..).unwrap_or_default(), colon)
}

/// An object of the file.
struct Object<'a> {
    place: Range<usize>,
    /// The white space that its closing brace has before it.
    before: String,
    members: Vec<Member<'a>>,
}

/// Which bytes are replaced by what.
fn placed(
    text: &str,
    style: &Style,
    object: Object<'_>,
    path: &[Step],
    version: &str,
) -> Option<(Range<usize>, String)> {
    let (step, rest) = path.split_first()?;
    let Some(member) = object.members.iter().rfind(|member| (step.same)(&member.key, &step.key)) else {
        return Some(inserted(text, style, &object, path, version));
    };
    let before = around_key(text, member.place.start).0.to_owned();
    match (json::object(member), rest) {
        // The outer package has an object for those below it.
        (Some(members), []) if step.nests => {
            let own = [Step { key: ".".to_owned(), same: |a, b| a == b, nests: false }];
            let below = Object { place: member.place.clone(), before, members };
            placed(text, style, below, &own, version)
        }
        (None, []) => Some((member.place.clone(), json::respelled(member.raw, version)?)),
        (Some(members), rest) if !rest.is_empty() => {
            placed(text, style, Object { place: member.place.clone(), before, members }, rest, version)
        }
        (None, rest) if step.nests && member.raw.starts_with('"') => {
            let below = below(&before, style);
            let (next, after) = rest.split_first()?;
            let entries = [
                (".".to_owned(), member.raw.to_owned()),
                (next.key.clone(), nested(after, &below, style, version)),
            ];
            Some((member.place.clone(), written(&entries, &before, style)))
        }
        _ => None,
    }
}

/// One member more at the end of an object.
fn inserted(
    text: &str,
    style: &Style,
    object: &Object<'_>,
    path: &[Step],
    version: &str,
) -> (Range<usize>, String) {
    let (Some(last), Some((step, rest))) = (object.members.last(), path.split_first()) else {
        return (object.place.clone(), nested(path, &object.before, style, version));
    };
    let (before, colon) = around_key(text, last.place.start);
    let value = nested(rest, before, style, version);
    (last.place.end..last.place.end, format!(",{before}{}{colon}{value}", quoted(&step.key)))
}

/// Objects in each other with the version innermost.
fn nested(path: &[Step], before: &str, style: &Style, version: &str) -> String {
    match path.split_first() {
        None => quoted(version),
        Some((step, rest)) => {
            let value = nested(rest, &below(before, style), style, version);
            written(&[(step.key.clone(), value)], before, style)
        }
    }
}

fn written(entries: &[(String, String)], before: &str, style: &Style) -> String {
    let inner = below(before, style);
    let entry = |(key, value): &(String, String)| format!("{inner}{}{}{value}", quoted(key), style.colon);
    let entries: Vec<String> = entries.iter().map(entry).collect();
    let before = if before.contains('\n') { before } else { "" };
    format!("{{{}{before}}}", entries.join(","))
}

/// The white space before members of an object whose own key has `before`.
fn below(before: &str, style: &Style) -> String {
    match before.rfind('\n') {
        // An empty line between two members is not meant for those below.
        Some(at) => {
            let indent = before.get(at..).unwrap_or_default().trim_start_matches('\n');
            format!("{}{indent}{}", style.newline, style.unit)
        }
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(text: &str, kind: OverrideKind, parents: &[&str]) -> String {
        let parents: Vec<String> = parents.iter().map(|parent| (*parent).to_owned()).collect();
        add_override(text, kind, &parents, "c", "^2.0.0").unwrap()
    }

    #[test]
    fn an_override_is_written_as_the_file_is() {
        for (text, edited) in [
            (
                "{\n  \"name\": \"x\"\n}\n",
                "{\n  \"name\": \"x\",\n  \"overrides\": {\n    \"p\": {\n      \"c\": \"^2.0.0\"\n    }\n  }\n}\n",
            ),
            (
                "\u{feff}{\r\n\t\"name\" : \"x\"\r\n}",
                "\u{feff}{\r\n\t\"name\" : \"x\",\r\n\t\"overrides\" : {\r\n\t\t\"p\" : {\r\n\t\t\t\"c\" : \"^2.0.0\"\r\n\t\t}\r\n\t}\r\n}",
            ),
            (r#"{"a":1}"#, r#"{"a":1,"overrides":{"p":{"c":"^2.0.0"}}}"#),
            (r#"{ "a": 1 }"#, r#"{ "a": 1, "overrides": {"p": {"c": "^2.0.0"}} }"#),
            ("{}\n", "{\n  \"overrides\": {\n    \"p\": {\n      \"c\": \"^2.0.0\"\n    }\n  }\n}\n"),
            (
                "{\n  \"overrides\": {},\n  \"a\": 1\n}",
                "{\n  \"overrides\": {\n    \"p\": {\n      \"c\": \"^2.0.0\"\n    }\n  },\n  \"a\": 1\n}",
            ),
            (
                "{\n  \"overrides\": {\n    \"o\": \"1.0.0\"\n  }\n}",
                "{\n  \"overrides\": {\n    \"o\": \"1.0.0\",\n    \"p\": {\n      \"c\": \"^2.0.0\"\n    }\n  }\n}",
            ),
            (
                "{\n  \"overrides\": {\n    \"p\": \"1.0.0\"\n  }\n}",
                "{\n  \"overrides\": {\n    \"p\": {\n      \".\": \"1.0.0\",\n      \"c\": \"^2.0.0\"\n    }\n  }\n}",
            ),
            (r#"{"overrides":{"p":{"c":"^1.0.0"}}}"#, r#"{"overrides":{"p":{"c":"^2.0.0"}}}"#),
            (
                r#"{"overrides":{"p":{"c":{".":"1","d":"1"}}}}"#,
                r#"{"overrides":{"p":{"c":{".":"^2.0.0","d":"1"}}}}"#,
            ),
            (r#"{"overrides":{"p":{"c":{"d":"1"}}}}"#, r#"{"overrides":{"p":{"c":{"d":"1",".":"^2.0.0"}}}}"#),
        ] {
            assert_eq!(added(text, OverrideKind::Npm, &["p"]), edited);
        }
    }

    #[test]
    fn each_manager_has_its_own_keys() {
        use OverrideKind::{Npm, Pnpm, Yarn};
        for (kind, text, parents, edited) in [
            (Npm, r#"{"a":1}"#, &[][..], r#"{"a":1,"overrides":{"c":"^2.0.0"}}"#),
            (Npm, r#"{"a":1}"#, &["p", "q"], r#"{"a":1,"overrides":{"p":{"q":{"c":"^2.0.0"}}}}"#),
            (Yarn, r#"{"a":1}"#, &[], r#"{"a":1,"resolutions":{"c":"^2.0.0"}}"#),
            (Yarn, r#"{"a":1}"#, &["p", "q"], r#"{"a":1,"resolutions":{"p/q/c":"^2.0.0"}}"#),
            (Yarn, r#"{"resolutions":{"**/c":"1"}}"#, &[], r#"{"resolutions":{"**/c":"^2.0.0"}}"#),
            (
                Yarn,
                r#"{"packageManager":"yarn@4.1.0"}"#,
                &["p", "q"],
                r#"{"packageManager":"yarn@4.1.0","resolutions":{"q/c":"^2.0.0"}}"#,
            ),
            (Pnpm, r#"{"a":1}"#, &["p", "q"], r#"{"a":1,"pnpm":{"overrides":{"q>c":"^2.0.0"}}}"#),
            (Pnpm, r#"{"pnpm":{"x":1}}"#, &["p"], r#"{"pnpm":{"x":1,"overrides":{"p>c":"^2.0.0"}}}"#),
            (
                Pnpm,
                r#"{"pnpm":{"overrides":{"p>c":"1"}}}"#,
                &["p"],
                r#"{"pnpm":{"overrides":{"p>c":"^2.0.0"}}}"#,
            ),
        ] {
            assert_eq!(added(text, kind, parents), edited);
        }
    }

    #[test]
    fn what_stands_in_the_way_is_refused() {
        for text in ["[]", "{", r#"{"overrides":1}"#, r#"{"overrides":{"p":1}}"#, r#"{"overrides":"x"}"#] {
            let refused = add_override(text, OverrideKind::Npm, &["p".to_owned()], "c", "1.0.0").unwrap_err();
            assert!(refused.to_string().starts_with("could not add an override of c"), "{refused}");
        }
    }
}
