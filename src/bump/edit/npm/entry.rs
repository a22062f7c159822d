//! How manifests name packages and ranges: keys of overrides and resolutions,
//! aliases, protocols.

/// What the key of an override means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Selected {
    pub package: String,
    /// The packages below which it holds, outermost first.
    pub parents: Vec<String>,
    /// Only some versions of the package are meant.
    pub versions: Option<String>,
}

/// A key in npm's or pnpm's overrides: `foo`, `foo@^1`, `parent@1>foo`.
pub(super) fn override_key(key: &str) -> Selected {
    let mut parts: Vec<&str> = Vec::new();
    let mut start = 0;
    let mut before = ' ';
    for (at, c) in key.char_indices() {
        // After these a `>` belongs to a range.
        if c == '>' && at > 0 && !matches!(before, ' ' | '|' | '@') {
            parts.extend(key.get(start..at));
            start = at.saturating_add(1);
        }
        before = c;
    }
    let (package, versions) = package_and_versions(key.get(start..).unwrap_or(key));
    Selected {
        package: package.to_owned(),
        parents: parts.into_iter().map(|part| package_and_versions(part).0.to_owned()).collect(),
        versions: versions.map(str::to_owned),
    }
}

/// A key in yarn's resolutions: `b`, `a/b`, `**/b`, `@s/a/**/@s/b`,
/// `b@npm:^1`.
pub(super) fn resolution_key(key: &str) -> Selected {
    let mut found = Selected::default();
    let mut rest = key;
    while !rest.is_empty() {
        let scope =
            if rest.starts_with('@') { rest.find('/').map_or(0, |at| at.saturating_add(1)) } else { 0 };
        let end = rest.get(scope..).and_then(|name| name.find('/')).and_then(|end| end.checked_add(scope));
        let (part, after) = end.and_then(|end| rest.split_at_checked(end)).unwrap_or((rest, ""));
        let after = after.strip_prefix('/').unwrap_or(after);
        // The range of the last package may hold slashes itself.
        let part = if part.get(1..).is_some_and(|name| name.contains(':')) { rest } else { part };
        let (package, versions) = package_and_versions(part);
        let outer = std::mem::replace(&mut found.package, package.to_owned());
        if !outer.is_empty() {
            found.parents.push(outer);
        }
        found.versions = versions.map(str::to_owned);
        rest = if part.len() == rest.len() { "" } else { after };
    }
    // Everywhere is what a resolution says without a parent, too.
    found.parents.retain(|parent| parent != "**" && parent != "*");
    found
}

/// `foo@^1`, `@s/foo`, `foo`.
fn package_and_versions(text: &str) -> (&str, Option<&str>) {
    match text.char_indices().skip(1).find(|(_, c)| *c == '@') {
        Some((at, _)) => (text.get(..at).unwrap_or(text), text.get(at.saturating_add(1)..)),
        None => (text, None),
    }
}

/// What a declaration's value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    /// The package behind an alias.
    pub package: Option<&'a str>,
    /// What stands before the range: `npm:real@`, or nothing.
    pub prefix: &'a str,
    /// The range, or the whole value when it is something else.
    pub range: &'a str,
}

/// A declaration's value: a range, or one behind `npm:`.
pub(super) fn value(text: &str) -> Wanted<'_> {
    let plain = Wanted { package: None, prefix: "", range: text };
    let Some(rest) = text.strip_prefix("npm:") else { return plain };
    let ranged = |range: &str| range.starts_with(|c: char| c.is_ascii_digit() || "^~<>=*v".contains(c));
    let (package, range) = match package_and_versions(rest) {
        (_, None) if ranged(rest) => (None, rest),
        // Without a range there is no place for one.
        (_, None) => return plain,
        (package, Some(range)) => (Some(package), range),
    };
    let prefix = text.get(..text.len().saturating_sub(range.len())).unwrap_or("");
    Wanted { package, prefix, range }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(package: &str, parents: &[&str], versions: Option<&str>) -> Selected {
        Selected {
            package: package.into(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            versions: versions.map(str::to_owned),
        }
    }

    #[test]
    fn the_keys_of_overrides_name_parents_and_versions() {
        for (key, expected) in [
            ("foo", selected("foo", &[], None)),
            ("@s/foo", selected("@s/foo", &[], None)),
            ("foo@^1", selected("foo", &[], Some("^1"))),
            ("foo@>=1 >2 || >3", selected("foo", &[], Some(">=1 >2 || >3"))),
            ("@s/a@1>@s/b@>2", selected("@s/b", &["@s/a"], Some(">2"))),
            ("a>b>c", selected("c", &["a", "b"], None)),
            ("", selected("", &[], None)),
        ] {
            assert_eq!(override_key(key), expected, "{key}");
        }
    }

    #[test]
    fn the_keys_of_resolutions_name_parents_and_versions() {
        for (key, expected) in [
            ("b", selected("b", &[], None)),
            ("a/b", selected("b", &["a"], None)),
            ("**/b", selected("b", &[], None)),
            ("@s/a/**/@s/b", selected("@s/b", &["@s/a"], None)),
            ("b@npm:^1", selected("b", &[], Some("npm:^1"))),
            ("@s/b@npm:@t/c@^1", selected("@s/b", &[], Some("npm:@t/c@^1"))),
            ("a/b@1.0.0", selected("b", &["a"], Some("1.0.0"))),
            ("", selected("", &[], None)),
        ] {
            assert_eq!(resolution_key(key), expected, "{key}");
        }
    }

    #[test]
    fn a_value_is_a_range_or_one_behind_a_protocol() {
        for (text, package, prefix, range) in [
            ("^1.2.3", None, "", "^1.2.3"),
            ("npm:real@^1.2.3", Some("real"), "npm:real@", "^1.2.3"),
            ("npm:@s/real@1", Some("@s/real"), "npm:@s/real@", "1"),
            ("npm:^1.2.3", None, "npm:", "^1.2.3"),
            ("npm:real", None, "", "npm:real"),
            ("npm:@s/real", None, "", "npm:@s/real"),
            ("workspace:^1.0.0", None, "", "workspace:^1.0.0"),
            ("github:o/r#v1.0.0", None, "", "github:o/r#v1.0.0"),
        ] {
            assert_eq!(value(text), Wanted { package, prefix, range }, "{text}");
        }
    }
}
