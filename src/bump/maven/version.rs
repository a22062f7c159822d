//! Maven's order of versions, and what a version's text says about it.
//!
//! The order is that of `ComparableVersion` in Maven 3.8.7, pair for pair, and
//! Maven 3.9.11 has the same one. Maven 4 differs where a qualifier stands
//! between or before numbers in an odd way: `1.0.Final-redhat-1` comes after
//! `1.0` there and before it here. For plain numbers with one qualifier at the
//! end all of them agree.
//!
//! Nothing here refuses: Maven takes any text for a version, and so do we.
//! That order is not a total one for odd texts, so listings are put in order
//! by [`sort`], which no text can upset, and never by the standard sort.

mod stability;

use std::cmp::Ordering;

pub use stability::{Family, is_snapshot, is_stable, major, same_family, suffix_family};

/// Java's decimal digits outside ASCII: the zero of each script.
const ZEROS: [u32; 36] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

/// The rank of a release: that of the empty qualifier.
const RELEASE: u8 = 5;

/// A version, taken apart once, for many comparisons.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    /// A version is a list that may end in a list, and so on: each of these
    /// is one list, and all but the last end in the next one.
    lists: Vec<Vec<Item>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Number(Number),
    Text { rank: u8, text: String },
}

/// A number of any length. Maven keeps short, long and very long ones apart,
/// and counts their digits before it reads them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Number {
    size: u8,
    length: usize,
    /// Without zeros in front.
    digits: String,
}

/// One place in a version: an item, the list that follows, or nothing.
enum Place<'a> {
    Item(&'a Item),
    List,
    Nothing,
}

impl Version {
    /// Takes `text` apart.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), lists: Reader::read(text) }
    }

    /// The version as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Maven's order: −, = or + as `ComparableVersion.compareTo` says.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let most = self.lists.len().max(other.lists.len());
        for depth in 0..most {
            match compare_lists(self.lists.get(depth), other.lists.get(depth), depth, (self, other)) {
                Ordering::Equal => {}
                different => return different,
            }
        }
        Ordering::Equal
    }

    fn place(&self, depth: usize, index: usize) -> Place<'_> {
        let Some(list) = self.lists.get(depth) else { return Place::Nothing };
        match list.get(index) {
            Some(item) => Place::Item(item),
            None if index == list.len() && depth + 1 < self.lists.len() => Place::List,
            None => Place::Nothing,
        }
    }
}

