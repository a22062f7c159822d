//! The briefing as text: what touches the repository first, and never more
//! than there is room for.

use std::collections::BTreeMap;

use super::Affected;
use super::api::What;
use super::part::{Part, Told};
use super::uses::{Spot, Touch};
use crate::text::{fenced, head, plain};

/// Bytes of one signature.
const SIGNATURE: usize = 300;
/// Places that are named with one change.
const SPOTS: usize = 4;
/// What a fence adds to its content.
const FENCE: usize = 160;
/// Less is not worth a fence.
const LEAST: usize = 120;

struct Page {
    text: String,
    budget: usize,
}

impl Page {
    fn left(&self) -> usize {
        self.budget.saturating_sub(self.text.len())
    }

    /// A line of our own words.
    fn say(&mut self, line: &str) {
        let line = plain(line);
        if line.len() < self.left() {
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    /// Lines of others, as many as `share` has room for.
    fn fence(&mut self, kind: &str, lines: &[String], share: usize) {
        let room = share.min(self.left()).saturating_sub(FENCE + kind.len());
        if lines.is_empty() || room < LEAST {
            return;
        }
        let mut shown = String::new();
        for (number, line) in lines.iter().enumerate() {
            let line = plain(line);
            if shown.len() + line.len() + 40 > room {
                if number == 0 {
                    shown.push_str(&head(&line, room.saturating_sub(60)));
                    shown.push('\n');
                }
                let left_out = lines.len() - number.max(1);
                shown.push_str(&format_left_out(left_out));
                break;
            }
            shown.push_str(&line);
            shown.push('\n');
        }
        self.text.push_str(&fenced(kind, &shown));
        self.text.push_str("\n\n");
    }
}

fn format_left_out(count: usize) -> String {
    if count == 0 { String::new() } else { format!("({count} more)\n") }
}

pub(super) fn render(parts: &[Part], left_out: usize, budget: usize) -> String {
    let mut page = Page { text: String::new(), budget };
    for (number, part) in parts.iter().enumerate() {
        let after = parts.len() - number - 1;
        // The first package is the one that was asked for.
        let share = match (number, after) {
            (_, 0) => page.left(),
            (0, _) => page.left() * 2 / 3,
            _ => page.left() / (after + 1),
        };
        let whole = std::mem::replace(&mut page.budget, 0);
        page.budget = page.text.len() + share;
        one(&mut page, part);
        page.budget = whole;
    }
    if left_out > 0 {
        page.say(&format!("{left_out} packages more moved along."));
    }
    page.text.truncate(page.text.trim_end().len());
    page.text
}

fn one(page: &mut Page, part: &Part) {
    let Part { package, from, to, .. } = part;
    page.say(&format!("What changed in {package} from {from} to {to}, read from the package itself."));
    page.say(&verdict(part));
    for missing in &part.missing {
        page.say(&format!("Not read: {missing}."));
    }
    let share = page.left();
    let (touching, others): (Vec<&Told>, Vec<&Told>) =
        part.changes.iter().partition(|told| told.touch != Touch::No);
    let lines: Vec<String> = touching.iter().map(|told| change(told)).collect();
    page.fence(&format!("changes of {package} that touch this repository"), &lines, share / 2);
    let sites: Vec<String> = part.sites.iter().map(Spot::shown).collect();
    page.fence(&format!("where this repository uses {package}"), &sites, share / 4);
    let named: Vec<String> = part.named.iter().map(Spot::shown).collect();
    page.fence(&format!("where {package} is named"), &named, share / 8);
    page.fence(&format!("what else {package} says of itself"), &part.notes, share / 8);
    match &part.changelog {
        Ok(slice) => {
            let lines: Vec<String> = slice.lines().map(str::to_owned).collect();
            let kind = format!("the changelog of {package} after {from} up to {to}, what breaks first");
            page.fence(&kind, &lines, share / 2);
        }
        Err(why) => page.say(&format!("Changelog: {why}.")),
    }
    let others = grouped(others.into_iter().filter(|told| told.change.breaks()));
    page.fence(&format!("other breaking changes of {package}"), &others, share / 4);
    let added = grouped(part.changes.iter().filter(|told| !told.change.breaks()));
    page.fence(&format!("what is new in {package}"), &added, share / 8);
}

fn verdict(part: &Part) -> String {
    match &part.affected {
        Affected::None => {
            "No call site of this repository uses anything of it that changed in name or declared type."
                .to_owned()
        }
        Affected::Some { places } => format!("It touches this repository at {places} places."),
        Affected::Unknown { reasons } => {
            format!("Whether it touches this repository cannot be told: {}.", reasons.join("; "))
        }
    }
}

/// Two long signatures from shortly before where they differ.
fn from_difference(was: &str, now: &str) -> (String, String) {
    let same = was.chars().zip(now.chars()).take_while(|(one, other)| one == other).count();
    if same < 120 || was.len().max(now.len()) <= SIGNATURE {
        return (was.to_owned(), now.to_owned());
    }
    let cut = |text: &str| format!("…{}", text.chars().skip(same - 60).collect::<String>());
    (cut(was), cut(now))
}

/// Changes that touch nobody here: members that came or went are only named,
/// class by class.
fn grouped<'t>(changes: impl Iterator<Item = &'t Told>) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut members: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for told in changes {
        let name = told.change.name.shown();
        match (&told.change.what, &told.change.member) {
            (What::Removed { .. }, Some(member)) => {
                members.entry(format!("- removed from {name}")).or_default().push(member);
            }
            (What::Added { .. }, Some(member)) => {
                members.entry(format!("- added to {name}")).or_default().push(member);
            }
            _ => lines.push(change(told)),
        }
    }
    lines.extend(members.into_iter().map(|(head, members)| format!("{head}: {}", members.join(", "))));
    lines
}

fn change(told: &Told) -> String {
    let short = |text: &str| head(text, SIGNATURE);
    let name = told.change.shown();
    let what = match &told.change.what {
        What::Removed { was } => format!("removed {name} (was: {})", short(was)),
        What::MovedTo { now } => format!("moved {name} to {now}"),
        What::Changed { was, now } => {
            let (was, now) = from_difference(was, now);
            format!("changed {name}\n  was: {}\n  now: {}", short(&was), short(&now))
        }
        What::Added { now } => format!("added {name}: {}", short(now)),
        What::Loading { was, now } => format!("loaded in another way\n  was: {was}\n  now: {now}"),
    };
    let mut shown = format!("- {what}");
    let sure = if told.touch == Touch::Surely { "used" } else { "perhaps used" };
    for spot in told.spots.iter().take(SPOTS) {
        shown = format!("{shown}\n  {sure}: {}", spot.shown());
    }
    if told.spots.len() > SPOTS {
        shown = format!("{shown}\n  and at {} places more", told.spots.len() - SPOTS);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_signatures_are_shown_where_they_differ() {
        let same = "x".repeat(400);
        let (was, now) = from_difference(&format!("{same}a"), &format!("{same}b"));
        assert!(was.ends_with('a') && now.ends_with('b') && was.len() < 80, "{was}");
        assert_eq!(from_difference("f(a)", "f(b)"), ("f(a)".to_owned(), "f(b)".to_owned()));
    }
}
