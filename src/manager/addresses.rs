//! The addresses of tarballs in a lockfile, led to the gateway and back.
//!
//! Some package managers fetch a tarball from where the lockfile says it
//! lies. In a container that is the gateway, so the addresses are rewritten
//! for the time of the work, and what is left in the repository is in the
//! form that the file had before: its own host, or no address at all. No host
//! is known here: the text comes from the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

use super::Kind;

/// The gateway's second root, whose listings have the gateway's addresses.
pub const HERE: &str = "http://127.0.0.1:4873/-/here/";

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test compiles them all")]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal expression compiles")
}

/// Root, and below it the path of a package's tarball.
static TARBALL: LazyLock<Regex> = LazyLock::new(|| {
    regex(r#"(https?://[^\s"'#,}]+?/)((?:@[^/\s"'#,}]+/)?[^/\s"'#,}]+/-/[^\s"'#,}]+?\.tgz)"#)
});

/// One address with all that goes when it goes: a line, or an entry of an
/// inline object.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r##"(?m)^[ \t]+"?resolved"?:? "http://127\.0\.0\.1:4873/-/here/([^"#]+)[^"]*",?\r?\n"##,
        r"|, tarball: http://127\.0\.0\.1:4873/-/here/([^,}\s]+)"
    ))
});

/// What npm 6 writes where the lockfile had no address.
static NO_ADDRESS: LazyLock<Regex> = LazyLock::new(|| regex(r#"(?m)^[ \t]+"resolved": false,\r?\n"#));

/// How the addresses of a file were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// The root before each tarball's path; `None` where there was no
    /// address.
    roots: BTreeMap<String, Option<String>>,
    /// The root that most of them have; `None` when there is none at all.
    usual: Option<String>,
}

/// The text with the gateway's addresses, and how to put the old ones back.
#[must_use]
pub fn lead_here(kind: Kind, text: &str) -> (String, Form) {
    let mut form = Form::default();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for found in TARBALL.captures_iter(text) {
        let (Some(root), Some(path)) = (found.get(1), found.get(2)) else { continue };
        form.roots.insert(path.as_str().to_owned(), Some(root.as_str().to_owned()));
        *counts.entry(root.as_str()).or_default() += 1;
    }
    form.usual = counts.into_iter().max_by_key(|(_, count)| *count).map(|(root, _)| root.to_owned());
    let led = TARBALL.replace_all(text, format!("{HERE}$2")).into_owned();
    let led = if kind == Kind::YarnClassic { complete(&led, &mut form) } else { led };
    (led, form)
}

/// Yarn 1 holds a version only when the entry has an address.
fn complete(text: &str, form: &mut Form) -> String {
    let mut out = String::with_capacity(text.len());
    let mut package = None;
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        let bare = line.trim_end();
        if !line.starts_with([' ', '#']) && bare.ends_with(':') {
            package = fetched_as(bare);
        }
        let Some(version) = bare.strip_prefix("  version ").map(|text| text.trim_matches('"')) else {
            continue;
        };
        let addressed = lines.peek().is_some_and(|next| next.trim_start().starts_with("resolved "));
        let (Some(package), false) = (package.take(), addressed) else { continue };
        let base = package.rsplit('/').next().unwrap_or(&package);
        let path = format!("{package}/-/{base}-{version}.tgz");
        let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
        // Writing into text cannot fail.
        let _written = write!(out, "  resolved \"{HERE}{path}\"{end}");
        form.roots.entry(path).or_insert(None);
    }
    out
}

/// The name in the registry of an entry of a `yarn.lock`; `None` for what
/// does not come from a registry.
fn fetched_as(key: &str) -> Option<String> {
    let first = key.trim_end_matches(':').split(", ").next()?.trim_matches('"');
    let (name, range) = descriptor(first)?;
    if let Some(alias) = range.strip_prefix("npm:") {
        return descriptor(alias).map_or_else(|| Some(alias.to_owned()), |(name, _)| Some(name.to_owned()));
    }
    (!range.contains([':', '/'])).then(|| name.to_owned())
}

