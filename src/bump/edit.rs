//! The edit of manifests: pure, and byte-exact.
//!
//! Only the bytes of a version change: order, white space, comments, line
//! ends and everything else stay. What cannot be edited so is refused.
//! `chaperone plumbing edit` is this function.

pub mod maven;
pub mod npm;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::Ecosystem;

/// Texts of manifests by path.
pub type Texts = BTreeMap<String, String>;

/// One package that moves from one version to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// npm: the package. Maven: `group:artifact`, or the artifact alone.
    pub name: String,
    /// The version in place.
    pub from: String,
    pub to: String,
}

/// Why a manifest was not edited: completes "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("could not {0}")]
pub struct Refused(pub String);

/// The manifests with every change made. Files that need no change come back
/// as they were.
///
/// # Errors
/// A manifest cannot be read, a package is declared in none of them, or its
/// declaration is of a kind that is not edited.
pub fn edit(ecosystem: Ecosystem, files: &Texts, changes: &[Change]) -> Result<Texts, Refused> {
    let mut files = files.clone();
    for change in changes {
        files = match ecosystem {
            Ecosystem::Npm => npm::edit(&files, change)?,
            Ecosystem::Maven => maven::edit(&files, change)?,
        };
    }
    Ok(files)
}
