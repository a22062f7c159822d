//! One bare mirror, seen from one base commit.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use git2::Repository;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;
use tokio_util::io::StreamReader;

use super::git_worker::{Reply, Request};
use super::{CommitMeta, Destination, Entry, Onto, Pushed, Settings, objects, reader, remote};
use crate::change::Base;
use crate::evidence::Patch;
use crate::exec::TreeSize;
use crate::failure::Failure;
use crate::ids::ObjectId;
use crate::outcome::Outcome;

/// Bytes of one piece of a tar.
const PIECE: usize = 256 * 1024;
/// Pieces that wait for a slow container.
const PIECES: usize = 8;

/// A bare mirror that holds `base`.
#[derive(Debug, Clone)]
pub struct Mirror {
    path: PathBuf,
    base: Base,
    settings: Settings,
}

impl Mirror {
    pub(super) fn new(path: PathBuf, base: Base, settings: Settings) -> Self {
        Self { path, base, settings }
    }

    #[must_use]
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// Runs `work` on a blocking thread, as libgit2 wants it.
    async fn git<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Repository) -> Result<T, git2::Error> + Send + 'static,
    ) -> Result<T, Failure> {
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || work(&Repository::open_bare(path)?)).await;
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Failure::transient(Outcome::InternalError, what).because(error)),
            Err(panicked) => Err(Failure::bug(what).because(panicked)),
        }
    }

    /// Is this tree in the mirror?
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn has(&self, tree: &ObjectId) -> Result<bool, Failure> {
        let tree = tree.clone();
        self.git("look into the mirror", move |repository| {
            Ok(repository.find_tree(objects::oid(&tree)?).is_ok())
        })
        .await
    }

    /// A regular file of a tree; `None` when there is none at `path`.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn read(&self, tree: &ObjectId, path: &str) -> Result<Option<Vec<u8>>, Failure> {
        let (tree, path) = (tree.clone(), path.to_owned());
        self.git("read a file from the mirror", move |repository| objects::read(repository, &tree, &path))
            .await
    }

    /// The paths of all files of a tree.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn list(&self, tree: &ObjectId) -> Result<Vec<String>, Failure> {
        let tree = tree.clone();
        self.git("list a tree of the mirror", move |repository| objects::list(repository, &tree)).await
    }

    /// The texts of a tree that `wanted` says yes to by their paths, each of
    /// at most `caps.0` bytes, together at most `caps.1`.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn texts(
        &self,
        tree: &ObjectId,
        wanted: impl Fn(&str) -> bool + Send + 'static,
        caps: (usize, usize),
    ) -> Result<Vec<(String, String)>, Failure> {
        let tree = tree.clone();
        self.git("read the texts of a tree", move |repository| {
            objects::texts(repository, &tree, wanted, caps)
        })
        .await
    }

    /// # Errors
    /// The mirror cannot be read.
    pub async fn size(&self, tree: &ObjectId) -> Result<TreeSize, Failure> {
        let tree = tree.clone();
        self.git("measure a tree of the mirror", move |repository| objects::size(repository, &tree)).await
    }

    /// A tree as a tar, made while it is read. An error in the middle shows
    /// as an error of the reader, never as a shorter tree.
    #[must_use]
    pub fn tar(&self, tree: &ObjectId) -> impl AsyncRead + Send + Unpin + use<> {
        self.stream(tree, None)
    }

    /// The files of a tree that are named, as a tar.
    #[must_use]
    pub fn tar_of(&self, tree: &ObjectId, only: BTreeSet<String>) -> impl AsyncRead + Send + Unpin + use<> {
        self.stream(tree, Some(only))
    }

    /// The paths that are not the same in two trees.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn differing(&self, one: &ObjectId, other: &ObjectId) -> Result<BTreeSet<String>, Failure> {
        let (one, other) = (one.clone(), other.clone());
        self.git("compare two trees of the mirror", move |repository| {
            objects::differing(repository, &one, &other)
        })
        .await
    }

    /// What makes the tree `to` of the tree `from`.
    ///
    /// # Errors
    /// The mirror cannot be read.
    pub async fn entries(&self, from: &ObjectId, to: &ObjectId) -> Result<Vec<Entry>, Failure> {
        let (from, to) = (from.clone(), to.clone());
        self.git("list what a change touches", move |repository| objects::entries(repository, &from, &to))
            .await
    }

    /// The tree of a commit that is in the mirror.
    ///
    /// # Errors
    /// It is not, or the mirror cannot be read.
    pub async fn tree_of(&self, commit: &ObjectId) -> Result<ObjectId, Failure> {
        let commit = commit.clone();
        self.git("find a commit in the mirror", move |repository| objects::tree_of(repository, &commit)).await
    }

    fn stream(
        &self,
        tree: &ObjectId,
        only: Option<BTreeSet<String>>,
    ) -> impl AsyncRead + Send + Unpin + use<> {
        let (sender, receiver) = mpsc::channel(PIECES);
        let (path, tree) = (self.path.clone(), tree.clone());
        // Ends by itself: it has nowhere to write once the reader is gone.
        tokio::task::spawn_blocking(move || {
            let mut pieces = Pieces { sender, buffer: Vec::with_capacity(PIECE) };
            if let Err(error) = write_tar(&path, &tree, only.as_ref(), &mut pieces) {
                pieces.sender.blocking_send(Err(io::Error::other(error))).ok();
            }
        });
        StreamReader::new(Box::pin(futures_util::stream::unfold(receiver, async |mut receiver| {
            receiver.recv().await.map(|piece| (piece, receiver))
        })))
    }

    /// Checks an export of a container, path by path, and writes the tree
    /// that it makes of `start`, which the container was given. The patch is
    /// against the base, whatever the start was.
    ///
    /// # Errors
    /// The export is not as it must be, or touches what it may not.
    pub async fn take(
        &self,
        start: &ObjectId,
        export: Vec<u8>,
        may_touch: &[String],
    ) -> Result<Patch, Failure> {
        let edits = reader::read(&export, may_touch)?;
        let (base, start) = (self.base.clone(), start.clone());
        self.git("write the change into the mirror", move |repository| {
            let tree = objects::object_id(objects::apply(repository, &start, &edits)?)?;
            let (files, diff) = objects::diff(repository, &base.tree, &tree)?;
            Ok(Patch::seal(base.commit, tree, files, diff))
        })
        .await
    }

    /// What makes a tree of the mirror of the base: a pull request's head, or
    /// what an earlier session left.
    ///
    /// # Errors
    /// The mirror cannot be read, or the tree is not in it.
    pub async fn change_to(&self, tree: &ObjectId) -> Result<Patch, Failure> {
        let (base, tree) = (self.base.clone(), tree.clone());
        self.git("compare a tree of the mirror with the base", move |repository| {
            let (files, diff) = objects::diff(repository, &base.tree, &tree)?;
            Ok(Patch::seal(base.commit, tree, files, diff))
        })
        .await
    }

    /// `tree` with the files at `paths` as they are in `from`.
    ///
    /// # Errors
    /// The mirror cannot be written.
    pub async fn overlay(
        &self,
        tree: &ObjectId,
        from: &ObjectId,
        paths: &[String],
    ) -> Result<ObjectId, Failure> {
        let (tree, from, paths) = (tree.clone(), from.clone(), paths.to_vec());
        self.git("lay files of one tree over another", move |repository| {
            objects::object_id(objects::overlay(repository, &tree, &from, &paths)?)
        })
        .await
    }

    /// Writes the commit of a patch; the same arguments give the same commit.
    ///
    /// # Errors
    /// The mirror cannot be written.
    pub async fn commit(&self, patch: &Patch, meta: &CommitMeta) -> Result<ObjectId, Failure> {
        let (tree, meta) = (patch.tree().clone(), meta.clone());
        self.git("commit the change in the mirror", move |repository| {
            objects::object_id(objects::commit(repository, &tree, &meta)?)
        })
        .await
    }

    /// Makes the branch at the destination point at `commit`; looks first.
    ///
    /// # Errors
    /// The destination cannot be reached, or says no; the branch has another
    /// head than expected.
    pub async fn push(&self, commit: &ObjectId, onto: Onto<'_>, to: &Destination) -> Result<Pushed, Failure> {
        let (mirror, commit, branch) = (self.path.clone(), commit.clone(), onto.branch.to_owned());
        let request = match to {
            Destination::Remote { url, token } => {
                let (url, token) = (url.clone(), token.0.expose().to_owned());
                Request::Push { mirror, url, token, commit, branch, expected: onto.expected.cloned() }
            }
            Destination::Local { path } => Request::Hand { mirror, path: path.clone(), commit, branch },
        };
        match remote::ask(&self.settings, &request).await? {
            Reply::Created => Ok(Pushed::Created),
            Reply::AlreadyThere => Ok(Pushed::AlreadyThere),
            Reply::Moved => {
                let what = format!("push to {}, which somebody else has pushed to since", onto.branch);
                Err(Failure::user(Outcome::HeadMoved, what))
            }
            other => Err(remote::refused_push(other, "push the branch")),
        }
    }
}

