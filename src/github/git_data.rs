//! Commits by the Git Data API: blobs, trees, a commit, and only then the
//! branch.
//!
//! GitHub signs such a commit as the App when neither author nor committer is
//! given, so none is. Everything up to the commit is named by its content or
//! hangs on nothing, so making it twice changes nothing that anybody sees.
//! The branch is the one effect; whoever calls looks at it first.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::call::{Posted, RepoClient, TRIES, pause};
use super::refusal;
use super::wire::{escape, escape_path};
use crate::failure::{Failure, Kind};
use crate::ids::ObjectId;
use crate::outcome::Outcome;

/// A text of at most this many bytes goes into the tree's own request.
const INLINE: usize = 64 * 1024;
/// Bytes and entries of one such request; GitHub fails on much larger ones.
const PART_BYTES: usize = 768 * 1024;
const PART_ENTRIES: usize = 400;

/// The directory that an App may only change with a permission of its own.
const WORKFLOWS: &str = ".github/workflows/";

/// One path of a tree, and what is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    pub path: String,
    /// `None` takes it away.
    pub file: Option<NewFile>,
}

/// A file for a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// `100644`, `100755` or `120000`.
    pub mode: &'static str,
    /// What git calls these bytes.
    pub id: ObjectId,
    pub bytes: Vec<u8>,
}

/// A commit that GitHub has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitNow {
    pub id: ObjectId,
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    /// GitHub takes its signature for good.
    pub verified: bool,
    /// GitHub's word for why, or why not.
    pub reason: String,
}

/// What to do about a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It points where it should.
    There,
    Create,
    /// Move it to a commit that stands on what is there.
    Forward,
    /// Move it, whatever is there.
    Replace,
    /// Leave it: somebody else has moved it.
    Moved,
}

fn id_at(value: &Value, pointer: &str) -> Option<ObjectId> {
    value.pointer(pointer)?.as_str()?.parse().ok()
}

