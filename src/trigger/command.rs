//! `/agent …` in a comment: the few words that people can say to a session.
//!
//! A command begins a line that its writer said, see [`super::visible`]. What
//! is no command gets a reason that helps; what is not addressed to us at
//! all, nothing.

use super::visible::Visible;
use super::words::is_vague;
use crate::change::Bump;
use crate::text;
use crate::wish::Command;

/// How every command begins.
const PREFIX: &str = "/agent";
/// Commands of one comment that are answered.
const MOST: usize = 3;
/// Bytes of a hint, and of a reason.
const HINT: usize = 2_000;
/// Bytes of an instruction.
const INSTRUCTION: usize = 8_000;
/// Bytes of a line that was not understood.
const SAID: usize = 200;
/// Bytes of a package's name; npm allows 214.
const PACKAGE: usize = 214;
/// Bytes of a version.
const VERSION: usize = 100;

/// The commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Bump,
    Retry,
    Fix,
    Explain,
    Appeal,
    Stop,
    Status,
    Help,
}

/// Their names.
const VERBS: [(&str, Verb); 8] = [
    ("bump", Verb::Bump),
    ("retry", Verb::Retry),
    ("fix", Verb::Fix),
    ("explain", Verb::Explain),
    ("appeal", Verb::Appeal),
    ("stop", Verb::Stop),
    ("status", Verb::Status),
    ("help", Verb::Help),
];

/// Words that people say for a command. They are suggested, not obeyed.
const MEANT: [(&str, &str); 17] = [
    ("update", "bump"),
    ("upgrade", "bump"),
    ("again", "retry"),
    ("rerun", "retry"),
    ("re-run", "retry"),
    ("run", "retry"),
    ("rebase", "retry"),
    ("recreate", "retry"),
    ("change", "fix"),
    ("revise", "fix"),
    ("repair", "fix"),
    ("why", "explain"),
    ("object", "appeal"),
    ("override", "appeal"),
    ("cancel", "stop"),
    ("abort", "stop"),
    ("commands", "help"),
];

/// Words that add nothing to a command.
const POLITE: [&str; 6] = ["please", "pls", "now", "asap", "thanks", "again"];

/// The commands of a comment, in its order: the first few, each once.
#[must_use]
pub fn read_commands(comment: &str) -> Vec<Command> {
    // Most comments are not addressed to us.
    if !mentions(comment) {
        return Vec::new();
    }
    let visible = Visible::read(comment);
    let starts: Vec<(usize, usize)> =
        visible.own_lines().filter_map(|(start, line)| Some((start, start + addressed(line)?))).collect();
    let mut commands: Vec<Command> = Vec::new();
    for (index, (start, rest)) in starts.iter().enumerate() {
        let next = starts.get(index + 1).map(|(next, _rest)| *next);
        let command = read(&visible, *start, *rest, next);
        // One explanation is enough.
        let is_unclear = |command: &Command| matches!(command, Command::Unclear { .. });
        let known =
            commands.iter().any(|known| *known == command || (is_unclear(known) && is_unclear(&command)));
        if !known && commands.len() < MOST {
            commands.push(command);
        }
    }
    commands
}

fn mentions(comment: &str) -> bool {
    let (comment, prefix) = (comment.as_bytes(), PREFIX.as_bytes());
    comment.windows(prefix.len()).any(|window| window.eq_ignore_ascii_case(prefix))
}

/// Where the words after `/agent` begin, if the line begins with that.
fn addressed(line: &str) -> Option<usize> {
    let (begin, rest) = line.split_at_checked(PREFIX.len())?;
    let ends = rest.chars().next().is_none_or(char::is_whitespace);
    (begin.eq_ignore_ascii_case(PREFIX) && ends).then_some(PREFIX.len())
}

fn read(visible: &Visible, start: usize, rest: usize, next: Option<usize>) -> Command {
    let following = text::plain(&visible.between(rest, next));
    let line = following.lines().next().unwrap_or_default();
    let said = line.split_whitespace().next().unwrap_or_default();
    let after = |text: &str| text.trim_start().get(said.len()..).unwrap_or_default().trim().to_owned();
    let unclear = |why: String| {
        let line = visible.between(start, next);
        let line = text::plain(line.lines().next().unwrap_or_default());
        Command::Unclear { said: text::head(line.trim(), SAID), why }
    };
    let needs = |words: String, why: &str| if words.is_empty() { Err(why.to_owned()) } else { Ok(words) };
    let verb = match verb(said) {
        Ok(verb) => verb,
        Err(why) => return unclear(why),
    };
    let command = match verb {
        Verb::Bump => read_bump(&after(line)).map(Command::Bump),
        Verb::Retry => {
            let hint = text::head(&after(&following), HINT);
            Ok(Command::Retry { hint: (!hint.is_empty()).then_some(hint) })
        }
        Verb::Fix => needs(
            after(&following),
            "find out what to fix: write `/agent fix` and then what is to be changed",
        )
        .map(|words| Command::Fix { instruction: text::head(&words, INSTRUCTION) }),
        Verb::Appeal => needs(
            after(&following),
            "find the reason of the appeal: write `/agent appeal` and then why the refusal is wrong",
        )
        .map(|words| Command::Appeal { reason: text::head(&words, HINT) }),
        Verb::Explain => Ok(Command::Explain),
        Verb::Stop => Ok(Command::Stop),
        Verb::Status => Ok(Command::Status),
        Verb::Help => Ok(Command::Help),
    };
    command.unwrap_or_else(unclear)
}

