//! `${…}`: what it stands for, and what must change so that it stands for
//! something else.
//!
//! A property is looked for in the pom that uses it, then up its parents, as
//! far as they are among the files, then in every other file. The project's
//! own version is never changed to move a dependency.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::super::Refused;
use super::Edits;
use super::pom::{Pom, Property};
use super::xml::Value;

/// Steps that one question may take: properties can be nested so that they
/// double at every level.
const STEPS: u32 = 2_000;
/// Values that one text may have: a profile can set a property to another one.
const ALTERNATIVES: usize = 16;
/// Properties that stand for one another in a row.
const DEEPEST: u32 = 32;
/// Longer than any version.
const LONGEST: usize = 1_000;

/// A piece of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment<'a> {
    Literal(&'a str),
    Name(&'a str),
}

/// All poms at hand, by path.
#[derive(Debug, Default)]
pub(super) struct Poms {
    pub(super) by_path: BTreeMap<String, Pom>,
    steps: Cell<u32>,
}

/// Where a property is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Definition<'a> {
    pub(super) pom: &'a Pom,
    pub(super) property: &'a Property,
}

/// What is to become of one version.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

impl Poms {
    pub(super) fn new(by_path: BTreeMap<String, Pom>) -> Self {
        Self { by_path, steps: Cell::new(0) }
    }

    /// Every value that `text` can have in `pom`: the plain one first, then
    /// those that profiles give it.
    ///
    /// # Errors
    /// A property is declared nowhere, or stands for itself.
    pub(super) fn values(&self, pom: &Pom, text: &str) -> Result<Vec<String>, Refused> {
        self.steps.set(0);
        self.expand(pom, text, &mut vec![])
    }

    /// The plain value of a text, or the text itself if it has none.
    pub(super) fn plain(&self, pom: &Pom, text: &str) -> String {
        if !text.contains("${") {
            return text.to_owned();
        }
        self.values(pom, text)
            .ok()
            .and_then(|values| values.into_iter().next())
            .unwrap_or_else(|| text.to_owned())
    }

    fn expand(&self, pom: &Pom, text: &str, trail: &mut Vec<String>) -> Result<Vec<String>, Refused> {
        let mut values = vec![String::new()];
        for segment in segments(text) {
            let next = match segment {
                Segment::Literal(literal) => vec![literal.to_owned()],
                Segment::Name(name) => self.expand_name(pom, name, trail)?,
            };
            let mut joined: Vec<String> = vec![];
            for (value, tail) in values.iter().flat_map(|value| next.iter().map(move |tail| (value, tail))) {
                let whole = format!("{value}{tail}");
                if !joined.contains(&whole) && joined.len() < ALTERNATIVES && whole.len() <= LONGEST {
                    joined.push(whole);
                }
            }
            values = joined;
        }
        Ok(values)
    }

