//! What an earlier run of the same session left in the log.
//!
//! A run that died before its patch was accepted is repeated from the start
//! on the same base: its containers are gone. A run that died after that only
//! has effects to finish.

use std::collections::HashMap;

use jiff::Timestamp;

use super::publication::{COMMIT, PUSH};
use crate::change::{Base, Resolved};
use crate::evidence::Accepted;
use crate::ids::ObjectId;
use crate::outcome::Outcome;
use crate::record::{Aim, Entry, SessionEvent};

#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    pub(super) base: Option<Base>,
    pub(super) resolved: Option<Resolved>,
    pub(super) accepted: Option<(Accepted, Timestamp)>,
    /// The branch that is there already, as this session saw it.
    pub(super) aim: Option<Aim>,
    /// The commit is on its branch.
    pub(super) pushed: bool,
    /// Commits that GitHub made and signed, by what they are made of.
    pub(super) commits: HashMap<String, ObjectId>,
    pub(super) ended: Option<Outcome>,
}

impl Progress {
    pub(super) fn from_entries(entries: &[Entry]) -> Self {
        let mut progress = Self::default();
        for entry in entries {
            match &entry.event {
                SessionEvent::Checkout { base } => progress.base = Some(base.clone()),
                SessionEvent::Resolved { resolved } => progress.resolved = Some(resolved.clone()),
                SessionEvent::Accepted { accepted, commit_at } => {
                    progress.accepted = Some((accepted.clone(), *commit_at));
                }
                SessionEvent::Aimed { aim } => progress.aim = Some(aim.clone()),
                SessionEvent::Effect { effect, .. } if effect == PUSH => progress.pushed = true,
                SessionEvent::Effect { effect, key, result } if effect == COMMIT => {
                    if let Ok(commit) = result.parse() {
                        progress.commits.insert(key.clone(), commit);
                    }
                }
                SessionEvent::Ended { outcome, .. } => progress.ended = Some(*outcome),
                _ => {}
            }
        }
        progress
    }
}
