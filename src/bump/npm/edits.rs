//! The decisions of the planner put into the manifests' texts.

use super::Question;
use super::world::{Draft, Edit, Override};
use crate::bump::edit::npm::{OverrideKind, add_override};
use crate::bump::edit::{self, Change, Texts};
use crate::change::Ecosystem;
use crate::failure::Failure;
use crate::manager::Kind;
use crate::outcome::Outcome;

/// The manifests that change, as they are to be.
pub(super) fn write(question: &Question<'_>, draft: &Draft) -> Result<Texts, Failure> {
    let mut texts: Texts =
        question.files.iter().filter(|(path, _)| **path != question.manager.lockfile).map(owned).collect();
    for edit in &draft.edits {
        apply(question, &mut texts, edit)?;
    }
    for one in &draft.overrides {
        add(question, &mut texts, one)?;
    }
    texts.retain(|path, text| question.files.get(path) != Some(text));
    Ok(texts)
}

fn owned((path, text): (&String, &String)) -> (String, String) {
    (path.clone(), text.clone())
}

fn apply(question: &Question<'_>, texts: &mut Texts, one: &Edit) -> Result<(), Failure> {
    // Files that are no manifest of a package (catalogs) belong to all.
    let chosen = |path: &str| match (&one.dirs, path.strip_suffix("package.json")) {
        (Some(dirs), Some(_)) => dirs.iter().any(|dir| question.path_in(&joined(dir)) == path),
        _ => true,
    };
    let some: Texts = texts.iter().filter(|(path, _)| chosen(path)).map(owned).collect();
    let change = Change { name: one.name.clone(), from: one.from.clone(), to: one.to.clone() };
    let edited = edit::edit(Ecosystem::Npm, &some, &[change])
        .map_err(|refused| Failure::user(Outcome::DeclinedPolicy, refused.0))?;
    texts.extend(edited);
    Ok(())
}

fn joined(dir: &str) -> String {
    if dir.is_empty() { "package.json".to_owned() } else { format!("{dir}/package.json") }
}

/// Overrides stand in the manifest beside the lockfile.
fn add(question: &Question<'_>, texts: &mut Texts, one: &Override) -> Result<(), Failure> {
    let kind = match question.manager.kind {
        Kind::Npm => OverrideKind::Npm,
        Kind::YarnClassic | Kind::YarnBerry => OverrideKind::Yarn,
        Kind::Pnpm => OverrideKind::Pnpm,
    };
    let path = question.path_in("package.json");
    let Some(text) = texts.get(&path) else {
        return Err(Failure::user(Outcome::EditFailed, format!("find {path} for an override")));
    };
    let parents = [one.parent.clone()];
    let edited = add_override(text, kind, &parents, &one.package, &format!("^{}", one.version))
        .map_err(|refused| Failure::user(Outcome::EditFailed, refused.0))?;
    texts.insert(path, edited);
    Ok(())
}
