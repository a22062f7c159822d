//! Where a repository uses a package: the index of its call sites.
//!
//! The index is made from syntax trees. What it cannot see is said, so that
//! "no call site" is never said of a package that is used in another way:
//! named in a configuration, called by a script, loaded by its name.

pub(super) mod java;
pub(super) mod named;
pub(super) mod script;

use std::collections::BTreeSet;

use super::api::{Api, Change, Name};

/// Bytes of a line that is shown.
const LINE: usize = 160;

/// A place in the repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) path: String,
    pub(super) line: usize,
    pub(super) code: String,
}

impl Spot {
    /// `code` is the whole line.
    pub(super) fn new(path: &str, line: usize, code: &str) -> Self {
        Self { path: path.to_owned(), line, code: crate::text::head(code.trim(), LINE) }
    }

    pub(super) fn shown(&self) -> String {
        format!("{}:{}  {}", self.path, self.line, self.code)
    }
}

/// Sites of one file, each once, in the order in which they were seen.
#[derive(Debug, Default)]
struct Sites<'a> {
    path: &'a str,
    lines: Vec<&'a str>,
    sites: Vec<Site>,
    known: BTreeSet<(usize, Seen)>,
}

impl<'a> Sites<'a> {
    fn new(path: &'a str, text: &'a str) -> Self {
        Self { path, lines: text.lines().collect(), ..Self::default() }
    }

    fn spot(&self, line: usize) -> Spot {
        Spot::new(self.path, line, self.lines.get(line.saturating_sub(1)).copied().unwrap_or_default())
    }

    fn see(&mut self, line: usize, seen: Seen) {
        if self.known.insert((line, seen.clone())) {
            self.sites.push(Site { spot: self.spot(line), seen });
        }
    }
}

/// Is anything seen that is more than a property's name?
fn is_seen(sites: &[Site]) -> bool {
    sites.iter().any(|site| !matches!(site.seen, Seen::Member(_)))
}

/// How something of the package is used at a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Seen {
    /// It is loaded; `requires` by `require()` or what is like it.
    Loaded { at: String, requires: bool },
    /// Something that it exports, by the name it has there.
    Named(Name),
    /// The module itself is called or made an instance of.
    Called { at: String },
    /// The module itself is handed on: what becomes of it cannot be seen.
    HandedOn { at: String },
    /// A property or method of this name, in a file that uses the package.
    Member(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) spot: Spot,
    pub(super) seen: Seen,
}

/// All uses of one package.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    pub(super) sites: Vec<Site>,
    /// Places that name it in a way that the index does not understand.
    pub(super) named: Vec<Spot>,
    /// Files that could not be read.
    pub(super) unread: Vec<String>,
}

/// How sure it is that a change touches the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Touch {
    /// What changed is used by its name.
    Surely,
    /// Something of this name is used where the package is used.
    Perhaps,
    No,
}

/// What a touch is decided by.
pub(super) struct Context<'a> {
    pub(super) old: &'a Api,
    pub(super) new: &'a Api,
    /// [`Uses::files`].
    pub(super) files: BTreeSet<(&'a Name, &'a str)>,
}

impl Uses {
    /// Is it used at all where the index can see it?
    pub(super) fn is_seen(&self) -> bool {
        is_seen(&self.sites)
    }

    pub(super) fn requires(&self) -> bool {
        self.sites.iter().any(|site| matches!(site.seen, Seen::Loaded { requires: true, .. }))
    }

    /// Every name that is used of the package, or may be.
    pub(super) fn words(&self) -> BTreeSet<&str> {
        self.sites
            .iter()
            .filter_map(|site| match &site.seen {
                Seen::Named(name) => Some(name.name.as_str()),
                Seen::Member(word) => Some(word.as_str()),
                _ => None,
            })
            .collect()
    }

    /// Properties that no change is about say nothing more, but where
    /// something fails.
    pub(super) fn keep(&mut self, words: &BTreeSet<&str>, fails: impl Fn(&Spot) -> bool) {
        self.sites.retain(|site| match &site.seen {
            Seen::Member(word) => words.contains(word.as_str()) || fails(&site.spot),
            _ => true,
        });
    }

    /// Which files use a name.
    pub(super) fn files(&self) -> BTreeSet<(&Name, &str)> {
        self.sites
            .iter()
            .filter_map(|site| match &site.seen {
                Seen::Named(name) => Some((name, site.spot.path.as_str())),
                _ => None,
            })
            .collect()
    }

    /// Places where the change matters, the surest first.
    pub(super) fn touched(&self, change: &Change, context: &Context<'_>) -> (Touch, Vec<&Spot>) {
        if !change.breaks() {
            return (Touch::No, Vec::new());
        }
        let mut found: Vec<(Touch, &Spot)> = self
            .sites
            .iter()
            .filter_map(|site| {
                let touch = touch(change, site, context);
                (touch != Touch::No).then_some((touch, &site.spot))
            })
            .collect();
        found.sort_by_key(|(touch, _)| *touch);
        let touch = found.first().map_or(Touch::No, |(touch, _)| *touch);
        let mut known = BTreeSet::new();
        let spots = found.into_iter().map(|(_, spot)| spot).filter(|spot| known.insert(*spot)).collect();
        (touch, spots)
    }
}

fn touch(change: &Change, site: &Site, context: &Context<'_>) -> Touch {
    use super::npm::{DEFAULT, LOADING, WHOLE};
    let Name { at, name } = &change.name;
    // A member is looked for by its own name, near its class.
    if let Some(member) = &change.member {
        return match &site.seen {
            Seen::Member(word) if word == member => {
                let near = context.files.contains(&(&change.name, site.spot.path.as_str()));
                if near { Touch::Surely } else { Touch::Perhaps }
            }
            _ => Touch::No,
        };
    }
    match &site.seen {
        Seen::Loaded { requires, .. } if name == LOADING => {
            if *requires {
                Touch::Surely
            } else {
                Touch::Perhaps
            }
        }
        Seen::Loaded { at: loaded, .. } if name == "*" && loaded == at => Touch::Surely,
        Seen::Called { at: called } if called == at && (name == WHOLE || name == DEFAULT) => Touch::Surely,
        Seen::HandedOn { at: handed } if handed == at && name == WHOLE => Touch::Surely,
        Seen::Named(named) if *named == change.name => Touch::Surely,
        // `import x` of CommonJS is the module itself, which a default
        // export can stand in for.
        Seen::Named(named)
            if named.at == *at
                && named.name == DEFAULT
                && name == WHOLE
                && !context.new.items.contains_key(named) =>
        {
            Touch::Surely
        }
        // A property of the module itself that is no export of its own.
        Seen::Named(named)
            if named.at == *at
                && named.name != DEFAULT
                && name == WHOLE
                && !context.old.items.contains_key(named) =>
        {
            Touch::Surely
        }
        // Something set on the module itself, such as `x.parse`.
        Seen::Member(word) if word == name => Touch::Perhaps,
        _ => Touch::No,
    }
}
