//! A small reader of Markdown that looks for what must not be in a
//! stranger's text: written without the sanitiser's help, to judge it.
//!
//! It knows fences, code spans and escapes, and takes everything else for
//! text. Where it is unsure it says "live".

use super::super::plain;

/// The first thing in `markdown` that GitHub would act on, by its name;
/// `None` when it is only text. A property test and a fuzz target feed it.
#[must_use]
pub fn live(markdown: &str) -> Option<&'static str> {
    let shown = markdown.replace('\u{200b}', "");
    if plain(&shown) != shown {
        return Some("hidden character");
    }
    if markdown.contains("<!--") {
        return Some("comment");
    }
    if closes(markdown) {
        return Some("closing keyword");
    }
    let (outside, open) = fences(markdown);
    if open.is_some() {
        return Some("open fence");
    }
    outside.into_iter().find_map(live_line)
}

/// The fence that is open where `markdown` ends, as it has to be closed.
#[must_use]
pub fn open_fence(markdown: &str) -> Option<String> {
    fences(markdown).1
}

/// The lines outside of fences, and the fence that is still open at the end.
fn fences(markdown: &str) -> (Vec<&str>, Option<String>) {
    let (mut outside, mut open) = (Vec::new(), None::<String>);
    for line in markdown.lines() {
        let inner = unquoted(line);
        match &open {
            Some(fence) if is_closed_by(fence, inner) => open = None,
            Some(_) => {}
            None => match fence_of(inner) {
                Some(fence) => open = Some(fence),
                None => outside.push(inner),
            },
        }
    }
    (outside, open)
}

/// A line without the sign of a quotation.
fn unquoted(line: &str) -> &str {
    let line = line.strip_prefix('>').unwrap_or(line);
    line.strip_prefix(' ').unwrap_or(line)
}

/// Three or more of a kind at the start open a fence; after backticks there
/// is none in the rest of the line.
fn fence_of(line: &str) -> Option<String> {
    let line = line.trim_start();
    let of = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run: String = line.chars().take_while(|c| *c == of).collect();
    let rest = line.get(run.len()..).unwrap_or_default();
    (run.len() >= 3 && !(of == '`' && rest.contains('`'))).then_some(run)
}

fn is_closed_by(fence: &str, line: &str) -> bool {
    let line = line.trim();
    line.len() >= fence.len() && line.chars().all(|c| fence.starts_with(c))
}

/// "fixes #1", wherever it stands.
fn closes(markdown: &str) -> bool {
    const WORDS: [&str; 9] =
        ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];
    let lower = markdown.to_ascii_lowercase();
    let mut words = lower.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_end_matches(':').trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let glued = bare.split_once([':', '#']).is_some_and(|(first, _)| WORDS.contains(&first));
        let ahead = words.peek().is_some_and(|next| refers(next));
        if (WORDS.contains(&bare) && ahead) || (glued && refers(word)) {
            return true;
        }
    }
    false
}

/// Has it an issue's number, or the address of one?
fn refers(word: &str) -> bool {
    let numbered = |sign: &str| {
        let rest = |at: usize| word.get(at + sign.len()..).unwrap_or_default();
        word.match_indices(sign).any(|(at, _)| rest(at).starts_with(|c: char| c.is_ascii_digit()))
    };
    let address = word.contains("://") && (numbered("/issues/") || numbered("/pull/"));
    numbered("#") || numbered("gh-") || address
}

/// Of one line that is in no fence.
fn live_line(line: &str) -> Option<&'static str> {
    if let Some(what) = structure(line) {
        return Some(what);
    }
    let chars: Vec<char> = line.chars().collect();
    // What is left when escapes are undone; code stands in it as a blank.
    let mut finished = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let rest = chars.get(at..).unwrap_or_default();
        match c {
            '\\' if chars.get(at + 1).is_some_and(char::is_ascii_punctuation) => {
                finished.extend(chars.get(at + 1));
                at += 2;
            }
            '`' => {
                let Some(length) = span(rest) else { return Some("open backtick") };
                finished.push(' ');
                at += length;
            }
            _ => {
                if let Some(what) = acts(c, rest, at.checked_sub(1).and_then(|at| chars.get(at))) {
                    return Some(what);
                }
                finished.push(c);
                at += 1;
            }
        }
    }
    (0..finished.len()).find_map(|at| mentions(finished.get(at..).unwrap_or_default()))
}

