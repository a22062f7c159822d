//! git's object database: identifiers, files, trees, diffs, commits.
//!
//! Everything here blocks, works on a bare mirror, and runs on a blocking
//! thread.

use std::collections::BTreeSet;
use std::io::Write;

use git2::build::TreeUpdateBuilder;
use git2::{
    Delta, Diff, DiffFormat, DiffOptions, FileMode, ObjectType, Oid, Repository, Signature, Time, Tree,
    TreeWalkMode, TreeWalkResult,
};

use super::reader::{Edit, Edits};
use super::{CommitMeta, Entry, FileKind, Now};
use crate::evidence::{ChangeKind, ChangedFile};
use crate::exec::TreeSize;
use crate::ids::ObjectId;

/// Bytes of diff text that are kept; the judge refuses what was cut.
const DIFF_CAP: usize = 1024 * 1024;

pub(super) fn oid(id: &ObjectId) -> Result<Oid, git2::Error> {
    Oid::from_str(id.as_str())
}

pub(super) fn object_id(oid: Oid) -> Result<ObjectId, git2::Error> {
    oid.to_string().parse().map_err(|_not_sha1| git2::Error::from_str("the object id is not SHA-1"))
}

/// The content of a regular file.
pub(super) fn read(
    repository: &Repository,
    tree: &ObjectId,
    path: &str,
) -> Result<Option<Vec<u8>>, git2::Error> {
    let tree = repository.find_tree(oid(tree)?)?;
    match tree.get_path(std::path::Path::new(path)) {
        Ok(entry)
            if entry.kind() == Some(ObjectType::Blob) && entry.filemode() != i32::from(FileMode::Link) =>
        {
            Ok(Some(repository.find_blob(entry.id())?.content().to_vec()))
        }
        Ok(_not_a_file) => Ok(None),
        Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One file of a tree.
struct File {
    path: String,
    id: Oid,
    mode: i32,
}

/// Files and links in git's order; submodules are left out.
fn files(tree: &Tree<'_>) -> Result<Vec<File>, git2::Error> {
    let mut files = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |dir, entry| {
        if let (Some(ObjectType::Blob), Ok(name)) = (entry.kind(), entry.name()) {
            files.push(File { path: format!("{dir}{name}"), id: entry.id(), mode: entry.filemode() });
        }
        TreeWalkResult::Ok
    })?;
    Ok(files)
}

pub(super) fn list(repository: &Repository, tree: &ObjectId) -> Result<Vec<String>, git2::Error> {
    Ok(files(&repository.find_tree(oid(tree)?)?)?.into_iter().map(|file| file.path).collect())
}

/// The texts of a tree below `dir` that `wanted` says yes to, until `budget`
/// bytes are read. What is no text, or larger than `each`, is left out.
pub(super) fn texts(
    repository: &Repository,
    tree: &ObjectId,
    wanted: impl Fn(&str) -> bool,
    (each, mut budget): (usize, usize),
) -> Result<Vec<(String, String)>, git2::Error> {
    let database = repository.odb()?;
    let mut texts = Vec::new();
    for file in files(&repository.find_tree(oid(tree)?)?)? {
        if file.mode == i32::from(FileMode::Link) || !wanted(&file.path) {
            continue;
        }
        let (bytes, _kind) = database.read_header(file.id)?;
        if bytes > each || bytes > budget {
            continue;
        }
        if let Ok(text) = std::str::from_utf8(database.read(file.id)?.data()) {
            budget -= bytes;
            texts.push((file.path, text.to_owned()));
        }
    }
    Ok(texts)
}

pub(super) fn size(repository: &Repository, tree: &ObjectId) -> Result<TreeSize, git2::Error> {
    let database = repository.odb()?;
    let mut size = TreeSize::default();
    for file in files(&repository.find_tree(oid(tree)?)?)? {
        let (bytes, _kind) = database.read_header(file.id)?;
        size.files += 1;
        size.bytes = size.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
    Ok(size)
}

/// Writes the tree as a tar, or the files of it that are named; directories
/// come with their files.
pub(super) fn write_tar(
    repository: &Repository,
    tree: &ObjectId,
    only: Option<&BTreeSet<String>>,
    out: impl Write,
) -> anyhow::Result<()> {
    let mut tar = tar::Builder::new(out);
    let database = repository.odb()?;
    for file in files(&repository.find_tree(oid(tree)?)?)? {
        if only.is_some_and(|only| !only.contains(&file.path)) {
            continue;
        }
        let object = database.read(file.id)?;
        let mut header = tar::Header::new_gnu();
        header.set_mtime(0);
        if file.mode == i32::from(FileMode::Link) {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            tar.append_link(&mut header, &file.path, std::str::from_utf8(object.data())?)?;
        } else {
            let executable = file.mode == i32::from(FileMode::BlobExecutable);
            header.set_mode(if executable { 0o775 } else { 0o664 });
            header.set_size(u64::try_from(object.data().len())?);
            tar.append_data(&mut header, &file.path, object.data())?;
        }
    }
    tar.into_inner()?.flush()?;
    Ok(())
}

/// The base tree with the edits in it. A file keeps the mode that it had; a
/// new one is a plain file.
pub(super) fn apply(repository: &Repository, base: &ObjectId, edits: &Edits) -> Result<Oid, git2::Error> {
    let base = repository.find_tree(oid(base)?)?;
    let mut update = TreeUpdateBuilder::new();
    for (path, edit) in edits {
        let before = base.get_path(std::path::Path::new(path)).ok();
        match edit {
            Edit::Delete if before.is_some() => {
                update.remove(path.as_str());
            }
            Edit::Delete => {}
            Edit::Write(bytes) => {
                let executable =
                    before.is_some_and(|entry| entry.filemode() == i32::from(FileMode::BlobExecutable));
                let mode = if executable { FileMode::BlobExecutable } else { FileMode::Blob };
                update.upsert(path.as_str(), repository.blob(bytes)?, mode);
            }
        }
    }
    update.create_updated(repository, &base)
}

/// The paths that are not the same in two trees.
pub(super) fn differing(
    repository: &Repository,
    one: &ObjectId,
    other: &ObjectId,
) -> Result<BTreeSet<String>, git2::Error> {
    let (one, other) = (repository.find_tree(oid(one)?)?, repository.find_tree(oid(other)?)?);
    let diff = repository.diff_tree_to_tree(Some(&one), Some(&other), None)?;
    let paths = diff.deltas().flat_map(|delta| {
        [delta.old_file(), delta.new_file()].map(|file| file.path().map(|path| path.display().to_string()))
    });
    Ok(paths.flatten().collect())
}

/// What makes `to` of `from`, path by path, with the bytes of what is new.
pub(super) fn entries(
    repository: &Repository,
    from: &ObjectId,
    to: &ObjectId,
) -> Result<Vec<Entry>, git2::Error> {
    let (from, to) = (repository.find_tree(oid(from)?)?, repository.find_tree(oid(to)?)?);
    let mut options = DiffOptions::new();
    // A file that becomes a link is one entry that way, not two.
    options.include_typechange(true);
    let diff = repository.diff_tree_to_tree(Some(&from), Some(&to), Some(&mut options))?;
    let mut entries = Vec::new();
    for delta in diff.deltas() {
        let file = if delta.status() == Delta::Deleted { delta.old_file() } else { delta.new_file() };
        let path = file.path_bytes().map(String::from_utf8_lossy).unwrap_or_default();
        let odd = matches!(path, std::borrow::Cow::Owned(_));
        let kind = match file.mode() {
            FileMode::Blob | FileMode::BlobGroupWritable => Some(FileKind::Plain),
            FileMode::BlobExecutable => Some(FileKind::Executable),
            FileMode::Link => Some(FileKind::Link),
            _ => None,
        };
        let now = match (kind, delta.status()) {
            // A name that is no text, or a submodule.
            _ if odd => Now::Other,
            (None, _) => Now::Other,
            (Some(_), Delta::Deleted) => Now::Gone,
            (Some(kind), _) => {
                let bytes = repository.find_blob(file.id())?.content().to_vec();
                Now::File { kind, id: object_id(file.id())?, bytes }
            }
        };
        entries.push(Entry { path: path.into_owned(), now });
    }
    Ok(entries)
}

/// The tree of a commit.
pub(super) fn tree_of(repository: &Repository, commit: &ObjectId) -> Result<ObjectId, git2::Error> {
    object_id(repository.find_commit(oid(commit)?)?.tree_id())
}

/// A tree with some files as another one has them, modes and all.
pub(super) fn overlay(
    repository: &Repository,
    tree: &ObjectId,
    from: &ObjectId,
    paths: &[String],
) -> Result<Oid, git2::Error> {
    let (tree, from) = (repository.find_tree(oid(tree)?)?, repository.find_tree(oid(from)?)?);
    let mut update = TreeUpdateBuilder::new();
    for path in paths {
        let entry = from.get_path(std::path::Path::new(path))?;
        let mode = match entry.filemode() {
            mode if mode == i32::from(FileMode::Link) => FileMode::Link,
            mode if mode == i32::from(FileMode::BlobExecutable) => FileMode::BlobExecutable,
            _ => FileMode::Blob,
        };
        update.upsert(path.as_str(), entry.id(), mode);
    }
    update.create_updated(repository, &tree)
}

/// What differs between two trees, file by file, and as text.
pub(super) fn diff(
    repository: &Repository,
    base: &ObjectId,
    tree: &ObjectId,
) -> Result<(Vec<ChangedFile>, String), git2::Error> {
    let (base, tree) = (repository.find_tree(oid(base)?)?, repository.find_tree(oid(tree)?)?);
    let mut options = DiffOptions::new();
    options.context_lines(3).include_typechange(true);
    let diff = repository.diff_tree_to_tree(Some(&base), Some(&tree), Some(&mut options))?;
    Ok((changed_files(&diff)?, text(&diff)?))
}

fn changed_files(diff: &Diff<'_>) -> Result<Vec<ChangedFile>, git2::Error> {
    let mut files = Vec::new();
    for (index, delta) in diff.deltas().enumerate() {
        let path = delta.new_file().path().or_else(|| delta.old_file().path());
        let (_context, added, removed) = match git2::Patch::from_diff(diff, index)? {
            Some(patch) => patch.line_stats()?,
            None => (0, 0, 0),
        };
        files.push(ChangedFile {
            path: path.map(|path| path.display().to_string()).unwrap_or_default(),
            kind: match delta.status() {
                Delta::Added => ChangeKind::Added,
                Delta::Deleted => ChangeKind::Deleted,
                _ => ChangeKind::Modified,
            },
            added: u32::try_from(added).unwrap_or(u32::MAX),
            removed: u32::try_from(removed).unwrap_or(u32::MAX),
        });
    }
    Ok(files)
}

fn text(diff: &Diff<'_>) -> Result<String, git2::Error> {
    let mut bytes = Vec::new();
    diff.print(DiffFormat::Patch, |_delta, _hunk, line| {
        if bytes.len() < DIFF_CAP {
            if matches!(line.origin(), '+' | '-' | ' ') {
                bytes.extend(line.origin().to_string().bytes());
            }
            bytes.extend_from_slice(line.content());
        }
        true
    })?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if bytes.len() >= DIFF_CAP {
        text.push_str("\n[diff cut here]\n");
    }
    Ok(text)
}

/// Writes the commit; the same arguments give the same object.
pub(super) fn commit(
    repository: &Repository,
    tree: &ObjectId,
    meta: &CommitMeta,
) -> Result<Oid, git2::Error> {
    let at = Time::new(meta.at.as_second(), 0);
    let author = Signature::new(&meta.author_name, &meta.author_email, &at)?;
    let parent = repository.find_commit(oid(&meta.parent)?)?;
    let tree = repository.find_tree(oid(tree)?)?;
    repository.commit(None, &author, &author, &meta.message, &tree, &[&parent])
}
