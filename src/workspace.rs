//! Bare mirrors: trees out to containers, validated changes in.
//!
//! Only the host writes a mirror, and there is never a checkout on the host.
//! A repository that a container could write is never opened here: what comes
//! back is a stream of paths and bytes that [`reader`] checks one by one.

pub mod git_worker;
mod mirror;
mod objects;
mod reader;
mod remote;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::change::Base;
use crate::failure::Failure;
use crate::ids::ObjectId;
use crate::outcome::Outcome;
use crate::secret::{ReadToken, WriteToken};

pub use mirror::Mirror;

/// How the network is spoken to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A fetch or push that takes longer is killed.
    pub timeout: Duration,
    /// This program, which does the git work in a process of its own.
    pub worker: PathBuf,
}

/// Where a repository comes from.
#[derive(Debug, Clone)]
pub enum Source {
    Remote { url: String, token: Option<ReadToken> },
    Local { path: PathBuf },
}

/// Which commit is wanted.
#[derive(Debug, Clone)]
pub enum Want {
    /// The newest one of the branch that `HEAD` names.
    DefaultBranch,
    /// The one that an earlier run of the session worked on.
    Commit(Base),
}

/// Where a commit goes.
#[derive(Debug, Clone)]
pub enum Destination {
    Remote { url: String, token: WriteToken },
    Local { path: PathBuf },
}

/// Whether a push changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    Created,
    AlreadyThere,
}

/// A branch, and what must be there for a push.
#[derive(Debug, Clone, Copy)]
pub struct Onto<'a> {
    pub branch: &'a str,
    /// The branch's head as it was looked at: another head by then is not
    /// written over. `None` for a branch that is the session's own, where an
    /// older try may be replaced.
    pub expected: Option<&'a ObjectId>,
}

/// How git keeps a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    Plain,
    Executable,
    Link,
}

impl FileKind {
    /// As git and GitHub write it.
    #[must_use]
    pub fn mode(self) -> &'static str {
        match self {
            Self::Plain => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
        }
    }
}

/// What is at a path that a change touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Now {
    Gone,
    /// `bytes` is the content, of a link its target.
    File {
        kind: FileKind,
        id: ObjectId,
        bytes: Vec<u8>,
    },
    /// Something that only git itself carries: a submodule, or a name that is
    /// no text.
    Other,
}

/// One path that a change touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub path: String,
    pub now: Now,
}

/// What a commit says besides its tree. The same values make the same commit.
#[derive(Debug, Clone)]
pub struct CommitMeta {
    pub parent: ObjectId,
    pub author_name: String,
    pub author_email: String,
    pub at: Timestamp,
    pub message: String,
}

/// All mirrors of this installation.
#[derive(Debug)]
pub struct Workspace {
    dir: PathBuf,
    settings: Settings,
    /// One fetch at a time per mirror.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Workspace {
    #[must_use]
    pub fn new(dir: PathBuf, settings: Settings) -> Self {
        Self { dir, settings, locks: Mutex::default() }
    }

    /// Brings the mirror of `key` up to date and names the commit to work on.
    ///
    /// # Errors
    /// The repository cannot be reached or read, or the commit is gone.
    pub async fn fetch(&self, key: &str, source: &Source, want: Want) -> Result<Mirror, Failure> {
        let path = self.path(key);
        let lock = self.lock(key)?;
        let _held = lock.lock().await;
        std::fs::create_dir_all(&self.dir)
            .map_err(|error| Failure::bug("make the directory of mirrors").because(error))?;
        if let Want::Commit(base) = want {
            let mirror = Mirror::new(path.clone(), base.clone(), self.settings.clone());
            if path.exists() && mirror.has(&base.tree).await? {
                return Ok(mirror);
            }
            let fetched = self.fetch_from(&path, source, Some(base.commit.clone())).await?;
            return match fetched.commit == base.commit {
                true => Ok(Mirror::new(path, base, self.settings.clone())),
                false => Err(Failure::user(
                    Outcome::FetchFailed,
                    format!("find the commit {} again", base.commit.short()),
                )),
            };
        }
        let base = self.fetch_from(&path, source, None).await?;
        Ok(Mirror::new(path, base, self.settings.clone()))
    }

    /// Brings one more commit into the mirror of `key`, such as the head of a
    /// pull request, and names its tree. The branch is that of `HEAD`.
    ///
    /// # Errors
    /// The repository cannot be reached or read, or the commit is gone.
    pub async fn also(&self, key: &str, source: &Source, commit: &ObjectId) -> Result<Base, Failure> {
        let path = self.path(key);
        let lock = self.lock(key)?;
        let _held = lock.lock().await;
        std::fs::create_dir_all(&self.dir)
            .map_err(|error| Failure::bug("make the directory of mirrors").because(error))?;
        self.fetch_from(&path, source, Some(commit.clone())).await
    }

    fn path(&self, key: &str) -> PathBuf {
        self.dir.join(hex::encode(Sha256::digest(key)).get(..24).unwrap_or_default())
    }

    async fn fetch_from(
        &self,
        mirror: &std::path::Path,
        source: &Source,
        commit: Option<ObjectId>,
    ) -> Result<Base, Failure> {
        let (url, token, shallow) = match source {
            Source::Remote { url, token } => {
                (url.clone(), token.as_ref().map(|token| token.0.expose().to_owned()), true)
            }
            // Neither needed nor possible within one machine.
            Source::Local { path } => (path.display().to_string(), None, false),
        };
        let request = git_worker::Request::Fetch { mirror: mirror.to_owned(), url, token, shallow, commit };
        match remote::ask(&self.settings, &request).await? {
            git_worker::Reply::Fetched(base) => Ok(base),
            other => Err(remote::failure(other, "fetch the repository")),
        }
    }

    fn lock(&self, key: &str) -> Result<Arc<tokio::sync::Mutex<()>>, Failure> {
        let mut locks = self.locks.lock().map_err(|_poisoned| Failure::bug("lock the mirrors"))?;
        Ok(Arc::clone(locks.entry(key.to_owned()).or_default()))
    }
}
