//! How a change gets to GitHub, decided: by which way, and what becomes of
//! the branch. No input or output.

use crate::config::Commits;
use crate::github::{CommitNow, NewFile, Step, TreeEntry};
use crate::ids::ObjectId;
use crate::workspace::{Entry, Now};

/// A file with more bytes does not fit into one request of the API.
const LARGEST: usize = 30 * 1024 * 1024;

/// What carries a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Carrier {
    /// GitHub makes it, from these entries.
    Api(Vec<TreeEntry>),
    /// git does, for this reason.
    Git(&'static str),
}

/// The operator's choice, as far as the API can do it.
pub(super) fn carrier(commits: Commits, entries: Vec<Entry>) -> Carrier {
    if commits == Commits::Git {
        return Carrier::Git("github.commits is \"git\"");
    }
    let mut list = Vec::with_capacity(entries.len());
    for Entry { path, now } in entries {
        let file = match now {
            Now::Gone => None,
            Now::Other => return Carrier::Git("the change holds what the API cannot carry"),
            Now::File { bytes, .. } if bytes.len() > LARGEST => {
                return Carrier::Git("a file of the change is too large for the API");
            }
            Now::File { kind, id, bytes } => Some(NewFile { mode: kind.mode(), id, bytes }),
        };
        list.push(TreeEntry { path, file });
    }
    Carrier::Api(list)
}

/// Where a commit goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) branch: &'a str,
    pub(super) parent: &'a ObjectId,
    /// The head of the branch as it was looked at; `None` for a branch that
    /// is the session's own, where an older try may be replaced.
    pub(super) expected: Option<&'a ObjectId>,
}

/// What to do about a branch that points at `now`, so that it points at
/// `commit`.
pub(super) fn step(now: Option<&ObjectId>, commit: &ObjectId, place: Place<'_>) -> Step {
    match (now, place.expected) {
        (Some(now), _) if now == commit => Step::There,
        (None, None) => Step::Create,
        (Some(now), Some(expected)) if now == expected && expected == place.parent => Step::Forward,
        (Some(now), Some(expected)) if now == expected => Step::Replace,
        (Some(_), None) => Step::Replace,
        (_, Some(_)) => Step::Moved,
    }
}

/// Is this the commit that would be made, whoever made it? A run that died
/// after it had moved the branch left it there.
pub(super) fn is_it(commit: &CommitNow, tree: &ObjectId, parent: &ObjectId) -> bool {
    commit.tree == *tree && commit.parents.as_slice() == std::slice::from_ref(parent)
}

/// The stable key of a commit that GitHub makes: its name is GitHub's.
pub(super) fn key(tree: &ObjectId, parent: &ObjectId) -> String {
    format!("{tree} on {parent}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::FileKind;

    fn id(digit: char) -> ObjectId {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn file(path: &str, kind: FileKind, size: usize) -> Entry {
        Entry { path: path.into(), now: Now::File { kind, id: id('f'), bytes: vec![b'x'; size] } }
    }

    #[test]
    fn the_api_carries_files_links_and_deletions() {
        let entries = vec![
            file("run.sh", FileKind::Executable, 1),
            file("link", FileKind::Link, 1),
            Entry { path: "gone".into(), now: Now::Gone },
        ];
        let Carrier::Api(list) = carrier(Commits::Api, entries) else { panic!("git carries it") };
        let modes: Vec<_> = list.iter().map(|entry| entry.file.as_ref().map(|file| file.mode)).collect();
        assert_eq!(modes, [Some("100755"), Some("120000"), None]);
    }

    #[test]
    fn git_carries_what_is_configured_and_what_the_api_cannot() {
        let plain = || file("a", FileKind::Plain, 1);
        let other = Entry { path: "sub".into(), now: Now::Other };
        for (commits, entries) in [
            (Commits::Git, vec![plain()]),
            (Commits::Api, vec![plain(), other]),
            (Commits::Api, vec![file("a", FileKind::Plain, LARGEST + 1)]),
        ] {
            assert!(matches!(carrier(commits, entries), Carrier::Git(_)));
        }
    }

    #[test]
    fn a_branch_is_made_moved_or_left_alone() {
        let (ours, base, head, other) = (id('a'), id('b'), id('c'), id('d'));
        let place = |parent, expected| Place { branch: "agent/x", parent, expected };
        let own = place(&base, None);
        let table = [
            (None, own, Step::Create),
            (Some(&ours), own, Step::There),
            (Some(&other), own, Step::Replace),
            (Some(&head), place(&head, Some(&head)), Step::Forward),
            (Some(&head), place(&base, Some(&head)), Step::Replace),
            (Some(&ours), place(&base, Some(&head)), Step::There),
            (Some(&other), place(&base, Some(&head)), Step::Moved),
            (Some(&other), place(&head, Some(&head)), Step::Moved),
            (None, place(&head, Some(&head)), Step::Moved),
        ];
        for (now, place, expected) in table {
            assert_eq!(step(now, &ours, place), expected, "{now:?} {place:?}");
        }
    }

    #[test]
    fn a_commit_of_the_same_tree_and_parent_is_the_one() {
        let commit = |tree, parents: &[ObjectId]| CommitNow {
            id: id('9'),
            tree,
            parents: parents.to_vec(),
            verified: true,
            reason: String::new(),
        };
        assert!(is_it(&commit(id('1'), &[id('2')]), &id('1'), &id('2')));
        assert!(!is_it(&commit(id('3'), &[id('2')]), &id('1'), &id('2')));
        assert!(!is_it(&commit(id('1'), &[id('3')]), &id('1'), &id('2')));
        assert!(!is_it(&commit(id('1'), &[id('2'), id('3')]), &id('1'), &id('2')));
    }
}
