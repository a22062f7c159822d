//! git over the network, in a process of its own (`chaperone git-worker`).
//!
//! One request on standard input, one reply on standard output. The token
//! comes in the request and never on the command line. A server that
//! redirects to another host does not get it.

use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use git2::{
    Cred, CredentialType, Direction, ErrorClass, ErrorCode, FetchOptions, ProxyOptions, PushOptions, Remote,
    RemoteCallbacks, RemoteRedirect, Repository,
};
use serde::{Deserialize, Serialize};

use super::objects;
use crate::change::Base;
use crate::ids::ObjectId;

/// Bytes of what a server tells beside its answer that are kept.
const TOLD: usize = 16 * 1024;

/// What the worker is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Fetch `HEAD`'s branch, or one `commit`, into the bare `mirror`.
    Fetch { mirror: PathBuf, url: String, token: Option<String>, shallow: bool, commit: Option<ObjectId> },
    /// Make `branch` of the server point at `commit` of the mirror, if it
    /// points at `expected` now, where that is given.
    Push {
        mirror: PathBuf,
        url: String,
        token: String,
        commit: ObjectId,
        branch: String,
        expected: Option<ObjectId>,
    },
    /// Make `branch` of the local repository at `path` point at `commit`.
    Hand { mirror: PathBuf, path: PathBuf, commit: ObjectId, branch: String },
}

/// What the worker answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Fetched(Base),
    Created,
    AlreadyThere,
    /// The branch does not point at what was expected.
    Moved,
    /// The other side said no: trying again will not help.
    Refused(String),
    /// The network or the other side failed.
    Failed(String),
}

/// Serves the one request.
///
/// # Errors
/// Standard input or output cannot be used; everything else is a reply.
pub fn main() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("could not read the request")?;
    let request: Request = serde_json::from_str(&text).context("could not understand the request")?;
    let reply = serve(&request);
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &reply)?;
    out.flush().context("could not write the reply")
}

pub(super) fn serve(request: &Request) -> Reply {
    let result = match request {
        Request::Fetch { mirror, url, token, shallow, commit } => {
            fetch(mirror, &Wire { url, token: token.as_deref() }, *shallow, commit.as_ref())
        }
        Request::Push { mirror, url, token, commit, branch, expected } => {
            push(mirror, &Wire { url, token: Some(token) }, commit, (branch, expected.as_ref()))
        }
        Request::Hand { mirror, path, commit, branch } => hand(mirror, path, commit, branch),
    };
    result.unwrap_or_else(|error| reply_of(&error))
}

fn reply_of(error: &git2::Error) -> Reply {
    let message = format!("{} ({:?}, {:?})", error.message(), error.code(), error.class());
    match (error.code(), error.class()) {
        (ErrorCode::Auth | ErrorCode::NotFound | ErrorCode::NotFastForward | ErrorCode::User, _)
        | (_, ErrorClass::Repository | ErrorClass::Reference | ErrorClass::Callback | ErrorClass::Os) => {
            Reply::Refused(message)
        }
        _ => Reply::Failed(message),
    }
}

/// The other end of a connection.
struct Wire<'a> {
    url: &'a str,
    token: Option<&'a str>,
}

impl<'a> Wire<'a> {
    fn callbacks<'c>(&self) -> RemoteCallbacks<'c>
    where
        'a: 'c,
    {
        let (mut asked, token, url) = (false, self.token, self.url);
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |at, _user, allowed| {
            // Asked again means that it was wrong. Another host must not
            // have it at all, whoever rewrote the address.
            let (Some(token), false, true, true) =
                (token, asked, allowed.contains(CredentialType::USER_PASS_PLAINTEXT), same_host(at, url))
            else {
                return Err(git2::Error::new(ErrorCode::Auth, ErrorClass::Http, "the token was refused"));
            };
            asked = true;
            Cred::userpass_plaintext("x-access-token", token)
        });
        callbacks
    }

    fn proxy<'p>() -> ProxyOptions<'p> {
        let mut proxy = ProxyOptions::new();
        proxy.auto();
        proxy
    }

    /// The refs that the server shows, without fetching anything.
    fn heads(&self, remote: &mut Remote<'_>, direction: Direction) -> Result<Vec<Head>, git2::Error> {
        let connection = remote.connect_auth(direction, Some(self.callbacks()), Some(Self::proxy()))?;
        let heads = connection
            .list()?
            .iter()
            .map(|head| Head {
                name: head.name().to_owned(),
                target: head.symref_target().map(str::to_owned),
                id: head.oid(),
            })
            .collect();
        Ok(heads)
    }
}

