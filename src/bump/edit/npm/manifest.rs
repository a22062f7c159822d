//! What one `package.json` declares.

use super::entry::{self, Selected};
use super::json::{self, Member};
use super::{Declaration, Refused, Section, Spelling};

/// Objects below objects that are looked into: nobody writes more by hand.
const DEPTH: usize = 32;

const DIRECT: [(&str, Section); 4] = [
    ("dependencies", Section::Dependencies),
    ("devDependencies", Section::DevDependencies),
    ("optionalDependencies", Section::OptionalDependencies),
    ("peerDependencies", Section::PeerDependencies),
];

/// Everything that `text` declares, in its order. What is no declaration, such
/// as a number for a range, is left out: it cannot be edited.
pub(super) fn declarations(path: &str, text: &str) -> Result<Vec<Declaration>, Refused> {
    let root = json::root(text).map_err(|why| Refused(format!("read {path}: {why}")))?;
    let mut found = Reader { path, found: Vec::new() };
    for member in &root {
        let direct = DIRECT.iter().find(|(name, _)| *name == member.key);
        match (member.key.as_str(), direct) {
            (_, Some((_, section))) => found.direct(member, *section),
            ("overrides", _) => found.overrides(member, &[], 0),
            ("resolutions", _) => found.flat(member, Section::Resolutions),
            ("pnpm", _) => {
                for below in json::object(member).unwrap_or_default() {
                    if below.key == "overrides" {
                        found.flat(&below, Section::PnpmOverrides);
                    }
                }
            }
            ("packageManager", _) => found.package_manager(member),
            _ => {}
        }
    }
    Ok(found.found)
}

struct Reader<'a> {
    path: &'a str,
    found: Vec<Declaration>,
}

impl Reader<'_> {
    fn direct(&mut self, section: &Member<'_>, kind: Section) {
        for member in json::object(section).unwrap_or_default() {
            let selected = Selected { package: member.key.clone(), ..Selected::default() };
            self.declare(&member, kind, selected);
        }
    }

    /// Yarn's and pnpm's overrides: one object, with the parents in the keys.
    fn flat(&mut self, section: &Member<'_>, kind: Section) {
        for member in json::object(section).unwrap_or_default() {
            let selected = match kind {
                Section::Resolutions => entry::resolution_key(&member.key),
                _ => entry::override_key(&member.key),
            };
            self.declare(&member, kind, selected);
        }
    }

    /// npm's overrides: objects in objects, in which `.` is the outer package.
    fn overrides(&mut self, object: &Member<'_>, parents: &[Selected], depth: usize) {
        if depth > DEPTH {
            return;
        }
        for member in json::object(object).unwrap_or_default() {
            let (own, outer) = match (member.key.as_str(), parents.split_last()) {
                (".", Some((last, outer))) => (last.clone(), outer),
                (key, _) => (entry::override_key(key), parents),
            };
            if member.raw.starts_with('{') {
                let below: Vec<Selected> = outer.iter().cloned().chain([own]).collect();
                self.overrides(&member, &below, depth.saturating_add(1));
            } else {
                let above = outer.iter().map(|parent| parent.package.clone());
                let parents = above.chain(own.parents.iter().cloned()).collect();
                self.declare(&member, Section::Overrides, Selected { parents, ..own });
            }
        }
    }

    /// `pnpm@9.1.0+sha512.…`: the sum is of the version that goes, so it
    /// counts as a part of it.
    fn package_manager(&mut self, member: &Member<'_>) {
        let Some(value) = member.string() else { return };
        let Some((package, range)) = value.split_once('@') else { return };
        self.found.push(Declaration {
            path: self.path.to_owned(),
            section: Section::PackageManager,
            key: member.key.clone(),
            package: package.to_owned(),
            range: range.split('+').next().unwrap_or(range).to_owned(),
            parents: Vec::new(),
            versions: None,
            prefix: format!("{package}@"),
            place: member.place.clone(),
            spelling: Spelling::Json,
        });
    }

    fn declare(&mut self, member: &Member<'_>, section: Section, selected: Selected) {
        let Some(value) = member.string() else { return };
        let wanted = entry::value(&value);
        self.found.push(Declaration {
            path: self.path.to_owned(),
            section,
            key: member.key.clone(),
            package: wanted.package.map_or(selected.package, str::to_owned),
            range: wanted.range.to_owned(),
            parents: selected.parents,
            versions: selected.versions,
            prefix: wanted.prefix.to_owned(),
            place: member.place.clone(),
            spelling: Spelling::Json,
        });
    }
}
