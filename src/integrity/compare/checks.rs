//! The assertions of one test against those of the test that took its place.

use std::collections::{HashMap, HashSet};

use super::super::assertion::{About, Check};
use super::super::strength::{self, Level};
use super::super::{model, snapshot};
use super::{PAIRS_CAP, finding, short};
use crate::evidence::Finding;

/// What comes out of comparing the assertions of two tests.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) findings: Vec<Finding>,
    pub(super) dropped: Vec<Check>,
    pub(super) spare: Vec<Check>,
}

pub(super) fn checks(path: &str, before: &[Check], after: &[Check], promised: bool) -> Compared {
    let mut compared = Compared::default();
    let (mut left, mut right) = without_same(path, before, after, &mut compared.findings);
    pair_up(path, &mut left, &mut right, &mut compared.findings);
    left.retain(|check| !is_implied(check, after) && (!promised || check.about != About::NoError));
    // What is left is dropped, unless something as strict took its place.
    left.retain(|check| {
        let place = right.iter().position(|other| other.level >= check.level && other.about == check.about);
        if let Some(place) = place {
            right.swap_remove(place);
        }
        place.is_none()
    });
    left.retain(|check| {
        let place = right.iter().position(|other| {
            other.level > strength::NOTHING
                && strength::EXACT > other.level
                && other.about == check.about
                && check.about != About::Plan
        });
        let Some(place) = place else { return true };
        let other = right.swap_remove(place);
        compared.findings.extend(loosened(path, check, other));
        false
    });
    compared.findings.extend(emptied(path, &left, after, before));
    compared.dropped = left.into_iter().cloned().collect();
    compared.spare = right.into_iter().filter(|check| check.level > strength::NOTHING).cloned().collect();
    compared
}

/// An assertion that can no longer fail, where there was one that could.
fn emptied(path: &str, left: &[&Check], after: &[Check], before: &[Check]) -> Vec<Finding> {
    let known: HashSet<&str> = before.iter().map(|check| check.text.as_str()).collect();
    let hollow =
        after.iter().filter(|check| check.level == strength::NOTHING && !known.contains(check.text.as_str()));
    hollow
        .take(left.len())
        .map(|check| {
            let message =
                format!("the assertion {} cannot fail: put back what was asserted", short(&check.text));
            finding("assertion-loosened", path, Some(check.line), message)
        })
        .collect()
}

/// The assertions that are not literally on both sides.
fn without_same<'a>(
    path: &str,
    before: &'a [Check],
    after: &'a [Check],
    findings: &mut Vec<Finding>,
) -> Sides<'a> {
    let mut same: HashMap<&str, Vec<&Check>> = HashMap::new();
    for check in after.iter().rev() {
        same.entry(check.text.as_str()).or_default().push(check);
    }
    let mut used: HashSet<*const Check> = HashSet::new();
    let mut left = Vec::new();
    for check in before.iter().filter(|check| check.level > strength::NOTHING) {
        match same.get_mut(check.text.as_str()).and_then(Vec::pop) {
            Some(other) if other.level >= check.level => {
                used.insert(std::ptr::from_ref(other));
                findings.extend(guarded(path, check, other));
            }
            _ => left.push(check),
        }
    }
    let right = after
        .iter()
        .filter(|check| check.level > strength::NOTHING && !used.contains(&std::ptr::from_ref(*check)));
    (left, right.collect())
}

type Sides<'a> = (Vec<&'a Check>, Vec<&'a Check>);

/// Pairs what is asserted about the same thing, then what reads alike.
fn pair_up(path: &str, left: &mut Vec<&Check>, right: &mut Vec<&Check>, findings: &mut Vec<Finding>) {
    left.retain(|check| {
        let same = right
            .iter()
            .enumerate()
            .filter(|(_, other)| !check.subject.is_empty() && other.subject == check.subject)
            .map(|(index, other)| {
                (index, other.name == check.name, other.level >= check.level, resemblance(check, other))
            })
            .max_by(|one, other| (one.1, one.2).cmp(&(other.1, other.2)).then(one.3.total_cmp(&other.3)));
        let Some((index, ..)) = same else { return true };
        let other = right.swap_remove(index);
        findings.extend(judged(path, check, other));
        false
    });
    if left.len().saturating_mul(right.len()) > PAIRS_CAP * PAIRS_CAP {
        return;
    }
    left.retain(|check| {
        let best = right
            .iter()
            .enumerate()
            .map(|(index, other)| (index, resemblance(check, other)))
            .max_by(|one, other| one.1.total_cmp(&other.1))
            .filter(|(_, likeness)| *likeness >= 0.45);
        let Some((index, _)) = best else { return true };
        let is_kept =
            right.get(index).is_some_and(|other| other.about == check.about || other.level >= check.level);
        if !is_kept {
            return true;
        }
        let other = right.swap_remove(index);
        findings.extend(judged(path, check, other));
        false
    });
}

