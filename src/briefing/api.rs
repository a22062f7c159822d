//! What a package offers, and how two versions of it differ.
//!
//! A removed class is one change, not one for each of its methods; a class
//! that is only in another package now has moved; a method that a superclass
//! has now is still there. Whether a change matters to anybody is not decided
//! here.

use std::collections::{BTreeMap, BTreeSet};

/// Signatures by what they are compared with: the same text, or nothing where
/// the language does not say enough to compare more than the name.
pub(super) type Signatures = BTreeMap<String, String>;

/// Everything that is offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Api {
    pub(super) items: BTreeMap<Name, Item>,
    /// More may be offered than could be read.
    pub(super) opaque: bool,
}

/// The name of something that can be imported.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// Java's package, or npm's subpath such as `./v4`; empty for the package
    /// itself.
    pub(super) at: String,
    /// `Outer.Inner`, `parse`, `default`.
    pub(super) name: String,
}

impl Name {
    pub(super) fn new(at: impl Into<String>, name: impl Into<String>) -> Self {
        Self { at: at.into(), name: name.into() }
    }

    /// For a person or a model.
    pub(super) fn shown(&self) -> String {
        match &self.at {
            at if at.is_empty() => self.name.clone(),
            at if at.starts_with("./") => format!("{at}: {}", self.name),
            at => format!("{at}.{}", self.name),
        }
    }
}

/// A class, a function, a type …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// Several when it is overloaded, or a type and a value at once.
    pub(super) signatures: Signatures,
    pub(super) members: BTreeMap<String, Signatures>,
    /// What it inherits members from.
    pub(super) parents: Vec<Name>,
}

impl Item {
    /// With one signature, which is also what it is compared with.
    pub(super) fn typed(signature: &str) -> Self {
        Self { signatures: typed(signature), ..Self::default() }
    }

    /// Of which only the name is compared.
    pub(super) fn untyped(shown: &str) -> Self {
        Self { signatures: untyped(shown), ..Self::default() }
    }

    /// The same name declared again.
    pub(super) fn merge(&mut self, other: Self) {
        self.signatures.extend(other.signatures);
        for (name, signatures) in other.members {
            self.members.entry(name).or_default().extend(signatures);
        }
        self.parents.extend(other.parents);
    }
}

pub(super) fn typed(signature: &str) -> Signatures {
    BTreeMap::from([(signature.to_owned(), signature.to_owned())])
}

pub(super) fn untyped(shown: &str) -> Signatures {
    BTreeMap::from([(String::new(), shown.to_owned())])
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) name: Name,
    pub(super) member: Option<String>,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Removed {
        was: String,
    },
    MovedTo {
        now: String,
    },
    Changed {
        was: String,
        now: String,
    },
    Added {
        now: String,
    },
    /// The package is loaded in another way.
    Loading {
        was: String,
        now: String,
    },
}

impl Change {
    /// `Class.method`, in full.
    pub(super) fn shown(&self) -> String {
        match &self.member {
            Some(member) => format!("{}.{member}", self.name.shown()),
            None => self.name.shown(),
        }
    }

    /// In a few words, for people.
    pub(super) fn told(&self) -> String {
        let name = self.shown();
        match &self.what {
            What::Removed { .. } => format!("{name} is removed"),
            What::MovedTo { now } => format!("{name} is now {now}"),
            What::Changed { .. } => format!("{name} has another type"),
            What::Added { .. } => format!("{name} is new"),
            What::Loading { .. } => "the package is loaded in another way".to_owned(),
        }
    }

    /// Can it break who used the old version?
    pub(super) fn breaks(&self) -> bool {
        !matches!(self.what, What::Added { .. })
    }
}