fn commit_of(value: &Value) -> Option<CommitNow> {
    let parents = value.get("parents")?.as_array()?;
    Some(CommitNow {
        id: id_at(value, "/sha")?,
        tree: id_at(value, "/tree/sha")?,
        parents: parents.iter().filter_map(|parent| id_at(parent, "/sha")).collect(),
        verified: value.pointer("/verification/verified").and_then(Value::as_bool).unwrap_or(false),
        reason: value.pointer("/verification/reason").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

impl RepoClient {
    /// The commit of this name, also one that no branch holds.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn commit(&self, id: &ObjectId) -> Result<Option<CommitNow>, Failure> {
        Ok(self.find(&format!("/git/commits/{id}")).await?.as_ref().and_then(commit_of))
    }

    /// Makes the tree that `entries` make of `base`, in several requests when
    /// it is a large one, and names it.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no: a secret was found, a workflow
    /// file may not be changed.
    pub async fn make_tree(&self, base: &ObjectId, entries: &[TreeEntry]) -> Result<ObjectId, Failure> {
        let workflows = entries.iter().any(|entry| entry.path.starts_with(WORKFLOWS));
        let made = self.tree(base, entries).await;
        // GitHub has no words of its own for this one.
        made.map_err(|failure| match failure.kind() {
            Kind::UserFault if workflows && failure.outcome() == Outcome::InternalError => {
                refusal::failure(Outcome::WorkflowsForbidden, "").because(failure)
            }
            _ => failure,
        })
    }

    async fn tree(&self, base: &ObjectId, entries: &[TreeEntry]) -> Result<ObjectId, Failure> {
        let mut tree = base.clone();
        for part in parts(entries) {
            let mut list = Vec::with_capacity(part.len());
            for entry in part {
                list.push(self.tree_entry(entry).await?);
            }
            let body = json!({ "base_tree": tree, "tree": list });
            let made = self.post_idempotent("/git/trees", &body).await?;
            tree = id_at(&made, "/sha").ok_or_else(|| self.exhausted("read a tree"))?;
        }
        Ok(tree)
    }

    async fn tree_entry(&self, entry: &TreeEntry) -> Result<Value, Failure> {
        let path = &entry.path;
        let Some(file) = &entry.file else {
            return Ok(json!({ "path": path, "mode": "100644", "type": "blob", "sha": null }));
        };
        if let Some(text) = inline(&file.bytes) {
            return Ok(json!({ "path": path, "mode": file.mode, "type": "blob", "content": text }));
        }
        let body = json!({ "content": STANDARD.encode(&file.bytes), "encoding": "base64" });
        let made = self.post_idempotent("/git/blobs", &body).await?;
        match id_at(&made, "/sha") {
            Some(id) if id == file.id => {
                Ok(json!({ "path": path, "mode": file.mode, "type": "blob", "sha": id }))
            }
            _ => Err(self.exhausted("keep a file's content")),
        }
    }

    /// Makes a commit as the App; no branch holds it yet.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn make_commit(
        &self,
        message: &str,
        tree: &ObjectId,
        parent: &ObjectId,
    ) -> Result<CommitNow, Failure> {
        let body = json!({ "message": message, "tree": tree, "parents": [parent] });
        let made = self.post_idempotent("/git/commits", &body).await?;
        commit_of(&made).ok_or_else(|| self.exhausted("read a commit"))
    }

    /// Makes `branch` point at `commit`. `step` says what to do about where
    /// it points now; it is asked again after each look.
    ///
    /// # Errors
    /// GitHub cannot be reached or says no; the branch is somewhere else than
    /// it may be.
    pub async fn place(
        &self,
        branch: &str,
        commit: &ObjectId,
        step: impl Fn(Option<&ObjectId>) -> Step,
    ) -> Result<(), Failure> {
        for tries in 1..=TRIES {
            let now = self.branch_head(branch).await?;
            let done = match step(now.as_ref()) {
                Step::There => true,
                Step::Moved => return Err(refusal::failure(Outcome::HeadMoved, "")),
                Step::Create => self.create_branch(branch, commit).await?,
                Step::Forward => self.move_branch(branch, commit, false).await?,
                Step::Replace => self.move_branch(branch, commit, true).await?,
            };
            if done {
                return Ok(());
            }
            tokio::time::sleep(pause(tries)).await;
        }
        Err(self.exhausted("make the branch"))
    }

    /// `false` when it is uncertain, or there is one by now.
    async fn create_branch(&self, branch: &str, commit: &ObjectId) -> Result<bool, Failure> {
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": commit });
        match self.post("/git/refs", &body).await? {
            Posted::Made(_) => Ok(true),
            Posted::Invalid(why) if why.to_ascii_lowercase().contains("already exists") => Ok(false),
            Posted::Invalid(why) => Err(self.invalid("make the branch", why)),
            Posted::Uncertain(failure) => {
                tracing::warn!(%failure, branch, "uncertain whether GitHub made the branch");
                Ok(false)
            }
        }
    }

    /// Without `force` GitHub only moves a branch forward, to a commit that
    /// stands on what is there; with it, whatever came since the look is
    /// replaced too: the API has no way to say what is expected.
    async fn move_branch(&self, branch: &str, commit: &ObjectId, force: bool) -> Result<bool, Failure> {
        let path = format!("/git/refs/heads/{}", escape_path(branch));
        self.replace(&path, &json!({ "sha": commit, "force": force })).await.map(|_moved| true)
    }

    /// Does a rule of the repository want signed commits on this branch?
    ///
    /// # Errors
    /// GitHub cannot be reached or says no.
    pub async fn wants_signatures(&self, branch: &str) -> Result<bool, Failure> {
        let rules = self.list(&format!("/rules/branches/{}", escape(branch))).await?;
        let is = |rule: &Value| rule.get("type").and_then(Value::as_str) == Some("required_signatures");
        Ok(rules.iter().any(is))
    }
}

/// The text of a file that can go into the tree's own request: JSON carries
/// no other bytes, and GitHub's parser no NUL.
fn inline(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (bytes.len() <= INLINE && !bytes.contains(&0)).then_some(text)
}

/// The entries in portions of one request each, what is taken away first. A
/// file in place of a directory, or a directory in place of a file, must not
/// be in one request with what it replaces.
fn parts(entries: &[TreeEntry]) -> Vec<Vec<&TreeEntry>> {
    let (gone, new): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.file.is_none());
    let apart = in_each_others_way(&gone, &new);
    let mut parts: Vec<Vec<&TreeEntry>> = Vec::new();
    let mut bytes = 0;
    for (at, entry) in gone.iter().chain(&new).enumerate() {
        let weight = entry.path.len() + 100;
        let weight = weight + entry.file.as_ref().and_then(|file| inline(&file.bytes)).map_or(0, str::len);
        let turn = apart && at == gone.len();
        match parts.last_mut() {
            Some(part) if !turn && part.len() < PART_ENTRIES && bytes + weight <= PART_BYTES => {
                part.push(entry);
                bytes += weight;
            }
            _ => {
                parts.push(vec![entry]);
                bytes = weight;
            }
        }
    }
    parts
}

