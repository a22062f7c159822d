//! The one sanitiser for all that a model, a repository or a person wrote
//! and that goes to GitHub inside a text of ours.
//!
//! GitHub looks for mentions and references in the finished text, after
//! escapes and entities are undone, so those are broken with a blank without
//! a width and not with a backslash. A pull request's text may become the
//! message of a commit, where fences mean nothing: that is why a reference
//! behind "fixes" is broken in code, too. What comes out has no mention,
//! reference, link, image, tag, comment, heading, table or open fence of the
//! stranger's; [`scan::live`] looks for them and finds none. How long a whole
//! text may be is the adapter's to know.

pub mod scan;

use super::{head, plain};

/// Breaks what GitHub would read as one word, and is not shown.
const BREAK: char = '\u{200b}';

/// One line, for a sentence or a table's cell: the first `cap` bytes of it.
#[must_use]
pub fn inline(untrusted: &str, cap: usize) -> String {
    let text = head(&one_line(untrusted), cap);
    let chars: Vec<char> = text.chars().collect();
    let mut out = lead(&chars);
    for (at, &c) in chars.iter().enumerate().skip(out.chars().filter(|&c| c != '\\').count()) {
        let before = |n: usize| at.checked_sub(n).and_then(|at| chars.get(at)).copied();
        let after = |n: usize| chars.get(at + n).copied();
        match c {
            '@' | '#' => out.extend([c, BREAK]),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '`' => out.push('\''),
            '\\' | '|' | '[' | ']' | '*' | '~' | '$' => out.extend(['\\', c]),
            '_' if is_word(before(1)) && is_word(after(1)) => out.push('_'),
            '_' => out.push_str("\\_"),
            ':' if after(1) == Some('/') && after(2) == Some('/') => out.extend([':', BREAK]),
            '.' if (1..=3).all(|n| matches!(before(n), Some('w' | 'W'))) => out.extend([BREAK, '.']),
            '-' if is_gh(before(2), before(1)) && is_digit(after(1)) => out.extend(['-', BREAK]),
            _ => out.push(c),
        }
    }
    out
}

/// A code span with its backticks, for a name, a path or a command: exact,
/// but for the blanks in it. Not for a table's cell, whose bars it may hold.
#[must_use]
pub fn code(untrusted: &str, cap: usize) -> String {
    let text = disarmed(head(one_line(untrusted).trim(), cap));
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let run = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{run}{pad}{text}{pad}{run}")
}

/// Several lines as a quotation, of which the first `cap` bytes are shown.
/// Needs an empty line below it.
#[must_use]
pub fn quote(untrusted: &str, cap: usize) -> String {
    let text = head(plain(untrusted).trim(), cap);
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = inline(line, cap);
        if !line.is_empty() || lines.last().is_some_and(|last| last != "> ") {
            lines.push(format!("> {line}"));
        }
    }
    lines.join("\n")
}

/// Several lines between fences, as they are: the first `cap` bytes. A line
/// that starts with a slash is moved: other bots take their orders there.
#[must_use]
pub fn block(untrusted: &str, cap: usize) -> String {
    let text = disarmed(head(plain(untrusted).trim_matches('\n').trim_end(), cap));
    let run = "`".repeat(longest_run(&text).max(2) + 1);
    let lines: Vec<String> = text
        .lines()
        .map(|line| if line.starts_with('/') { format!(" {line}") } else { line.to_owned() })
        .collect();
    format!("{run}\n{}\n{run}", lines.join("\n"))
}

fn one_line(untrusted: &str) -> String {
    let text = plain(untrusted);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first characters, where they would make a list, a quotation, a
/// heading's underline or a table's: with a backslash.
fn lead(chars: &[char]) -> String {
    let digits = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    let first: String = chars.iter().take(digits).collect();
    match chars.get(digits) {
        Some(c @ ('-' | '+' | '=' | '>' | ':')) if digits == 0 => format!("\\{c}"),
        Some(c @ ('.' | ')')) if digits > 0 && chars.get(digits + 1).is_none_or(|c| *c == ' ') => {
            format!("{first}\\{c}")
        }
        _ => String::new(),
    }
}

/// Code, in which nothing may be left that closes an issue once the text is
/// a commit's message, or that looks like a marker of ours.
fn disarmed(text: String) -> String {
    let text = text.replace("<!--", "<\u{200b}!--");
    let lower = text.to_ascii_lowercase();
    if !["close", "fix", "resolve"].iter().any(|word| lower.contains(word)) {
        return text;
    }
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    for (at, &c) in chars.iter().enumerate() {
        out.push(c);
        let before = |n: usize| at.checked_sub(n).and_then(|at| chars.get(at)).copied();
        let after = |n: usize| chars.get(at + n).copied();
        let reference = match c {
            '#' => is_digit(after(1)),
            '-' => is_gh(before(2), before(1)) && is_digit(after(1)),
            ':' => after(1) == Some('/') && after(2) == Some('/'),
            _ => false,
        };
        if reference {
            out.push(BREAK);
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

fn is_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

fn is_digit(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii_digit())
}

/// `GH-12` is an issue.
fn is_gh(first: Option<char>, second: Option<char>) -> bool {
    matches!((first, second), (Some('g' | 'G'), Some('h' | 'H')))
}

#[cfg(test)]
mod tests;