/// `@s/a@^1` as name and range.
#[must_use]
pub fn descriptor(text: &str) -> Option<(&str, &str)> {
    let at = text.get(1..)?.find('@')? + 1;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

impl Form {
    /// The text with addresses as they were; what is new gets the usual root,
    /// and no address when there was none before.
    #[must_use]
    pub fn put_back(&self, text: &str) -> String {
        let root = |path: &str| match self.roots.get(path) {
            Some(root) => root.as_deref(),
            None => self.of_package(path).or(self.usual.as_deref()),
        };
        let kept = ADDRESS.replace_all(text, |found: &regex::Captures<'_>| {
            let whole = found.get(0).map_or("", |whole| whole.as_str());
            let path = found.get(1).or_else(|| found.get(2)).map_or("", |path| path.as_str());
            if root(path).is_some() { whole.to_owned() } else { String::new() }
        });
        let back = TARBALL.replace_all(&kept, |found: &regex::Captures<'_>| {
            let (before, path) =
                (found.get(1).map_or("", |r| r.as_str()), found.get(2).map_or("", |p| p.as_str()));
            let root = if before == HERE { root(path).unwrap_or(before) } else { before };
            format!("{root}{path}")
        });
        if self.usual.is_some() { back.into_owned() } else { NO_ADDRESS.replace_all(&back, "").into_owned() }
    }

    /// The root of another version of the same package.
    fn of_package(&self, path: &str) -> Option<&str> {
        let package = path.split("/-/").next()?;
        let same = |known: &&String| known.split("/-/").next() == Some(package);
        self.roots.keys().find(same).and_then(|known| self.roots.get(known)?.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSIC: &str = "# yarn lockfile v1\n\n\n\"@s/a@^1.0.0\":\n  version \"1.0.1\"\n  resolved \"https://mirror.test/npm/@s/a/-/a-1.0.1.tgz#abc\"\n  integrity sha512-x\n\nms@2.0.0, ms@^2.0.0:\n  version \"2.0.0\"\n  resolved \"https://mirror.test/npm/ms/-/ms-2.0.0.tgz#def\"\n";

    #[test]
    fn the_port_is_the_gateways() {
        assert!(HERE.contains(&format!(":{}/", toolbox::api::GATEWAY_PORT)));
    }

    #[test]
    fn addresses_go_here_and_come_back() {
        let (led, form) = lead_here(Kind::YarnClassic, CLASSIC);
        assert!(led.contains("\"http://127.0.0.1:4873/-/here/@s/a/-/a-1.0.1.tgz#abc\""), "{led}");
        assert!(!led.contains("mirror.test"));
        assert_eq!(form.put_back(&led), CLASSIC);
        let bumped = led.replace("2.0.0", "2.1.3");
        assert_eq!(form.put_back(&bumped), CLASSIC.replace("2.0.0", "2.1.3"));
    }

    #[test]
    fn a_file_without_addresses_stays_without() {
        let bare: String = CLASSIC.split_inclusive('\n').filter(|line| !line.contains("resolved")).collect();
        let (led, form) = lead_here(Kind::YarnClassic, &bare);
        assert!(led.contains("resolved \"http://127.0.0.1:4873/-/here/@s/a/-/a-1.0.1.tgz\"\n"), "{led}");
        assert_eq!(form.put_back(&led), bare);
        assert_eq!(form.put_back(&led.replace("ms-2.0.0.tgz", "ms-2.1.3.tgz#123")), bare);
        let json = "{\n  \"ms\": {\n    \"version\": \"2.0.0\",\n    \"resolved\": \"http://127.0.0.1:4873/-/here/ms/-/ms-2.0.0.tgz\",\n    \"integrity\": \"x\"\n  }\n}\n";
        let expected =
            json.replace("    \"resolved\": \"http://127.0.0.1:4873/-/here/ms/-/ms-2.0.0.tgz\",\n", "");
        assert_eq!(Form::default().put_back(json), expected);
        let old = json.replace("\"http://127.0.0.1:4873/-/here/ms/-/ms-2.0.0.tgz\"", "false");
        assert_eq!(Form::default().put_back(&old), expected);
        let pnpm =
            "    resolution: {integrity: x, tarball: http://127.0.0.1:4873/-/here/ms/-/ms-2.0.0.tgz}\n";
        assert_eq!(Form::default().put_back(pnpm), "    resolution: {integrity: x}\n");
    }

    #[test]
    fn what_comes_from_elsewhere_is_left_alone() {
        let git = "a@github:o/a:\n  version \"1.0.0\"\n  resolved \"https://code.test/o/a/tar.gz/123\"\n\n\"b@file:./b\":\n  version \"0.0.0\"\n\nc@npm:@s/d@1:\n  version \"1.2.0\"\n";
        let (led, form) = lead_here(Kind::YarnClassic, git);
        assert_eq!(led, format!("{git}  resolved \"{HERE}@s/d/-/d-1.2.0.tgz\"\n"));
        assert_eq!(form.put_back(&led), git);
    }
}