fn in_each_others_way(gone: &[&TreeEntry], new: &[&TreeEntry]) -> bool {
    let above = |entries: &[&TreeEntry]| -> BTreeSet<String> {
        let cuts = |path: &str| path.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
        let dirs = entries.iter().flat_map(|entry| {
            cuts(&entry.path).into_iter().filter_map(|at| entry.path.get(..at).map(str::to_owned))
        });
        dirs.collect()
    };
    let (above_gone, above_new) = (above(gone), above(new));
    gone.iter().any(|entry| above_new.contains(&entry.path))
        || new.iter().any(|entry| above_gone.contains(&entry.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, bytes: Option<&[u8]>) -> TreeEntry {
        let id = "a".repeat(40).parse().unwrap();
        let file = bytes.map(|bytes| NewFile { mode: "100644", id, bytes: bytes.to_vec() });
        TreeEntry { path: path.to_owned(), file }
    }

    fn paths(entries: &[TreeEntry]) -> Vec<Vec<&str>> {
        parts(entries)
            .into_iter()
            .map(|part| part.iter().map(|entry| entry.path.as_str()).collect())
            .collect()
    }

    #[test]
    fn a_small_change_is_one_request_that_takes_away_first() {
        let entries = [entry("b", Some(b"x")), entry("a", None)];
        assert_eq!(paths(&entries), [["a", "b"]]);
        assert_eq!(paths(&[]), Vec::<Vec<&str>>::new());
    }

    #[test]
    fn a_file_and_a_directory_of_one_name_are_two_requests() {
        let to_dir = [entry("lib", None), entry("lib/a.js", Some(b"x"))];
        assert_eq!(paths(&to_dir), [["lib"], ["lib/a.js"]]);
        let to_file = [entry("lib", Some(b"x")), entry("lib/a/b.js", None)];
        assert_eq!(paths(&to_file), [["lib/a/b.js"], ["lib"]]);
        let beside = [entry("lib/a", None), entry("lib/b", Some(b"x"))];
        assert_eq!(paths(&beside).len(), 1);
    }

    #[test]
    fn a_large_change_is_several_requests() {
        let text = vec![b'x'; INLINE];
        let entries: Vec<_> = (0..30).map(|n| entry(&format!("f{n}"), Some(&text))).collect();
        let made = parts(&entries);
        assert_eq!(made.iter().map(Vec::len).collect::<Vec<_>>(), [11, 11, 8]);
        let many: Vec<_> = (0..=PART_ENTRIES).map(|n| entry(&format!("f{n}"), None)).collect();
        assert_eq!(parts(&many).len(), 2);
    }

    #[test]
    fn only_small_text_goes_into_the_trees_own_request() {
        assert_eq!(inline("é\n".as_bytes()), Some("é\n"));
        assert_eq!(inline(b"\xff"), None);
        assert_eq!(inline(b"a\0b"), None);
        assert_eq!(inline(&vec![b'x'; INLINE + 1]), None);
    }

    #[test]
    fn a_commit_without_a_verification_is_not_verified() {
        let mut value = json!({
            "sha": "a".repeat(40), "tree": { "sha": "b".repeat(40) }, "parents": [{ "sha": "c".repeat(40) }],
        });
        let commit = commit_of(&value).unwrap();
        assert!(!commit.verified);
        assert_eq!(commit.parents.len(), 1);
        value["verification"] = json!({ "verified": true, "reason": "valid" });
        assert!(commit_of(&value).unwrap().verified);
        value["tree"] = Value::Null;
        assert_eq!(commit_of(&value), None);
    }
}