fn resemblance(one: &Check, other: &Check) -> f64 {
    let words = |check: &Check| -> HashMap<u64, usize> {
        let mut words = HashMap::new();
        for word in check.text.split(' ').filter(|word| word.chars().any(char::is_alphanumeric)) {
            *words.entry(model::hash(word)).or_default() += 1;
        }
        words
    };
    let same_kind = f64::from(u8::from(one.level == other.level && one.about == other.about)) * 0.05;
    model::likeness(&words(one), &words(other)) + same_kind
}

/// What may not differ between an assertion and what took its place.
fn judged(path: &str, before: &Check, after: &Check) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(guarded(path, before, after));
    if before.about == About::InlineSnapshot && after.about == About::InlineSnapshot {
        if snapshot::differ(&before.text, &after.text) {
            let message = format!("the snapshot in {} was rewritten: put it back", short(&after.text));
            findings.push(finding("snapshot-rewritten", path, Some(after.line), message));
        }
        return findings;
    }
    if after.about == About::Plan && before.about == About::Plan {
        if let (Some(then), Some(now)) = (before.tolerance, after.tolerance)
            && now > then
        {
            let message =
                format!("fewer assertions are planned than before: put back {}", short(&before.text));
            findings.push(finding("assertion-dropped", path, Some(after.line), message));
        }
        return findings;
    }
    findings.extend(loosened(path, before, after));
    findings
}

fn loosened(path: &str, before: &Check, after: &Check) -> Option<Finding> {
    let is_looser = after.level < floor(before, after)
        || (after.level <= before.level && after.wildcards > before.wildcards)
        || is_less_strict(&before.name, &after.name)
        || matches!((before.tolerance, after.tolerance), (Some(then), Some(now)) if now > then);
    is_looser.then(|| {
        let message =
            format!("{} asserts less than {}: put that back", short(&after.text), short(&before.text));
        finding("assertion-loosened", path, Some(after.line), message)
    })
}

/// What the new one has to demand. A truth is as good as it is written.
fn floor(before: &Check, after: &Check) -> Level {
    let is_same_kind =
        before.name == after.name && before.about == About::Value && before.subject == after.subject;
    if is_same_kind
        && before.level == strength::EXACT
        && after.level == strength::COUNT
        && after.tolerance.is_none()
    {
        // `toBe('x')` and `toBe(null)` differ in the value only, which
        // running the base's tests decides.
        return strength::COUNT;
    }
    before.level
}

/// Relatives of one library of which the second lets more through.
fn is_less_strict(before: &str, after: &str) -> bool {
    matches!(
        (before, after),
        ("toStrictEqual", "toEqual")
            | ("deepStrictEqual", "deepEqual")
            | ("strictEqual", "equal")
            | ("isSameAs", "isEqualTo")
            | ("assertSame", "assertEquals")
            | ("assertThrowsExactly", "assertThrows")
            | ("containsExactly", "containsExactlyInAnyOrder")
            | ("calledOnceWithExactly" | "calledWithExactly", "calledWith")
            | ("isExactlyInstanceOf", "isInstanceOf")
    )
}

fn guarded(path: &str, before: &Check, after: &Check) -> Option<Finding> {
    if after.floating && !before.floating {
        let message = format!("nobody waits for {}: put the await back", short(&after.text));
        return Some(finding("assertion-dropped", path, Some(after.line), message));
    }
    (after.guarded && !before.guarded && !before.in_handler).then(|| {
        let message = format!("{} is asserted under a condition only: assert it always", short(&after.text));
        finding("assertion-dropped", path, Some(after.line), message)
    })
}

/// Another assertion says as much: the thing's existence is part of what it
/// is, and what a handler looked at is part of a thrown exception.
fn is_implied(check: &Check, after: &[Check]) -> bool {
    if check.about == About::NotThrown {
        return true;
    }
    after.iter().any(|other| {
        let same = !check.subject.is_empty()
            && (other.subject == check.subject || other.subject.starts_with(&format!("{} .", check.subject)));
        let more =
            other.level > check.level && check.level <= strength::PART && other.level >= strength::COUNT
                || other.level == strength::EXACT
                    && check.level < strength::EXACT
                    && other.subject == check.subject;
        let of_exception =
            matches!(check.about, About::Unreached | About::Thrown | About::Plan) || check.in_handler;
        // What a handler looks at does not show that it is reached.
        let shown = other.about == About::Thrown && !other.in_handler && other.level >= strength::COUNT;
        let thrown = shown && of_exception;
        let part = other.level == strength::EXACT && is_part_of(check, &other.subject);
        ((same && more || part) && !other.guarded) || (thrown && check.about != About::Thrown)
    })
}

/// Its size, one of its elements, or whether it has something.
fn is_part_of(check: &Check, whole: &str) -> bool {
    let rest = check.subject.strip_prefix(whole).filter(|_| !whole.is_empty()).map(str::trim_start);
    rest.is_some_and(|rest| {
        let is_element =
            ["[", ". get (", ". getFirst (", ". at ("].iter().any(|start| rest.starts_with(start));
        is_element || (rest.starts_with('.') && check.level <= strength::COUNT)
    })
}