/// All differences, in the order of the names.
pub(super) fn diff(old: &Api, new: &Api) -> Vec<Change> {
    let mut changes = Vec::new();
    for (name, item) in &old.items {
        let change = |what| Change { name: name.clone(), member: None, what };
        match new.items.get(name) {
            Some(now) => item_diff(name, item, (now, new), &mut changes),
            None => changes.push(change(match moved(name, old, new) {
                Some(now) => What::MovedTo { now },
                None => What::Removed { was: join(item.signatures.values()) },
            })),
        }
    }
    for (name, item) in &new.items {
        if !old.items.contains_key(name) {
            let now = join(item.signatures.values());
            changes.push(Change { name: name.clone(), member: None, what: What::Added { now } });
        }
    }
    changes
}

/// Where something of the same name is now, if that is new.
fn moved(name: &Name, old: &Api, new: &Api) -> Option<String> {
    // Two functions of one name need not be the same; two classes mostly are.
    let class = |name: &Name| name.name.chars().next().is_some_and(char::is_uppercase);
    let mut places = new.items.keys().filter(|other| {
        class(other) && other.name == name.name && other.at != name.at && !old.items.contains_key(*other)
    });
    let place = places.next()?;
    places.next().is_none().then(|| place.shown())
}

fn item_diff(name: &Name, old: &Item, (new, api): (&Item, &Api), changes: &mut Vec<Change>) {
    if let Some(what) = signatures_diff(&old.signatures, &new.signatures) {
        let replaced = matches!(what, What::Changed { .. }) && new.members.is_empty();
        changes.push(Change { name: name.clone(), member: None, what });
        // It is something else now, and its members went with what it was.
        if replaced && new.parents.is_empty() {
            return;
        }
    }
    for (member, was) in &old.members {
        let inherited;
        let now = match new.members.get(member) {
            Some(now) => now,
            None => {
                inherited = inherited_member(new, member, api);
                &inherited
            }
        };
        let mut what = signatures_diff(was, now);
        // An overload that left the class may be one that it inherits.
        if let Some(What::Changed { .. }) = what {
            let mut all = inherited_member(new, member, api);
            all.extend(now.clone());
            what = signatures_diff(was, &all);
        }
        changes.extend(what.map(|what| Change { name: name.clone(), member: Some(member.clone()), what }));
    }
    for (member, now) in &new.members {
        if !old.members.contains_key(member) {
            let what = What::Added { now: join(now.values()) };
            changes.push(Change { name: name.clone(), member: Some(member.clone()), what });
        }
    }
}