struct Head {
    name: String,
    target: Option<String>,
    id: git2::Oid,
}

/// Scheme, host and port are the same.
fn same_host(left: &str, right: &str) -> bool {
    let host = |url: &str| {
        let (scheme, rest) = url.split_once("://")?;
        let authority = rest.split('/').next()?;
        let host = authority.rsplit('@').next()?;
        Some((scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
    };
    host(left).is_some() && host(left) == host(right)
}

/// Only these are spoken: https, http to this very machine, and local paths.
fn allowed(url: &str) -> Result<(), git2::Error> {
    let loopback = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
    if url.starts_with("https://")
        || url.starts_with('/')
        || loopback.iter().any(|start| url.starts_with(start))
    {
        return Ok(());
    }
    Err(git2::Error::new(ErrorCode::User, ErrorClass::Net, "only https is spoken to other machines"))
}

fn open_mirror(path: &Path) -> Result<Repository, git2::Error> {
    if path.join("HEAD").exists() {
        return Repository::open_bare(path);
    }
    Repository::init_bare(path)
}

fn fetch(
    mirror: &Path,
    wire: &Wire<'_>,
    shallow: bool,
    commit: Option<&ObjectId>,
) -> Result<Reply, git2::Error> {
    allowed(wire.url)?;
    if wire.url.starts_with('/') && !Path::new(wire.url).exists() {
        return Err(git2::Error::new(ErrorCode::NotFound, ErrorClass::Repository, "there is no repository"));
    }
    let repository = open_mirror(mirror)?;
    let mut remote = repository.remote_anonymous(wire.url)?;
    let heads = wire.heads(&mut remote, Direction::Fetch)?;
    let missing =
        || git2::Error::new(ErrorCode::NotFound, ErrorClass::Reference, "the repository has no commits");
    let head = heads.iter().find(|head| head.name == "HEAD").ok_or_else(missing)?;
    let branch = head.target.as_deref().unwrap_or("HEAD").trim_start_matches("refs/heads/").to_owned();
    let refspec = match commit {
        Some(commit) if commit.as_str() != head.id.to_string() => {
            format!("+{commit}:refs/chaperone/commit/{commit}")
        }
        _ => "+HEAD:refs/chaperone/head".to_owned(),
    };
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(wire.callbacks())
        .proxy_options(Wire::proxy())
        .follow_redirects(RemoteRedirect::None)
        .download_tags(git2::AutotagOption::None)
        .update_fetchhead(false);
    if shallow {
        options.depth(1);
    }
    remote.fetch(&[refspec.as_str()], Some(&mut options), None)?;
    let id = match commit {
        Some(commit) => objects::oid(commit)?,
        None => head.id,
    };
    let found = repository.find_commit(id)?;
    // A commit that nothing points at could be collected.
    repository.reference(&format!("refs/chaperone/commit/{id}"), id, true, "base of a session")?;
    let base = Base { branch, commit: objects::object_id(id)?, tree: objects::object_id(found.tree_id())? };
    Ok(Reply::Fetched(base))
}

fn push(
    mirror: &Path,
    wire: &Wire<'_>,
    commit: &ObjectId,
    (branch, expected): (&str, Option<&ObjectId>),
) -> Result<Reply, git2::Error> {
    allowed(wire.url)?;
    let repository = Repository::open_bare(mirror)?;
    let mut remote = repository.remote_anonymous(wire.url)?;
    let name = format!("refs/heads/{branch}");
    let heads = wire.heads(&mut remote, Direction::Push)?;
    let now = heads.iter().find(|head| head.name == name).map(|head| head.id.to_string());
    if now.as_deref() == Some(commit.as_str()) {
        return Ok(Reply::AlreadyThere);
    }
    let is_other = |now: &str| expected.is_some_and(|expected| expected.as_str() != now);
    if is_other(now.as_deref().unwrap_or_default()) {
        return Ok(Reply::Moved);
    }
    let (mut refused, moved, told) = (None, Cell::new(false), RefCell::new(Vec::new()));
    let pushed = {
        let mut callbacks = wire.callbacks();
        // Which rule says no is told beside the answer, for people.
        callbacks.sideband_progress(|bytes| {
            let mut told = told.borrow_mut();
            let room = TOLD.saturating_sub(told.len());
            told.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
            true
        });
        // The push itself asks for the heads again; the server then holds it
        // to what it said here.
        callbacks.push_negotiation(|updates| {
            moved.set(updates.iter().any(|update| is_other(&update.src().to_string())));
            match moved.get() {
                true => Err(git2::Error::new(ErrorCode::User, ErrorClass::Reference, "the branch moved")),
                false => Ok(()),
            }
        });
        callbacks.push_update_reference(|_name, status| {
            // The transfer succeeded; the server's answer is in here only.
            refused = status.map(str::to_owned);
            Ok(())
        });
        let mut options = PushOptions::new();
        options
            .remote_callbacks(callbacks)
            .proxy_options(Wire::proxy())
            .follow_redirects(RemoteRedirect::None);
        // The branch is the agent's own, so an older try may be replaced.
        remote.push(&[format!("+{commit}:{name}").as_str()], Some(&mut options))
    };
    if moved.get() {
        return Ok(Reply::Moved);
    }
    pushed?;
    Ok(match refused {
        None => Reply::Created,
        Some(message) => {
            let told = String::from_utf8_lossy(&told.into_inner()).into_owned();
            Reply::Refused(format!("{told}\n{message}"))
        }
    })
}

/// libgit2 does not push into a repository with a work tree, so the
/// repository fetches from the mirror instead.
fn hand(mirror: &Path, path: &Path, commit: &ObjectId, branch: &str) -> Result<Reply, git2::Error> {
    let target = Repository::open(path)?;
    let id = objects::oid(commit)?;
    let name = format!("refs/heads/{branch}");
    match target.find_reference(&name) {
        Ok(found) if found.target() == Some(id) => return Ok(Reply::AlreadyThere),
        Ok(_other) if target.head().is_ok_and(|head| head.name().is_ok_and(|head| head == name)) => {
            let message = "the branch is checked out";
            return Err(git2::Error::new(ErrorCode::User, ErrorClass::Reference, message));
        }
        _ => {}
    }
    let held = format!("refs/chaperone/commit/{commit}");
    Repository::open_bare(mirror)?.reference(&held, id, true, "commit of a session")?;
    let mut remote = target.remote_anonymous(&mirror.display().to_string())?;
    let mut options = FetchOptions::new();
    options.download_tags(git2::AutotagOption::None).update_fetchhead(false);
    remote.fetch(&[format!("+{held}:{name}").as_str()], Some(&mut options), None)?;
    Ok(Reply::Created)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_to_its_own_host_only() {
        let url = "https://git.example.org/o/r.git";
        assert!(same_host("https://x-access-token@git.example.org/o/r.git/info/refs", url));
        assert!(!same_host("https://git.example.org.evil.test/o/r.git", url));
        assert!(!same_host("http://git.example.org/o/r.git", url));
        assert!(!same_host("https://git.example.org:444/o/r.git", url));
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        assert!(allowed("http://127.0.0.1:8080/o/r.git").is_ok());
        for bad in ["http://example.org/r.git", "git://example.org/r", "ssh://git@example.org/r", "file:///r"]
        {
            assert!(allowed(bad).is_err(), "{bad}");
        }
    }
}
