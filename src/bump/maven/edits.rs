//! The plan's edits, each by the byte-exact editor.

use super::model::Gav;
use super::shelf::Stop;
use crate::bump::edit::{self, Change, Refused, Texts};

/// Every declaration of the artifact at this version goes to another one.
///
/// # Errors
/// The declaration is of a kind that is not edited.
pub(super) fn version(texts: &Texts, gav: &Gav, to: &str) -> Result<Texts, Stop> {
    let change = Change { name: gav.name(), from: gav.version.clone(), to: to.to_owned() };
    edit::maven::edit(texts, &change).map_err(refused)
}

/// # Errors
/// The pom is not there, or has no place for it.
pub(super) fn property(texts: &Texts, path: &str, name: &str, value: &str) -> Result<Texts, Stop> {
    within(texts, path, |pom| edit::maven::set_property(pom, name, value))
}

/// # Errors
/// The pom is not there, or has no place for it.
pub(super) fn pin(texts: &Texts, path: &str, gav: &Gav) -> Result<Texts, Stop> {
    within(texts, path, |pom| edit::maven::add_managed(pom, &gav.group, &gav.artifact, &gav.version))
}

fn within(
    texts: &Texts,
    path: &str,
    edit: impl FnOnce(&str) -> Result<String, Refused>,
) -> Result<Texts, Stop> {
    let Some(pom) = texts.get(path) else { return Err(Stop::edit(format!("find {path}"))) };
    let mut texts = texts.clone();
    texts.insert(path.to_owned(), edit(pom).map_err(refused)?);
    Ok(texts)
}

fn refused(refused: Refused) -> Stop {
    Stop::edit(refused.0)
}