/// What the parents offer under this name.
fn inherited_member(item: &Item, member: &str, api: &Api) -> Signatures {
    let mut found = Signatures::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Name> = item.parents.iter().collect();
    while let Some(parent) = open.pop() {
        if !seen.insert(parent) {
            continue;
        }
        let Some(parent) = api.items.get(parent) else { continue };
        found.extend(parent.members.get(member).into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
        open.extend(&parent.parents);
    }
    found
}

fn signatures_diff(old: &Signatures, new: &Signatures) -> Option<What> {
    let only = |these: &Signatures, those: &Signatures| -> Vec<String> {
        these.iter().filter(|(key, _)| !those.contains_key(*key)).map(|(_, shown)| shown.clone()).collect()
    };
    let (gone, come) = (only(old, new), only(new, old));
    match (gone.is_empty(), come.is_empty()) {
        (true, true) => None,
        (true, false) => Some(What::Added { now: join(come.iter()) }),
        (false, _) if new.is_empty() => Some(What::Removed { was: join(gone.iter()) }),
        // One overload of several went without another one in its place.
        (false, true) => Some(What::Changed { was: join(gone.iter()), now: join(new.values()) }),
        (false, false) => Some(What::Changed { was: join(gone.iter()), now: join(come.iter()) }),
    }
}

fn join<'s>(signatures: impl Iterator<Item = &'s String>) -> String {
    signatures.map(String::as_str).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(members: &[(&str, &[&str])], parents: &[Name]) -> Item {
        let members = members
            .iter()
            .map(|(name, signatures)| {
                let signatures = signatures.iter().map(|s| ((*s).to_owned(), (*s).to_owned())).collect();
                ((*name).to_owned(), signatures)
            })
            .collect();
        Item { members, parents: parents.to_vec(), ..Item::typed("class") }
    }

    fn shown(old: Vec<(Name, Item)>, new: Vec<(Name, Item)>) -> Vec<String> {
        let api = |items: Vec<(Name, Item)>| Api { items: items.into_iter().collect(), opaque: false };
        diff(&api(old), &api(new))
            .iter()
            .map(|change| {
                let what = match &change.what {
                    What::Removed { was } => format!("-{was}"),
                    What::MovedTo { now } => format!(">{now}"),
                    What::Changed { was, now } | What::Loading { was, now } => format!("{was}>{now}"),
                    What::Added { now } => format!("+{now}"),
                };
                format!("{} {what}", change.shown())
            })
            .collect()
    }

    #[test]
    fn every_difference_is_told_once() {
        let name = |name: &str| Name::new("a", name);
        let none: &[(&str, &[&str])] = &[];
        for (old, new, expected) in [
            (vec![(name("C"), class(none, &[]))], vec![(name("C"), class(none, &[]))], vec![]),
            // A removed class is not told again by its members.
            (vec![(name("C"), class(&[("m", &["m()"])], &[]))], vec![], vec!["a.C -class"]),
            (
                vec![(name("C"), class(&[("m", &["m()"]), ("n", &["n()"])], &[]))],
                vec![(name("C"), class(&[("m", &["m(int)"])], &[]))],
                vec!["a.C.m m()>m(int)", "a.C.n -n()"],
            ),
            // One more overload breaks nobody; one less does.
            (
                vec![(name("C"), class(&[("m", &["m()"]), ("n", &["n()", "n(int)"])], &[]))],
                vec![(name("C"), class(&[("m", &["m()", "m(int)"]), ("n", &["n()"])], &[]))],
                vec!["a.C.m +m(int)", "a.C.n n(int)>n()"],
            ),
            // What a superclass has now is still there.
            (
                vec![(name("C"), class(&[("m", &["m()"]), ("n", &["n()", "n(int)"])], &[]))],
                vec![
                    (name("B"), class(&[("m", &["m()"]), ("n", &["n(int)"])], &[])),
                    (name("C"), class(&[("n", &["n()"])], &[name("B")])),
                ],
                vec!["a.B +class"],
            ),
            // What became something else is told without its members.
            (
                vec![(name("C"), class(&[("m", &["m()"])], &[]))],
                vec![(name("C"), Item::typed("const C"))],
                vec!["a.C class>const C"],
            ),
            // The same class in another package has moved.
            (
                vec![(Name::new("javax.x", "C"), class(none, &[]))],
                vec![(Name::new("jakarta.x", "C"), class(none, &[]))],
                vec!["javax.x.C >jakarta.x.C", "jakarta.x.C +class"],
            ),
        ] {
            assert_eq!(shown(old, new), expected);
        }
    }

    #[test]
    fn where_a_language_says_too_little_only_names_are_compared() {
        let item = |shown: &str| vec![(Name::new("", "parse"), Item::untyped(shown))];
        assert!(shown(item("function parse(a)"), item("function parse(b, c)")).is_empty());
        assert_eq!(shown(item("function parse(a)"), vec![]), ["parse -function parse(a)"]);
    }

    #[test]
    fn parents_in_a_circle_are_looked_at_once() {
        let (a, b) = (Name::new("p", "A"), Name::new("p", "B"));
        let old = vec![(a.clone(), class(&[("m", &["m()"])], &[]))];
        let new = vec![(a.clone(), class(&[], std::slice::from_ref(&b))), (b, class(&[], &[a]))];
        assert_eq!(shown(old, new), ["p.A.m -m()", "p.B +class"]);
    }
}