/// What makes a line more than a line.
fn structure(line: &str) -> Option<&'static str> {
    let trimmed = line.trim_start();
    let after_hashes = trimmed.trim_start_matches('#');
    let heading =
        trimmed.starts_with('#') && (after_hashes.is_empty() || after_hashes.starts_with([' ', '\t']));
    let rule = |of: char| !trimmed.is_empty() && trimmed.chars().all(|c| c == of || c == ' ');
    if heading || rule('=') || rule('-') {
        return Some("heading");
    }
    let item = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = item.len() < trimmed.len() && (item.starts_with(". ") || item.starts_with(") "));
    if numbered || ["- ", "+ ", "* "].iter().any(|sign| trimmed.starts_with(sign)) {
        return Some("list");
    }
    if trimmed.starts_with('>') {
        return Some("quotation");
    }
    (line.starts_with("    ") || line.starts_with('\t')).then_some("indented code")
}

/// The length of the code span that starts here.
fn span(rest: &[char]) -> Option<usize> {
    let run_at = |at: usize| rest.iter().skip(at).take_while(|c| **c == '`').count();
    let run = run_at(0);
    let mut at = run;
    while at < rest.len() {
        match run_at(at) {
            here if here == run => return Some(at + run),
            here => at += here.max(1),
        }
    }
    None
}

/// What an unescaped character with what follows it makes.
fn acts(c: char, rest: &[char], before: Option<&char>) -> Option<&'static str> {
    let next = rest.get(1).copied();
    let text: String = rest.iter().take(8).collect::<String>().to_ascii_lowercase();
    match c {
        '<' if next.is_some_and(|c| c.is_ascii_alphabetic() || "/!?".contains(c)) => Some("tag"),
        '&' if !text.starts_with("&amp;") && !text.starts_with("&lt;") => Some("entity"),
        '!' if next == Some('[') => Some("image"),
        '[' | ']' => Some("link"),
        '|' => Some("table"),
        '~' => Some("strike"),
        ':' if text.starts_with("://") => Some("address"),
        'w' | 'W' if text.starts_with("www.") && !before.is_some_and(|c| c.is_alphanumeric()) => {
            Some("address")
        }
        _ => None,
    }
}

/// A mention or a reference, in the finished text.
fn mentions(rest: &[char]) -> Option<&'static str> {
    let digit = |n: usize| rest.get(n).is_some_and(char::is_ascii_digit);
    match rest {
        ['@', c, ..] if c.is_ascii_alphanumeric() => Some("mention"),
        ['#', ..] if digit(1) => Some("reference"),
        ['g' | 'G', 'h' | 'H', '-', ..] if digit(3) => Some("reference"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_github_acts_on_is_seen() {
        for (what, texts) in [
            ("mention", &["hi @ann", "\\@ann", "x (@org/team)"][..]),
            ("reference", &["see #1", "o/r#12", "gh-3"]),
            (
                "closing keyword",
                &["fixes #1", "Closes: o/r#1", "`resolved GH-1`", "fix https://h/o/r/issues/1"],
            ),
            ("image", &["![x](y)", "![x][y]"]),
            ("link", &["[x](y)", "[x]: y"]),
            ("address", &["https://e.test", "www.e.test"]),
            ("tag", &["<b>", "</details>", "<https://e.test>"]),
            ("comment", &["`<!-- agent:job=1 -->`"]),
            ("entity", &["&#64;ann", "&commat;ann"]),
            ("open fence", &["```\nx", "> ~~~\n> x"]),
            ("open backtick", &["a ` b", "``a`"]),
            ("heading", &["# a", "===", "> ---"]),
            ("list", &["- a", "1. a"]),
            ("table", &["| a |"]),
            ("hidden character", &["a\u{202e}b"]),
        ] {
            for text in texts {
                assert_eq!(live(text), Some(what), "{text:?}");
            }
        }
        for text in ["plain", "`@ann #1 <b>`", "```\n@ann\n[x](y)\n```", "a &amp; b &lt;c", "a\\|b", "C# 9"] {
            assert_eq!(live(text), None, "{text:?}");
        }
    }
}