    fn expand_name(&self, pom: &Pom, name: &str, trail: &mut Vec<String>) -> Result<Vec<String>, Refused> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS {
            return Err(Refused(format!("resolve the property {name}: it is nested too deep")));
        }
        if trail.iter().any(|before| before == name) {
            let circle = format!("{} → {name}", trail.join(" → "));
            return Err(Refused(format!("resolve the property {name}: it stands for itself ({circle})")));
        }
        trail.push(name.to_owned());
        let values = match project_value(pom, name) {
            Some(value) => self.expand(pom, &value, trail)?,
            None => {
                let mut values = vec![];
                for definition in self.definitions(pom, name)? {
                    values.extend(self.expand(pom, &definition.property.value.text, trail)?);
                }
                values
            }
        };
        trail.pop();
        Ok(values)
    }

    /// Where the property `name` is set for `pom`, the plain ones first.
    ///
    /// # Errors
    /// In none of the files.
    pub(super) fn definitions(&self, pom: &Pom, name: &str) -> Result<Vec<Definition<'_>>, Refused> {
        let mut seen: Vec<&str> = vec![];
        let mut next = self.by_path.get(&pom.path);
        while let Some(here) = next.filter(|here| !seen.contains(&here.path.as_str())) {
            seen.push(&here.path);
            let found = in_pom(here, name);
            if !found.is_empty() {
                return Ok(found);
            }
            next = self.parent(here);
        }
        let elsewhere: Vec<_> = self.by_path.values().flat_map(|pom| in_pom(pom, name)).collect();
        if elsewhere.is_empty() {
            return Err(Refused(format!(
                "find where the property {name} is declared, which {} uses: in none of the files",
                pom.path
            )));
        }
        Ok(elsewhere)
    }

    /// The parent of a pom, if it is one of the files.
    fn parent(&self, pom: &Pom) -> Option<&Pom> {
        let parent = pom.parent.as_ref()?;
        let fits = |candidate: &&Pom| candidate.artifact == parent.artifact && candidate.path != pom.path;
        let beside = relative(&pom.path, parent.relative.as_deref().unwrap_or("../pom.xml"))
            .into_iter()
            .find_map(|path| self.by_path.get(&path));
        let group = |candidate: &Pom| {
            candidate
                .group
                .clone()
                .or_else(|| candidate.parent.as_ref().and_then(|above| above.group.clone()))
        };
        beside
            .filter(fits)
            .or_else(|| self.by_path.values().find(|pom| fits(pom) && group(pom) == parent.group))
    }

    /// Adds the edits after which `value`, a text of `home` seen from `pom`,
    /// stands for `to`.
    ///
    /// # Errors
    /// It cannot be brought about without touching something else.
    pub(super) fn solve(
        &self,
        pom: &Pom,
        (home, value): (&Pom, &Value),
        change: Move<'_>,
        edits: &mut Edits,
    ) -> Result<(), Refused> {
        let segments = segments(&value.text);
        if !segments.iter().any(|segment| matches!(segment, Segment::Name(_))) {
            let Some(span) = value.span.clone() else {
                return Err(Refused(format!("edit {} in {}: a comment parts it", value.text, home.path)));
            };
            return edits.put(&home.path, span, change.to);
        }
        edits.step_into(&value.text)?;
        let (name, from, to) = self.wanted(pom, &segments, &value.text, change)?;
        self.check_own(pom, &name)?;
        for definition in self.definitions(pom, &name)? {
            let values = self.values(pom, &definition.property.value.text)?;
            if values.contains(&from) {
                let next = Move { from: &from, to: &to };
                self.solve(pom, (definition.pom, &definition.property.value), next, edits)?;
            }
        }
        Ok(())
    }

    /// The one property that must change, its value now and then.
    fn wanted(
        &self,
        pom: &Pom,
        segments: &[Segment<'_>],
        text: &str,
        change: Move<'_>,
    ) -> Result<(String, String, String), Refused> {
        let mut wanted: Vec<(String, String, String)> = vec![];
        for (index, segment) in segments.iter().enumerate() {
            let Segment::Name(name) = segment else { continue };
            if segments.iter().filter(|other| *other == segment).count() > 1 {
                continue;
            }
            let side = |part: Option<&[Segment<'_>]>| self.values(pom, &written(part.unwrap_or_default()));
            let (before, after) = (side(segments.get(..index))?, side(segments.get(index + 1..))?);
            for (head, tail) in before.iter().flat_map(|head| after.iter().map(move |tail| (head, tail))) {
                let middle = |whole: &str| {
                    Some(whole.strip_prefix(head.as_str())?.strip_suffix(tail.as_str())?.to_owned())
                };
                if let (Some(from), Some(to)) = (middle(change.from), middle(change.to))
                    && !to.is_empty()
                    && !wanted.iter().any(|(known, _, _)| known == name)
                {
                    wanted.push(((*name).to_owned(), from, to));
                }
            }
        }
        let only = wanted.len() == 1;
        wanted.pop().filter(|_| only).ok_or_else(|| {
            Refused(format!("edit {text} in {} so that it stands for {}", pom.path, change.to))
        })
    }

    /// Refuses what is or makes up the version of a project here.
    fn check_own(&self, pom: &Pom, name: &str) -> Result<(), Refused> {
        if project_value(pom, name).is_some() {
            let whose = if name.contains("parent") { "the project's parent" } else { "the project itself" };
            return Err(Refused(format!("edit ${{{name}}} in {}: it belongs to {whose}", pom.path)));
        }
        let own = self.by_path.values().find(|pom| {
            pom.version.as_deref().is_some_and(|version| segments(version).contains(&Segment::Name(name)))
        });
        match own {
            Some(own) => Err(Refused(format!(
                "edit the property {name}: it is the version of the project {}",
                own.path
            ))),
            None => Ok(()),
        }
    }

    /// The property that holds the plain text of a version, and its file.
    pub(super) fn holder(&self, pom: &Pom, text: &str) -> Option<(String, String)> {
        let mut holder = None;
        let mut text = text.to_owned();
        for _ in 0..DEEPEST {
            let names: Vec<String> = segments(&text)
                .into_iter()
                .filter_map(|segment| match segment {
                    Segment::Name(name) => Some(name.to_owned()),
                    Segment::Literal(_) => None,
                })
                .collect();
            let [name] = names.as_slice() else { break };
            let definition = self.definitions(pom, name).ok()?.into_iter().next()?;
            holder = Some((name.clone(), definition.pom.path.clone()));
            definition.property.value.text.clone_into(&mut text);
        }
        holder
    }
}

fn in_pom<'a>(pom: &'a Pom, name: &str) -> Vec<Definition<'a>> {
    let mut found: Vec<_> = pom
        .properties
        .iter()
        .filter(|property| property.name == name)
        .map(|property| Definition { pom, property })
        .collect();
    found.sort_by_key(|definition| definition.property.profile.is_some());
    found
}

/// What a pom says about itself.
fn project_value(pom: &Pom, name: &str) -> Option<String> {
    let parent = pom.parent.as_ref();
    let bare = name.strip_prefix("project.").or_else(|| name.strip_prefix("pom."));
    match bare.or_else(|| (name == "version").then_some(name))? {
        "version" => pom.version.clone().or_else(|| parent?.version.clone()),
        "groupId" => pom.group.clone().or_else(|| parent?.group.clone()),
        "artifactId" => pom.artifact.clone(),
        "parent.version" => parent?.version.clone(),
        "parent.groupId" => parent?.group.clone(),
        "parent.artifactId" => parent?.artifact.clone(),
        _ => None,
    }
}

/// Takes a text apart at its `${…}`.
fn segments(text: &str) -> Vec<Segment<'_>> {
    let mut segments = vec![];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        if !before.is_empty() {
            segments.push(Segment::Literal(before));
        }
        segments.push(Segment::Name(name.trim()));
        rest = tail;
    }
    if !rest.is_empty() {
        segments.push(Segment::Literal(rest));
    }
    segments
}

fn written(segments: &[Segment<'_>]) -> String {
    segments
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => (*text).to_owned(),
            Segment::Name(name) => format!("${{{name}}}"),
        })
        .collect()
}

/// The files that a relative path can mean: the path, or the pom below it.
fn relative(from: &str, path: &str) -> Vec<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return vec![];
                }
            }
            name => parts.push(name),
        }
    }
    let file = parts.join("/");
    parts.push("pom.xml");
    vec![file, parts.join("/")]
}