fn write_tar(
    path: &Path,
    tree: &ObjectId,
    only: Option<&BTreeSet<String>>,
    out: &mut Pieces,
) -> anyhow::Result<()> {
    let repository = Repository::open_bare(path)?;
    objects::write_tar(&repository, tree, only, &mut *out)?;
    Ok(out.flush()?)
}

/// Gathers small writes into pieces and hands them to the async side.
struct Pieces {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.sender.blocking_send(Ok(piece)).map_err(|_gone| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::git_worker::serve;
    use super::*;
    use tokio::io::AsyncReadExt as _;

    /// A repository with one commit, fetched into a mirror.
    fn mirror(dir: &Path) -> Mirror {
        let repository = Repository::init(dir.join("source")).unwrap();
        std::fs::create_dir(dir.join("source/src")).unwrap();
        std::fs::write(dir.join("source/src/a.js"), "one\ntwo\n").unwrap();
        std::fs::write(dir.join("source/gone.txt"), "x").unwrap();
        let mut index = repository.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let author = git2::Signature::new("a", "a@localhost", &git2::Time::new(0, 0)).unwrap();
        repository.commit(Some("HEAD"), &author, &author, "first", &tree, &[]).unwrap();
        let request = Request::Fetch {
            mirror: dir.join("mirror"),
            url: dir.join("source").display().to_string(),
            token: None,
            shallow: false,
            commit: None,
        };
        let Reply::Fetched(base) = serve(&request) else { panic!("not fetched") };
        let settings = Settings { timeout: std::time::Duration::from_secs(10), worker: PathBuf::new() };
        Mirror::new(dir.join("mirror"), base, settings)
    }

    fn record(path: &str, content: Option<&[u8]>) -> Vec<u8> {
        let record = toolbox::api::Exported {
            path: path.into(),
            mode: content.map(|_| 0o100_644),
            size: content.map_or(0, <[u8]>::len) as u64,
        };
        let mut bytes = serde_json::to_vec(&record).unwrap();
        bytes.push(b'\n');
        bytes.extend_from_slice(content.unwrap_or_default());
        bytes
    }

    #[tokio::test]
    async fn a_change_becomes_a_tree_a_diff_and_always_the_same_commit() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = mirror(dir.path());
        let export =
            [record("src/a.js", Some(b"one\n2\n")), record("gone.txt", None), record("", None)].concat();
        let patch = mirror.take(&mirror.base().tree, export, &["**".into()]).await.unwrap();
        assert_eq!(patch.files().len(), 2);
        assert!(patch.diff().contains("-two\n+2\n"));
        assert_eq!(mirror.list(patch.tree()).await.unwrap(), ["src/a.js"]);
        let base = mirror.base().tree.clone();
        let overlay = mirror.overlay(patch.tree(), &base, &["gone.txt".into()]).await.unwrap();
        assert_eq!(mirror.list(&overlay).await.unwrap(), ["gone.txt", "src/a.js"]);
        assert_eq!(mirror.read(&overlay, "src/a.js").await.unwrap().unwrap(), b"one\n2\n");
        let both = ["gone.txt".into(), "src/a.js".into()];
        assert_eq!(mirror.overlay(patch.tree(), &base, &both).await.unwrap(), base);
        let meta = CommitMeta {
            parent: patch.base().clone(),
            author_name: "n".into(),
            author_email: "e@localhost".into(),
            at: jiff::Timestamp::from_second(5).unwrap(),
            message: "m".into(),
        };
        let commit = mirror.commit(&patch, &meta).await.unwrap();
        assert_eq!(commit, mirror.commit(&patch, &meta).await.unwrap());

        let hand = Request::Hand {
            mirror: dir.path().join("mirror"),
            path: dir.path().join("source"),
            commit: commit.clone(),
            branch: "agent/bump/x-1".into(),
        };
        assert!(matches!(serve(&hand), Reply::Created));
        assert!(matches!(serve(&hand), Reply::AlreadyThere));
        let source = Repository::open(dir.path().join("source")).unwrap();
        let branch = source.find_reference("refs/heads/agent/bump/x-1").unwrap();
        assert_eq!(branch.target().unwrap().to_string(), commit.as_str());
    }