/// Compares one list with the one at the same depth. Where only one side goes
/// on with a list, the other one's place is empty and stays empty below.
fn compare_lists(
    left: Option<&Vec<Item>>,
    right: Option<&Vec<Item>>,
    depth: usize,
    (a, b): (&Version, &Version),
) -> Ordering {
    let longest = left.map_or(0, Vec::len).max(right.map_or(0, Vec::len)) + 1;
    for index in 0..longest {
        let order = match (a.place(depth, index), b.place(depth, index)) {
            (Place::Item(x), Place::Item(y)) => compare_items(x, y),
            (Place::Item(x), Place::Nothing) => against_nothing(x),
            (Place::Nothing, Place::Item(y)) => against_nothing(y).reverse(),
            (Place::Item(x), Place::List) => against_list(x),
            (Place::List, Place::Item(y)) => against_list(y).reverse(),
            (Place::List | Place::Nothing, Place::List | Place::Nothing) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn compare_items(left: &Item, right: &Item) -> Ordering {
    match (left, right) {
        (Item::Number(a), Item::Number(b)) => a.cmp(b),
        (Item::Number(_), Item::Text { .. }) => Ordering::Greater,
        (Item::Text { .. }, Item::Number(_)) => Ordering::Less,
        (Item::Text { rank: a, text: x }, Item::Text { rank: b, text: y }) => {
            // Java compares the units of UTF-16.
            a.cmp(b).then_with(|| x.encode_utf16().cmp(y.encode_utf16()))
        }
    }
}

fn against_nothing(item: &Item) -> Ordering {
    match item {
        Item::Number(number) if number.digits.is_empty() => Ordering::Equal,
        Item::Number(_) => Ordering::Greater,
        Item::Text { rank, .. } => rank.cmp(&RELEASE),
    }
}

fn against_list(item: &Item) -> Ordering {
    match item {
        Item::Number(_) => Ordering::Greater,
        Item::Text { .. } => Ordering::Less,
    }
}

impl Item {
    fn is_null(&self) -> bool {
        against_nothing(self) == Ordering::Equal
    }

    /// Known qualifiers have a rank; others come after all of them, by text.
    fn text(text: &str, before_digit: bool) -> Self {
        let rank = match text {
            "a" if before_digit => 0,
            "b" if before_digit => 1,
            "m" if before_digit => 2,
            "alpha" => 0,
            "beta" => 1,
            "milestone" => 2,
            "rc" | "cr" => 3,
            "snapshot" => 4,
            "" | "ga" | "final" | "release" => RELEASE,
            "sp" => 6,
            _ => 7,
        };
        Self::Text { rank, text: if rank == 7 { text.to_owned() } else { String::new() } }
    }

    fn number(run: &str) -> Self {
        let stripped = run.trim_start_matches('0');
        // A run of zeros keeps its length, as it does in Maven.
        let length = if stripped.is_empty() { run.chars().count() } else { stripped.chars().count() };
        let size = match length {
            0..=9 => 0,
            10..=18 => 1,
            _ => 2,
        };
        let digits: String =
            stripped.chars().filter_map(digit).filter_map(|d| char::from_digit(d, 10)).collect();
        let digits = digits.trim_start_matches('0').to_owned();
        Self::Number(Number { size, length: digits.len(), digits })
    }
}

/// The value of a decimal digit of any script of the basic plane.
fn digit(c: char) -> Option<u32> {
    c.to_digit(10).or_else(|| {
        let code = u32::from(c);
        ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| code - zero)
    })
}

/// Reads a version from left to right.
struct Reader {
    lists: Vec<Vec<Item>>,
    run: String,
    in_digits: bool,
}

impl Reader {
    fn read(text: &str) -> Vec<Vec<Item>> {
        let mut reader = Self { lists: vec![vec![]], run: String::new(), in_digits: false };
        for c in text.to_lowercase().chars() {
            match c {
                '.' => reader.end_part(),
                '-' => {
                    reader.end_part();
                    reader.lists.push(vec![]);
                }
                _ if digit(c).is_some() => reader.step_into_digits(c),
                _ => reader.step_into_text(c),
            }
        }
        if !reader.run.is_empty() {
            if !reader.in_digits {
                reader.open_list_unless_empty();
            }
            reader.end_part();
        }
        normalize(reader.lists)
    }

    fn add(&mut self, item: Item) {
        if let Some(list) = self.lists.last_mut() {
            list.push(item);
        }
    }

    fn open_list_unless_empty(&mut self) {
        if self.lists.last().is_some_and(|list| !list.is_empty()) {
            self.lists.push(vec![]);
        }
    }

    fn end_part(&mut self) {
        let run = std::mem::take(&mut self.run);
        self.add(if run.is_empty() {
            Item::number("0")
        } else if self.in_digits {
            Item::number(&run)
        } else {
            Item::text(&run, false)
        });
    }

    fn step_into_digits(&mut self, c: char) {
        if !self.in_digits && !self.run.is_empty() {
            // Text right before a digit starts a list: `.X1` counts as `-X1`.
            self.open_list_unless_empty();
            let run = std::mem::take(&mut self.run);
            self.add(Item::text(&run, true));
            self.lists.push(vec![]);
        }
        self.in_digits = true;
        self.run.push(c);
    }

    fn step_into_text(&mut self, c: char) {
        if self.in_digits && !self.run.is_empty() {
            let run = std::mem::take(&mut self.run);
            self.add(Item::number(&run));
            self.lists.push(vec![]);
        }
        self.in_digits = false;
        self.run.push(c);
    }
}

/// Drops zeros and empty qualifiers at the end of every list, from the
/// innermost one out, and lists that are empty after that.
fn normalize(mut lists: Vec<Vec<Item>>) -> Vec<Vec<Item>> {
    for list in &mut lists {
        while list.last().is_some_and(Item::is_null) {
            list.pop();
        }
    }
    while lists.len() > 1 && lists.last().is_some_and(Vec::is_empty) {
        lists.pop();
    }
    lists
}

/// Maven's order of two versions.
#[must_use]
pub fn compare(left: &str, right: &str) -> Ordering {
    Version::new(left).compare(&Version::new(right))
}

/// Puts versions in Maven's order, oldest first; equal ones keep their order.
///
/// The order has cycles for odd texts, on which the standard library's sort
/// may panic: this one merges, and ends whatever the comparisons say.
#[must_use]
pub fn sort(versions: Vec<Version>) -> Vec<Version> {
    let mut runs: Vec<Vec<Version>> = versions.into_iter().map(|version| vec![version]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut rest = runs.into_iter();
        while let Some(left) = rest.next() {
            merged.push(match rest.next() {
                Some(right) => merge(left, right),
                None => left,
            });
        }
        runs = merged;
    }
    runs.pop().unwrap_or_default()
}

fn merge(left: Vec<Version>, right: Vec<Version>) -> Vec<Version> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if a.compare(b) == Ordering::Greater { right.next() } else { left.next() };
        merged.extend(next);
    }
    merged.extend(left);
    merged.extend(right);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_mavens_order() {
        // Each line in order; versions joined by `=` are equal.
        for line in [
            "1-alpha 1-beta 1-milestone 1-rc=1-cr 1-snapshot 1=1.0=1-ga=1.0.0-final=1-RELEASE 1-sp 1-x 1.1",
            "1a1=1-alpha-1 1b2=1-beta-2 1m3=1-milestone-3 1",
            "1-a 1-1",
            "1.0.X1=1.0-X1 1.0-X2=1.0.X2",
            "1.0-alpha.1=1.0.0-alpha.1 1.0-alpha.2 1.0-alpha.10",
            "2.9.9 2.10 02.11 2.12",
            "1.99999999999999999998 1.99999999999999999999 1.999999999999999999990",
            "4.1.9.Final 4.1.10.Final=4.1.10",
            "33.3.0-android 33.3.0-jre 33.3.1-android",
            "1.7.1 950.v396cb834de1e",
            "1.\u{665}=1.5 1.6",
            "=0=.=-=0.0 1",
        ] {
            let ranks: Vec<Vec<&str>> = line.split(' ').map(|equal| equal.split('=').collect()).collect();
            for (i, low) in ranks.iter().enumerate() {
                for (j, high) in ranks.iter().enumerate() {
                    for (a, b) in low.iter().flat_map(|a| high.iter().map(move |b| (a, b))) {
                        assert_eq!(compare(a, b), i.cmp(&j), "{a:?} {b:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_listing_with_a_cycle_is_sorted_without_a_panic() {
        let cycle = ["1", "1.0-sp", "1-0.alpha", "1.0-xyz"];
        let many: Vec<Version> = (0..400).map(|n| Version::new(cycle[n * 7 % 4])).collect();
        assert_eq!(sort(many).len(), 400);
        let sorted = sort(["1.10", "1.9", "1.9-rc1", "1.9.0"].map(Version::new).to_vec());
        let texts: Vec<&str> = sorted.iter().map(Version::text).collect();
        assert_eq!(texts, ["1.9-rc1", "1.9", "1.9.0", "1.10"]);
    }

    #[test]
    fn a_very_long_version_is_compared_at_once() {
        let long = "1-".repeat(200_000);
        assert_eq!(compare(&long, &long), Ordering::Equal);
        assert_eq!(compare(&long, "1"), Ordering::Greater);
    }
}
