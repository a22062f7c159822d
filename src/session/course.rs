//! The attempts so far: the best tree, and what was tried in vain.
//!
//! Decides what the next attempt is told and from which tree it starts. It
//! runs nothing.

use std::collections::HashMap;

use super::examine::Refusal;
use crate::bump::survey;
use crate::evidence::Patch;
use crate::ids::ObjectId;
use crate::text;

/// Bytes of one failed attempt's change that the next one is shown.
const CHANGE_CAP: usize = 1500;
/// Bytes of the reason why it failed.
const WHY_CAP: usize = 600;

/// The way that a session's repair has gone.
#[derive(Debug)]
pub(super) struct Course {
    best: (Patch, Refusal),
    /// The attempt that left the best tree; 0 is the bump itself.
    from: u32,
    failed: Vec<Failed>,
    /// Every tree that was refused, with why.
    refused: HashMap<ObjectId, Refusal>,
}

/// An attempt that did not lead to an accepted tree.
#[derive(Debug)]
struct Failed {
    number: u32,
    /// The edits of the sources, without what the engine wrote.
    change: String,
    why: String,
    best: bool,
}

impl Course {
    /// Begins with the bumped tree, which is refused.
    pub(super) fn new(patch: Patch, refusal: Refusal) -> Self {
        let refused = HashMap::from([(patch.tree().clone(), refusal.clone())]);
        Self { best: (patch, refusal), from: 0, failed: Vec::new(), refused }
    }

    /// Why this very tree was refused, if it was.
    pub(super) fn refused_before(&self, tree: &ObjectId) -> Option<&Refusal> {
        self.refused.get(tree)
    }

    /// The best tree so far.
    pub(super) fn best(&self) -> &Patch {
        &self.best.0
    }

    /// What is still wrong with it.
    pub(super) fn refusal(&self) -> &Refusal {
        &self.best.1
    }

    /// Takes in a refused tree; true when it is the best one now. Of two that
    /// are as good the later one is taken: it has more of the work in it.
    pub(super) fn take(&mut self, number: u32, patch: Patch, refusal: Refusal) -> bool {
        let best = refusal.standing <= self.best.1.standing;
        self.failed.push(Failed {
            number,
            change: text::head(&sources(patch.diff()), CHANGE_CAP),
            why: text::head(&refusal.feedback, WHY_CAP),
            best,
        });
        self.refused.insert(patch.tree().clone(), refusal.clone());
        if best {
            self.best = (patch, refusal);
            self.from = number;
        }
        best
    }

    /// All that the next attempt is told beside its task.
    pub(super) fn told(&self, number: u32, of: u32) -> String {
        let wrong = text::fenced("what the checks say about the tree now", &self.best.1.feedback);
        if self.failed.is_empty() {
            return wrong;
        }
        let from = match self.from {
            0 => "The tree is as the engine left it before the first attempt.".to_owned(),
            from => format!("The tree is as attempt {from} left it, the best one so far."),
        };
        let tried: Vec<String> = self.failed.iter().map(Failed::describe).collect();
        let tried = text::fenced("what earlier attempts changed", &tried.join("\n"));
        format!(
            "This is attempt {number} of {of}. {from}\n\nTried before, and not good enough; do not do the same \
             again:\n{tried}\n\nStill wrong now:\n{wrong}"
        )
    }
}

impl Failed {
    fn describe(&self) -> String {
        let Self { number, change, why, best } = self;
        let change = if change.trim().is_empty() { "no edit of the sources" } else { change.trim_end() };
        // What the best tree lacks stands below, whole.
        let why = if *best { String::new() } else { format!("\nrefused, and taken back: {why}") };
        format!("attempt {number}:\n{change}{why}")
    }
}

/// The changed lines of the files that the agent may edit.
pub(super) fn sources(diff: &str) -> String {
    let mut shown = String::new();
    let mut engines = false;
    for line in diff.lines() {
        if let Some((_, path)) = line.strip_prefix("diff --git ").and_then(|names| names.split_once(" b/")) {
            engines = survey::is_manifest(path);
            if !engines {
                shown.push_str(path);
                shown.push('\n');
            }
        } else if !engines && is_edit(line) {
            shown.push_str(line);
            shown.push('\n');
        }
    }
    shown
}

fn is_edit(line: &str) -> bool {
    let edit = line.starts_with('+') || line.starts_with('-');
    edit && !line.starts_with("+++ ") && !line.starts_with("--- ")
}

#[cfg(test)]
mod tests {
    use super::super::standing::Standing;
    use super::*;
    use crate::outcome::Outcome;

    fn patch(tree: char, line: &str) -> Patch {
        let id = |c: char| c.to_string().repeat(40).parse::<ObjectId>().unwrap();
        let diff = format!(
            "diff --git a/package.json b/package.json\n--- a/package.json\n+++ b/package.json\n@@ -1 +1 @@\n-1\n+2\n\
             diff --git a/src/a.js b/src/a.js\n--- a/src/a.js\n+++ b/src/a.js\n@@ -1 +1 @@\n-old\n+{line}\n"
        );
        Patch::seal(id('f'), id(tree), vec![], diff)
    }

    fn refusal(wrong: usize, feedback: &str) -> Refusal {
        let outcome = Outcome::IntegrityFailed;
        Refusal { outcome, feedback: feedback.into(), standing: Standing::of_refusal(outcome, wrong) }
    }

    #[test]
    fn the_next_attempt_starts_from_the_best_tree_and_knows_what_failed() {
        let mut course = Course::new(patch('0', ""), refusal(3, "three are wrong"));
        assert!(course.told(1, 3).contains("\nthree are wrong\n"));
        assert!(course.take(1, patch('1', "first"), refusal(1, "one is wrong")));
        assert!(!course.take(2, patch('2', "second"), refusal(5, "five are wrong")));
        assert_eq!(course.best().tree().as_str(), "1".repeat(40));
        let told = course.told(3, 3);
        for part in [
            "attempt 3 of 3",
            "as attempt 1 left it",
            "src/a.js\n-old\n+first\n",
            "+second\nrefused, and taken back: five are wrong",
            "\none is wrong\n",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        assert!(!told.contains("three are wrong") && !told.contains("package.json"), "{told}");
    }

    #[test]
    fn a_tree_that_was_refused_is_known_and_a_later_one_as_good_is_preferred() {
        let mut course = Course::new(patch('0', ""), refusal(1, "a"));
        assert!(course.take(1, patch('1', "x"), refusal(1, "b")));
        assert_eq!(course.refusal().feedback, "b");
        assert_eq!(course.refused_before(patch('0', "").tree()).unwrap().feedback, "a");
        assert!(course.refused_before(patch('2', "").tree()).is_none());
    }
}