/// # Errors
/// What is no command, with the one that may have been meant.
fn verb(said: &str) -> Result<Verb, String> {
    let word = said.trim_end_matches(['.', ',', ':', ';', '!', '?']).to_ascii_lowercase();
    if word.is_empty() {
        return Ok(Verb::Help);
    }
    if let Some((_name, verb)) = VERBS.iter().find(|(name, _verb)| *name == word) {
        return Ok(*verb);
    }
    let shown = if word.len() <= 20 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        format!("find a command `{word}`")
    } else {
        "find that command".to_owned()
    };
    let nearest = VERBS.iter().map(|(name, _verb)| (distance(name, &word), *name)).min();
    let meant = MEANT.iter().find(|(other, _name)| *other == word).map(|(_other, name)| *name);
    let meant = meant.or(nearest.filter(|(distance, _name)| *distance <= 2).map(|(_distance, name)| name));
    let meant = meant.map(|name| format!("did you mean `{PREFIX} {name}`? ")).unwrap_or_default();
    Err(format!("{shown}: {meant}`{PREFIX} help` lists them"))
}

/// Letters to add, to drop, to change or to swap with a neighbour until both
/// are the same; a word that is too long is far from everything.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().take(20).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&row, j) + usize::from(x != y)).min(at(&row, j + 1) + 1).min(at(&next, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

/// `package`, `package@version`, `package to version`, in backticks or not.
///
/// # Errors
/// No package, more than one, or words that would be lost.
fn read_bump(words: &str) -> Result<Bump, String> {
    const HOW: &str = "write `/agent bump package`, or `/agent bump package@version`";
    let quoted = words.starts_with('`');
    let mut tokens = words.split_whitespace().map(bare).filter(|token| !token.is_empty());
    let Some(first) = tokens.next() else {
        return Err(format!("find out what to bump: {HOW}"));
    };
    let (package, at) = split(first);
    if !is_package(package) || (!quoted && (is_vague(package) || is_joint(package))) {
        return Err(format!("find out which package to bump: {HOW}"));
    }
    let mut version = at.map(|at| read_version(package, at)).transpose()?;
    while let Some(token) = tokens.next() {
        let word = token.to_ascii_lowercase();
        match word.as_str() {
            "from" if tokens.next().is_some() => {}
            "to" | "→" | "->" if version.is_none() => {
                let to = tokens.next().ok_or_else(|| format!("find the version to bump to: {HOW}"))?;
                version = Some(read_version(package, to)?);
            }
            "and" | "&" | "+" | "," => {
                return Err(
                    "bump several packages by one command: write one `/agent bump` per line".to_owned()
                );
            }
            word if POLITE.contains(&word) => {}
            word if version.is_none()
                && word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit()) =>
            {
                version = Some(read_version(package, token)?);
            }
            _ => return Err(format!("understand what follows the package's name: {HOW}")),
        }
    }
    let version = version.filter(|version| !version.eq_ignore_ascii_case("latest"));
    Ok(Bump { package: package.to_owned(), version })
}

/// Without backticks, quotes, and what ends a sentence.
fn bare(token: &str) -> &str {
    let token = token.trim_end_matches([',', ';', '!', '?']);
    token.trim_end_matches('.').trim_matches(['`', '"', '\''])
}

/// `@scope/name@1.0.0` and `group:artifact:1.0.0` name a version too.
fn split(token: &str) -> (&str, Option<&str>) {
    if let Some((package, version)) = token.rsplit_once('@').filter(|(package, _version)| !package.is_empty())
    {
        return (package, Some(version));
    }
    match token.rsplit_once(':') {
        Some((package, version)) if package.contains(':') => (package, Some(version)),
        _ => (token, None),
    }
}

fn is_joint(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "to" | "from" | "and" | "everything" | "please")
}

/// An npm name with or without a scope, or `group:artifact`.
fn is_package(text: &str) -> bool {
    let part = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~".contains(&b))
    };
    let parts = match text.strip_prefix('@') {
        Some(scoped) => scoped.split_once('/'),
        None => text.split_once(':'),
    };
    let whole = match parts {
        Some((first, second)) => part(first) && part(second),
        None => part(text),
    };
    whole && text.len() <= PACKAGE
}

/// A Maven version may begin with a "v" that belongs to it.
fn read_version(package: &str, text: &str) -> Result<String, String> {
    let without = text.strip_prefix(['v', 'V']).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let version = without.filter(|_version| !package.contains(':')).unwrap_or(text);
    let plain = version.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b));
    if !plain || version.len() > VERSION || !version.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err("read the version: an exact one is asked for, such as `1.2.3`".to_owned());
    }
    Ok(version.to_owned())
}

#[cfg(test)]
mod tests;
