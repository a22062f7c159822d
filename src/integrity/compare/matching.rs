//! Which test of the head is which test of the base.

use std::collections::{HashMap, HashSet};

use super::super::assertion::Check;
use super::super::model::{self, Case};
use super::super::{place, strength};
use super::{ALIKE, ALIKE_CAP, Place, TestFile, base, head};

pub(super) fn by_name(
    index: usize,
    file: &TestFile<'_>,
    pairs: &mut Vec<(Place, Place)>,
    lost: &mut Vec<Place>,
    new: &mut Vec<Place>,
) {
    let none = Vec::new();
    let then = file.before.as_ref().map_or(&none, |suite| &suite.cases);
    let now = file.after.as_ref().map_or(&none, |suite| &suite.cases);
    let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, case) in now.iter().enumerate().rev() {
        named.entry(&case.name).or_default().push(at);
    }
    let mut used = HashSet::new();
    for (at, case) in then.iter().enumerate() {
        match named.get_mut(case.name.as_str()).and_then(Vec::pop) {
            Some(same) => {
                used.insert(same);
                pairs.push(((index, at), (index, same)));
            }
            None => lost.push((index, at)),
        }
    }
    new.extend((0..now.len()).filter(|at| !used.contains(at)).map(|at| (index, at)));
}

/// By the body, the title, the words.
pub(super) fn match_rest(
    files: &[TestFile<'_>],
    pairs: &mut Vec<(Place, Place)>,
    lost: &mut Vec<Place>,
    new: &mut Vec<Place>,
) {
    let path = |place: &Place| files.get(place.0).map_or("", |file| file.path);
    let is_open = |from: &Place, to: &Place| place::is_still_found(path(from), path(to));
    for round in 0..3 {
        let mut index: HashMap<u64, Vec<Place>> = HashMap::new();
        for place in new.iter() {
            if let Some(case) = head(files, *place) {
                index.entry(key(round, case)).or_default().push(*place);
            }
        }
        lost.retain(|from| {
            let Some(case) = base(files, *from) else { return false };
            let candidates = index
                .get_mut(&key(round, case))
                .map(|list| (list.iter().position(|to| is_open(from, to)), list));
            let Some((Some(found), list)) = candidates else { return true };
            pairs.push((*from, list.remove(found)));
            false
        });
        let used: HashSet<Place> = pairs.iter().map(|(_, to)| *to).collect();
        new.retain(|place| !used.contains(place));
    }
    alike(files, pairs, lost, new, is_open);
}

fn key(round: usize, case: &Case) -> u64 {
    match round {
        0 => case.body,
        1 => model::hash(&case.name),
        _ => model::hash(case.title()),
    }
}

fn alike(
    files: &[TestFile<'_>],
    pairs: &mut Vec<(Place, Place)>,
    lost: &mut Vec<Place>,
    new: &mut Vec<Place>,
    is_open: impl Fn(&Place, &Place) -> bool,
) {
    let mut rest = Vec::new();
    for (index, from) in lost.drain(..).enumerate() {
        let Some(case) = base(files, from) else { continue };
        let table = new.iter().copied().find(|to| {
            to.0 == from.0
                && head(files, *to).is_some_and(|after| !after.is_skipped() && is_table_of(case, after))
        });
        if let Some(to) = table {
            // Several tests may have become rows of the same table.
            pairs.push((from, to));
            continue;
        }
        let best = new
            .iter()
            .take(if index < ALIKE_CAP { ALIKE_CAP } else { 0 })
            .filter(|to| is_open(&from, to))
            .filter_map(|to| Some((*to, model::likeness(&case.words, &head(files, *to)?.words))))
            .max_by(|one, other| one.1.total_cmp(&other.1))
            .filter(|(_, likeness)| *likeness >= ALIKE);
        match best {
            Some((to, _)) => {
                new.retain(|place| *place != to);
                pairs.push((from, to));
            }
            None => rest.push(from),
        }
    }
    *lost = rest;
}

/// One assertion stands for all rows of a table.
pub(super) fn is_in_table(check: &Check, before: &Case, after: &Case) -> bool {
    let more = after.rows.unwrap_or(1) > before.rows.unwrap_or(1);
    more && after
        .checks
        .iter()
        .any(|other| other.level >= check.level && first_word(other) == first_word(check))
}

fn first_word(check: &Check) -> &str {
    check.subject.split(' ').next().unwrap_or_default()
}

/// Did several assertions become the rows of a table?
fn is_table_of(before: &Case, after: &Case) -> bool {
    let demanding: Vec<&Check> =
        before.checks.iter().filter(|check| check.level > strength::NOTHING).collect();
    !demanding.is_empty()
        && after.rows.is_some_and(|rows| rows.saturating_mul(after.checks.len()) >= demanding.len())
        && demanding.iter().all(|check| is_in_table(check, before, after))
}
