//! Catalogs and overrides in `pnpm-workspace.yaml` (and yarn's `.yarnrc.yml`).
//!
//! Read line by line, with the place of every value, so that quotes and
//! comments stay. What lines tell is believed only where a YAML reader finds
//! the same value; anchors, flow style and numbers are not edited.

use serde_yaml_ng::Value;

use super::entry::{self, Selected};
use super::{Declaration, Refused, Section, Spelling};

/// A key and its value on one line.
struct Line<'a> {
    indent: usize,
    key: &'a str,
    value: &'a str,
    /// Where the value is in the file.
    at: usize,
}

/// Everything that `text` declares, in its order.
pub(super) fn declarations(path: &str, text: &str) -> Result<Vec<Declaration>, Refused> {
    let read = |text: &str| serde_yaml_ng::from_str::<Value>(text);
    let whole = read(text).map_err(|error| Refused(format!("read {path}: it is not valid YAML: {error}")))?;
    let mut found = Vec::new();
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut start = 0_usize;
    for raw in text.split_inclusive('\n') {
        let line = line(raw, start);
        start = start.saturating_add(raw.len());
        let Some(line) = line else { continue };
        above.retain(|(indent, _)| *indent < line.indent);
        let names: Vec<&str> = above.iter().map(|(_, key)| *key).collect();
        if line.value.is_empty() {
            above.push((line.indent, line.key));
            continue;
        }
        let section = match names.as_slice() {
            ["catalog"] | ["catalogs", _] => Section::Catalog,
            ["overrides"] => Section::PnpmOverrides,
            _ => continue,
        };
        let known = names.iter().copied().chain([line.key]).try_fold(&whole, |value, key| value.get(key));
        if known.and_then(Value::as_str) == Some(line.value) {
            found.push(declaration(path, section, names.get(1).copied(), &line));
        }
    }
    Ok(found)
}

fn declaration(path: &str, section: Section, catalog: Option<&str>, line: &Line<'_>) -> Declaration {
    let selected = match section {
        Section::PnpmOverrides => entry::override_key(line.key),
        _ => Selected { package: line.key.to_owned(), ..Selected::default() },
    };
    let wanted = entry::value(line.value);
    Declaration {
        path: path.to_owned(),
        section,
        key: line.key.to_owned(),
        package: wanted.package.map_or(selected.package, str::to_owned),
        range: wanted.range.to_owned(),
        parents: catalog.map(str::to_owned).into_iter().chain(selected.parents).collect(),
        versions: selected.versions,
        prefix: wanted.prefix.to_owned(),
        place: line.at..line.at.saturating_add(line.value.len()),
        spelling: Spelling::Yaml,
    }
}

/// `key: value # comment`, each quoted or not.
fn line(raw: &str, start: usize) -> Option<Line<'_>> {
    let text = raw.trim_end_matches(['\n', '\r']);
    let content = text.trim_start_matches(' ');
    let indent = text.len().checked_sub(content.len())?;
    let (key, rest) = scalar(content, true)?;
    let rest = rest.trim_start_matches(' ').strip_prefix(':')?;
    let value = rest.trim_start_matches([' ', '\t']);
    if value.is_empty() || value.starts_with('#') {
        return Some(Line { indent, key, value: "", at: start });
    }
    if value.len() == rest.len() {
        return None;
    }
    let (value, after) = scalar(value, false)?;
    let after = after.trim_start();
    let at = (value.as_ptr() as usize).checked_sub(raw.as_ptr() as usize)?.checked_add(start)?;
    (after.is_empty() || after.starts_with('#')).then_some(Line { indent, key, value, at })
}

/// The inside of a scalar without escapes, and what comes after it.
fn scalar(text: &str, key: bool) -> Option<(&str, &str)> {
    let first = text.chars().next()?;
    if matches!(first, '"' | '\'') {
        let (inside, after) = text.get(1..)?.split_once(first)?;
        let plain = !inside.contains('\\') && !after.starts_with(first);
        return plain.then_some((inside, after));
    }
    let end = if key {
        let mut after = text.char_indices().skip(1).map(|(_, c)| c).chain([' ']);
        let mut chars = text.char_indices();
        chars
            .find(|(_, c)| {
                let next = after.next();
                *c == ':' && matches!(next, Some(' ' | '\t'))
            })?
            .0
    } else {
        text.find(" #").or_else(|| text.find("\t#")).unwrap_or(text.len())
    };
    let inside = text.get(..end)?.trim_end();
    (!inside.is_empty()).then_some((inside, text.get(inside.len()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# react: ^1\r\npackages:\r\n  - 'packages/*'\r\ncatalog:\r\n  react: ^18.2.0   # with care\r\n  \"@s/a\" : \"~1.2.3\"\r\n  'b':   'npm:real@1.0.0'\r\n  number: 1.10\r\n  anchored: &a ^1.0.0\r\n\r\ncatalogs:\r\n  old:\r\n    react: ^17.0.0\r\n    # react: ^16\r\noverrides:\r\n  'p@1>c': 1.0.0\r\nnote: |\r\n  catalog:\r\n    react: ^1.0.0\r\n";

    #[test]
    fn every_value_is_found_with_its_place() {
        let found = declarations("pnpm-workspace.yaml", TEXT).unwrap();
        let rows: Vec<(&str, &str, Vec<String>, &str)> = found
            .iter()
            .map(|one| {
                (&*one.package, &*one.range, one.parents.clone(), TEXT.get(one.place.clone()).unwrap())
            })
            .collect();
        let expected = [
            ("react", "^18.2.0", vec![], "^18.2.0"),
            ("@s/a", "~1.2.3", vec![], "~1.2.3"),
            ("real", "1.0.0", vec![], "npm:real@1.0.0"),
            ("react", "^17.0.0", vec!["old".to_owned()], "^17.0.0"),
            ("c", "1.0.0", vec!["p".to_owned()], "1.0.0"),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn what_is_not_yaml_is_refused_and_other_styles_are_left_alone() {
        assert!(declarations("pnpm-workspace.yaml", "catalog: [").is_err());
        for text in
            ["", "catalog: {react: ^18.2.0}\n", "catalog:\n- react: ^1.0.0\n", "catalog:\n  a: |\n    ^1\n"]
        {
            assert_eq!(declarations("pnpm-workspace.yaml", text), Ok(vec![]), "{text}");
        }
    }
}
