//! Which packages of a group break it, found without a model.
//!
//! Pure: it says which subset to try next, and is told what came of it. A
//! subset that is red although every smaller one in it is green is a minimal
//! breaking subset (delta debugging, Zeller and Hildebrandt 2002).

use std::collections::{BTreeMap, BTreeSet};

/// Members of a group by their place in the request.
pub type Subset = BTreeSet<usize>;

/// What is known: `true` for a subset whose verification is red.
pub type Known = BTreeMap<Subset, bool>;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    Try(Subset),
    Done(Parts),
}

/// A group taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Green together; may be empty.
    pub green: Subset,
    /// Each is minimal, and red by itself.
    pub breaking: Vec<Subset>,
}

/// A subset whose colour is not known yet.
struct Unknown(Subset);

/// The next subset to try for a group of `size` members, or the answer. The
/// empty subset is the untouched base: it is never asked about.
#[must_use]
pub fn next(size: usize, known: &Known) -> Next {
    match take_apart((0..size).collect(), known) {
        Ok(parts) => Next::Done(parts),
        Err(Unknown(subset)) => Next::Try(subset),
    }
}

/// What is known when there is no time to find out more: the largest subset
/// that was green, and everything else as one part that breaks.
#[must_use]
pub fn so_far(size: usize, known: &Known) -> Parts {
    let green = known.iter().filter(|(_, red)| !**red).map(|(subset, _)| subset);
    let green = green.max_by_key(|subset| subset.len()).cloned().unwrap_or_default();
    let rest: Subset = (0..size).filter(|member| !green.contains(member)).collect();
    Parts { green, breaking: if rest.is_empty() { Vec::new() } else { vec![rest] } }
}

fn take_apart(mut rest: Subset, known: &Known) -> Result<Parts, Unknown> {
    let mut breaking = Vec::new();
    while !rest.is_empty() && is_red(&rest, known)? {
        let minimal = minimise(rest.clone(), known)?;
        rest = &rest - &minimal;
        breaking.push(minimal);
    }
    Ok(Parts { green: rest, breaking })
}

fn is_red(subset: &Subset, known: &Known) -> Result<bool, Unknown> {
    known.get(subset).copied().ok_or_else(|| Unknown(subset.clone()))
}

/// Shrinks a red subset until no part and no complement of it is red.
fn minimise(mut red: Subset, known: &Known) -> Result<Subset, Unknown> {
    let mut pieces = 2;
    while red.len() > 1 {
        let parts = split(&red, pieces);
        let complements = parts.iter().map(|part| &red - part);
        let smaller = first_red(parts.iter().cloned().chain(complements), red.len(), known)?;
        match smaller {
            Some(smaller) => {
                red = smaller;
                pieces = 2;
            }
            None if pieces >= red.len() => break,
            None => pieces = (pieces * 2).min(red.len()),
        }
    }
    Ok(red)
}

fn first_red(
    subsets: impl Iterator<Item = Subset>,
    whole: usize,
    known: &Known,
) -> Result<Option<Subset>, Unknown> {
    for subset in subsets.filter(|subset| !subset.is_empty() && subset.len() < whole) {
        if is_red(&subset, known)? {
            return Ok(Some(subset));
        }
    }
    Ok(None)
}

fn split(whole: &Subset, pieces: usize) -> Vec<Subset> {
    let members: Vec<usize> = whole.iter().copied().collect();
    let size = members.len().div_ceil(pieces.max(1)).max(1);
    members.chunks(size).map(|chunk| chunk.iter().copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a whole hunt against `red`; returns the answer and the tries.
    fn hunt(size: usize, red: impl Fn(&Subset) -> bool) -> (Parts, usize) {
        let mut known = Known::new();
        loop {
            match next(size, &known) {
                Next::Done(parts) => return (parts, known.len()),
                Next::Try(subset) => {
                    assert!(!subset.is_empty(), "the base was asked about");
                    let colour = red(&subset);
                    assert_eq!(known.insert(subset, colour), None, "a subset was tried twice");
                }
            }
        }
    }

    fn set(members: &[usize]) -> Subset {
        members.iter().copied().collect()
    }

    #[test]
    fn a_green_group_is_tried_once() {
        let (parts, tries) = hunt(5, |_| false);
        assert_eq!((parts.green, parts.breaking, tries), (set(&[0, 1, 2, 3, 4]), vec![], 1));
    }

    #[test]
    fn one_breaker_is_found_in_few_tries() {
        for breaker in 0..16 {
            let (parts, tries) = hunt(16, |subset| subset.contains(&breaker));
            assert_eq!(parts.breaking, [set(&[breaker])]);
            assert_eq!(parts.green.len(), 15);
            assert!(tries <= 11, "{tries} tries");
        }
    }

    #[test]
    fn breakers_that_break_alone_are_told_apart() {
        let (parts, _) = hunt(6, |subset| subset.contains(&1) || subset.contains(&4));
        assert_eq!(parts.breaking.iter().flatten().copied().collect::<Subset>(), set(&[1, 4]));
        assert!(parts.breaking.iter().all(|breaker| breaker.len() == 1));
        assert_eq!(parts.green, set(&[0, 2, 3, 5]));
    }

    #[test]
    fn two_that_break_only_together_stay_together() {
        let (parts, _) = hunt(5, |subset| subset.contains(&0) && subset.contains(&3));
        assert_eq!(parts.breaking, [set(&[0, 3])]);
        assert_eq!(parts.green, set(&[1, 2, 4]));
    }

    #[test]
    fn what_was_green_is_not_lost_when_the_tries_run_out() {
        let known = Known::from([(set(&[0, 1, 2]), true), (set(&[0]), false), (set(&[1, 2]), true)]);
        assert_eq!(so_far(3, &known), Parts { green: set(&[0]), breaking: vec![set(&[1, 2])] });
        assert_eq!(so_far(2, &Known::new()).breaking, [set(&[0, 1])]);
    }

    #[test]
    fn a_group_that_breaks_as_a_whole_only_has_no_rest() {
        let (parts, _) = hunt(3, |subset| subset.len() == 3);
        assert_eq!((parts.green, parts.breaking), (set(&[]), vec![set(&[0, 1, 2])]));
    }
}
