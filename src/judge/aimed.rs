//! Text in a change that is aimed at whoever judges it.
//!
//! A model can be talked to, so what talks to it is looked for without one:
//! orders that set aside earlier ones, words to a reviewer or a judge, our
//! own protocol imitated, characters that hide text, and all of that encoded.
//! A hit in what a change adds is a veto whatever the judge would say. A rule
//! wants an order or an address and an object, so that code about approvals,
//! ignore files or language models goes through. It refuses to be clever: it
//! is one of several defences, and what it lets through is still shown as
//! marked data.

mod encoded;
mod fold;
mod rules;

use std::collections::BTreeSet;
use std::fmt;

use super::diff::{FileDiff, Line};
use crate::evidence::Side;

const DISGUISED: &str = "speaks to the judge in disguise";
/// So many characters without a shape in a row are no accident.
const UNSEEN: usize = 4;

/// A place that speaks to the judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) file: String,
    /// `None` for the file's name.
    pub(super) line: Option<u32>,
    /// What it does, to complete "it …".
    pub(super) what: &'static str,
}

impl fmt::Display for Hit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line} {}", self.file, self.what),
            None => write!(f, "the name of {} {}", self.file, self.what),
        }
    }
}

/// The first place in each file, in names and in added lines.
pub(super) fn scan(files: &[FileDiff]) -> Vec<Hit> {
    files.iter().filter_map(in_file).collect()
}

fn in_file(file: &FileDiff) -> Option<Hit> {
    let hit = |line, what| Hit { file: super::shown::visible(&file.path), line, what };
    if let Some(what) = hidden(&file.path).or_else(|| speaks(&file.path.replace(['/', '.'], " "))) {
        return Some(hit(None, what));
    }
    let added: Vec<&Line> = file.lines.iter().filter(|line| line.side == Side::Added).collect();
    if let Some((line, what)) = added.iter().find_map(|line| Some((line.number, hidden(&line.text)?))) {
        return Some(hit(Some(line), what));
    }
    let texts: Vec<&str> = added.iter().map(|line| line.text.as_str()).collect();
    let (at, what) = found(&texts)?;
    Some(hit(added.get(at).map(|line| line.number), what))
}

/// Lines that were there before and speak to the judge, by their index: the
/// change is not to blame for them, but nobody has to read them either.
pub(super) fn old_lines(file: &FileDiff) -> BTreeSet<usize> {
    let mut old = BTreeSet::new();
    for side in [Side::Context, Side::Removed] {
        let lines: Vec<(usize, &str)> = (file.lines.iter().enumerate())
            .filter(|(_, line)| line.side == side)
            .map(|(index, line)| (index, line.text.as_str()))
            .collect();
        let mut rest = lines.as_slice();
        // What is found may go on for a few lines.
        while let Some((at, _)) = found(&rest.iter().map(|(_, text)| *text).collect::<Vec<_>>()) {
            old.extend(rest.iter().skip(at).take(4).map(|(index, _)| *index));
            rest = rest.get(at + 1..).unwrap_or_default();
        }
    }
    old
}

/// The line at which something begins that speaks to the judge.
fn found(lines: &[&str]) -> Option<(usize, &'static str)> {
    let folded: Vec<String> = lines.iter().map(|line| fold::fold(line)).collect();
    let whole = folded.join("\n");
    let turned = || rules::find(&fold::turned(&whole)).map(|(at, _)| (at, DISGUISED));
    if let Some((at, what)) = rules::find(&whole).or_else(turned) {
        let line = whole.get(..at).unwrap_or_default().matches('\n').count();
        return Some((line, what));
    }
    let decoded = lines.iter().enumerate().find_map(|(index, line)| {
        let what = encoded::decoded(line).iter().find_map(|text| speaks(text));
        what.map(|_| (index, "holds encoded text that speaks to the judge"))
    });
    decoded.or_else(|| fold::squeezed(&whole).map(|at| (at, DISGUISED)))
}

/// What a text does, if it is aimed at the judge.
fn speaks(text: &str) -> Option<&'static str> {
    let folded = fold::fold(text);
    let disguised = || fold::squeezed(&folded).map(|_| DISGUISED);
    rules::find(&folded).map(|(_, what)| what).or_else(disguised)
}

/// Characters that show a person another text than a machine.
fn hidden(text: &str) -> Option<&'static str> {
    let mut before: Option<char> = None;
    let mut chars = text.chars().peekable();
    let (mut in_flag, mut unseen) = (false, 0);
    while let Some(c) = chars.next() {
        // One may join or part two signs; a row of them is a message.
        unseen = if super::shown::is_shapeless(c) && !in_flag { unseen + 1 } else { 0 };
        if unseen >= UNSEEN {
            return Some("holds characters that nobody can see");
        }
        match c {
            // The flags of England, Scotland and Wales are written with tags.
            '\u{1f3f4}' => in_flag = true,
            '\u{e0000}'..='\u{e007f}' if in_flag => {}
            '\u{e0000}'..='\u{e0fff}' => return Some("holds characters that nobody can see"),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                return Some("turns the direction of its text around");
            }
            '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{ad}' => {
                let plain = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
                if plain(before) && plain(chars.peek().copied()) {
                    return Some("holds characters without a width inside of words");
                }
            }
            _ => in_flag = false,
        }
        before = Some(c);
    }
    None
}

#[cfg(test)]
mod tests;