    #[tokio::test]
    async fn a_change_that_started_elsewhere_is_a_patch_of_the_base_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = mirror(dir.path());
        let all = ["**".to_owned()];
        let first = record("src/b.js", Some(b"new\n"));
        let first = [first, record("", None)].concat();
        let first = mirror.take(&mirror.base().tree, first, &all).await.unwrap();
        let second = [record("src/a.js", Some(b"one\n2\n")), record("", None)].concat();
        let second = mirror.take(first.tree(), second, &all).await.unwrap();
        let paths: Vec<&str> = second.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["src/a.js", "src/b.js"]);
        assert_eq!(mirror.change_to(second.tree()).await.unwrap(), second);
    }

    #[tokio::test]
    async fn a_branch_that_somebody_moved_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = mirror(dir.path());
        let url = dir.path().join("server").display().to_string();
        Repository::init_bare(&url).unwrap();
        let (base, all) = (mirror.base().commit.clone(), ["**".to_owned()]);
        let mut commits = Vec::new();
        for text in ["one", "two", "three"] {
            let export = [record("src/a.js", Some(text.as_bytes())), record("", None)].concat();
            let patch = mirror.take(&mirror.base().tree, export, &all).await.unwrap();
            let meta = CommitMeta {
                parent: base.clone(),
                author_name: "n".into(),
                author_email: "e@localhost".into(),
                at: jiff::Timestamp::from_second(5).unwrap(),
                message: text.into(),
            };
            commits.push(mirror.commit(&patch, &meta).await.unwrap());
        }
        let push = |commit: usize, expected: Option<usize>| {
            serve(&Request::Push {
                mirror: dir.path().join("mirror"),
                url: url.clone(),
                token: String::new(),
                commit: commits[commit].clone(),
                branch: "agent/bump/x-1".into(),
                expected: expected.map(|index| commits[index].clone()),
            })
        };
        let head = || {
            let server = Repository::open_bare(&url).unwrap();
            let branch = server.find_reference("refs/heads/agent/bump/x-1").unwrap();
            branch.target().unwrap().to_string()
        };
        assert!(matches!(push(1, Some(0)), Reply::Moved), "there is no branch yet");
        assert!(matches!(push(0, None), Reply::Created));
        assert!(matches!(push(2, Some(1)), Reply::Moved));
        assert_eq!(head(), commits[0].as_str());
        assert!(matches!(push(1, Some(0)), Reply::Created));
        assert!(matches!(push(1, Some(0)), Reply::AlreadyThere), "it may happen twice");
        assert_eq!(head(), commits[1].as_str());
    }

    #[tokio::test]
    async fn the_tar_holds_every_file() {
        let dir = tempfile::tempdir().unwrap();
        let mirror = mirror(dir.path());
        let mut bytes = Vec::new();
        mirror.tar(&mirror.base().tree).read_to_end(&mut bytes).await.unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(paths, ["gone.txt", "src/a.js"]);
        assert_eq!(mirror.size(&mirror.base().tree).await.unwrap(), TreeSize { files: 2, bytes: 9 });
    }

    #[tokio::test]
    async fn a_missing_repository_is_said_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let request = Request::Fetch {
            mirror: dir.path().join("mirror"),
            url: dir.path().join("nothing").display().to_string(),
            token: None,
            shallow: false,
            commit: None,
        };
        let reply = serve(&request);
        assert!(matches!(reply, Reply::Refused(_)), "{reply:?}");
    }
}
