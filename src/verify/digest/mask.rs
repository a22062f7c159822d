//! What in a message is a name, and what says what happened. Two messages
//! that differ in their names only are one cause; a path into a package or
//! the local repository says no more than the package's name.

use std::sync::LazyLock;

use regex::Regex;

use crate::exec::TREE;

/// The word after these is a name, whatever it looks like.
const KINDS: [&str; 13] = [
    "class",
    "method",
    "variable",
    "package",
    "interface",
    "symbol",
    "constructor",
    "module",
    "type",
    "property",
    "export",
    "member",
    "function",
];

/// The message with every name made the same.
pub(super) fn mask(message: &str) -> String {
    let mut masked = String::with_capacity(message.len());
    let mut chars = message.char_indices().peekable();
    let mut previous = String::new();
    while let Some((start, c)) = chars.next() {
        if let Some(close) = closing(c)
            && let Some(length) = quoted(message.get(start..).unwrap_or_default(), close)
        {
            while chars.next_if(|(at, _)| *at < start + length).is_some() {}
            masked.push('§');
        } else if is_word(c) {
            let mut end = start + c.len_utf8();
            while let Some((at, c)) = chars.next_if(|(_, c)| is_word(*c)) {
                end = at + c.len_utf8();
            }
            let word = message.get(start..end).unwrap_or_default();
            let called = chars.peek().is_some_and(|(_, c)| *c == '(');
            if called || is_name(word) || KINDS.contains(&previous.as_str()) {
                masked.push('§');
            } else {
                masked.push_str(word);
            }
            word.clone_into(&mut previous);
        } else if c == '(' || c == '[' || !c.is_whitespace() {
            masked.push(c);
        } else if !masked.ends_with(' ') {
            masked.push(' ');
        }
    }
    masked
}

fn closing(open: char) -> Option<char> {
    match open {
        '\'' | '"' | '`' => Some(open),
        '‘' => Some('’'),
        '“' => Some('”'),
        '<' => Some('>'),
        _ => None,
    }
}

/// Bytes of what is quoted, with its marks.
fn quoted(text: &str, close: char) -> Option<usize> {
    let inside = text.get(text.chars().next()?.len_utf8()..)?;
    let end = inside.find(close).filter(|end| *end <= 400)?;
    Some(text.len() - inside.len() + end + close.len_utf8())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_$.@/\\#-".contains(c)
}

/// A dotted name, a path, a number, camel case. The simple name of an
/// exception and an error's code tell what happened: they are no names.
fn is_name(word: &str) -> bool {
    let word = word.trim_end_matches(['.', '-']);
    if word.bytes().any(|byte| b"_$./@#\\".contains(&byte)) {
        return !word.starts_with("ERR_");
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    if word.ends_with("Error") || word.ends_with("Exception") || word.ends_with("Failure") {
        return false;
    }
    let mixed = word.bytes().skip(1).any(|byte| byte.is_ascii_uppercase());
    mixed && word.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// The names in the second message that are others in the first: what is
/// quoted, when anything is, and single words otherwise.
pub(super) fn differing(first: &str, second: &str) -> Vec<String> {
    let (one, two) = (all_quoted(first), all_quoted(second));
    let names: Vec<&str> = if one.len() == two.len() && one != two {
        one.into_iter().zip(two).filter(|(one, two)| one != two).map(|(_, two)| two).collect()
    } else {
        let (one, two): (Vec<&str>, Vec<&str>) =
            (first.split_whitespace().collect(), second.split_whitespace().collect());
        if one.len() != two.len() {
            return Vec::new();
        }
        one.iter().zip(&two).filter(|(one, two)| one != two).map(|(_, two)| *two).collect()
    };
    names
        .into_iter()
        .map(bare)
        .filter(|name| name.len() < 120 && name.chars().any(char::is_alphabetic))
        .map(str::to_owned)
        .take(2)
        .collect()
}

/// A name without the marks around it; a call keeps its brackets.
fn bare(name: &str) -> &str {
    let name = name.trim_matches(|c: char| "'\"`,;:.<>[]{}".contains(c));
    if name.contains('(') { name } else { name.trim_matches(['(', ')']) }
}

fn all_quoted(message: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(c) = message.get(at..).and_then(|rest| rest.chars().next()) {
        let length = closing(c).and_then(|close| quoted(message.get(at..).unwrap_or_default(), close));
        if let Some(length) = length {
            found.extend(message.get(at + c.len_utf8()..(at + length).saturating_sub(c.len_utf8())));
        }
        at += length.unwrap_or(c.len_utf8());
    }
    found
}

#[expect(clippy::expect_used, reason = "the expressions are literals, and a test uses them all")]
static PATHS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:[^\s'"`(),<>]*[/\\])?(?:node_modules[/\\](?:\.pnpm[/\\][^\s'"`(),<>]*?node_modules[/\\])?(?P<package>(?:@[^/\\\s'"`]+[/\\])?[^/\\\s'"`(),<>]+)(?P<inside>[/\\][^\s'"`(),<>]*)?|(?P<jar>[^/\\\s'"`(),<>]+\.(?:jar|pom)))"#)
        .expect("a literal expression compiles")
});

/// The message with the paths in it shortened, and without the tree's root.
pub(super) fn tidy(message: &str) -> String {
    let message = message.trim();
    let shortened =
        if message.contains("node_modules") || message.contains(".jar") || message.contains(".pom") {
            PATHS.replace_all(message, |found: &regex::Captures<'_>| {
                if let Some(jar) = found.name("jar") {
                    return jar.as_str().to_owned();
                }
                let package = found.name("package").map(|package| package.as_str()).unwrap_or_default();
                let inside = if found.name("inside").is_some() { "/…" } else { "" };
                format!("node_modules/{package}{inside}")
            })
        } else {
            std::borrow::Cow::Borrowed(message)
        };
    if !shortened.contains(TREE) {
        return shortened.into_owned();
    }
    shortened.replace(&format!("file://{TREE}/"), "").replace(&format!("{TREE}/"), "")
}

/// Whether a file belongs to a package, the local repository or a runtime.
pub(super) fn is_foreign(file: &str) -> bool {
    file.contains("node_modules") || file.starts_with("node:") || file.contains("/.m2/")
}

/// The path without the tree's root.
pub(super) fn relative(file: &str) -> &str {
    let file = file.strip_prefix("file://").unwrap_or(file);
    let file = file.strip_prefix(TREE).and_then(|rest| rest.strip_prefix('/')).unwrap_or(file);
    file.strip_prefix("./").unwrap_or(file)
}
