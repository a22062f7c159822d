//! Sessions become labelled cases: what the judge was shown, with what a
//! person did about it in the end.
//!
//! A merge says that the change was good, a close without a merge that it was
//! not. The second is the weaker word, since a pull request is also closed
//! because it came too late: read such a case before it joins a set. A session
//! on which nobody has decided yet is no case. The cases hold code of the
//! repositories, so they stay where the sessions are.

use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;

use super::judge::{Expect, Header};
use crate::change::{Request, Resolved};
use crate::evidence::Accepted;
use crate::ids::SessionId;
use crate::judge::check_line;
use crate::record::{Entry, SessionEvent};
use crate::replay::SessionLog;

/// What was found in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    pub written: usize,
    /// Sessions that were judged, on which nobody has decided.
    pub undecided: usize,
}

/// One case, and where it belongs.
struct Found {
    header: Header,
    diff: String,
}

/// A person's last word.
struct Word {
    merged: bool,
    by: String,
}

/// Writes a case for every judged session that began since then and on which
/// a person has decided.
///
/// # Errors
/// The log cannot be read, or a case cannot be written.
pub async fn export(log: &SessionLog, since: Option<Timestamp>, out: &Path) -> anyhow::Result<Exported> {
    let mut exported = Exported::default();
    for session in log.all().await? {
        let entries = log.read(session).await?;
        let began = entries.first().map(|entry| entry.at);
        if since.is_some_and(|since| began.is_none_or(|began| began < since)) {
            continue;
        }
        if !entries.iter().any(|entry| matches!(entry.event, SessionEvent::Judged { .. })) {
            continue;
        }
        match found(session, &entries) {
            Some(case) => {
                write(out, session, &case)?;
                exported.written += 1;
            }
            None => exported.undecided += 1,
        }
    }
    Ok(exported)
}

fn found(session: SessionId, entries: &[Entry]) -> Option<Found> {
    let mut request: Option<&Request> = None;
    let mut resolved: Option<&Resolved> = None;
    let mut accepted: Option<&Accepted> = None;
    let (mut said, mut word) = (None, None);
    for entry in entries {
        match &entry.event {
            SessionEvent::Started { request: started, .. } => request = Some(started),
            SessionEvent::Resolved { resolved: event } => resolved = Some(event),
            SessionEvent::Accepted { accepted: event, .. } => accepted = Some(event),
            SessionEvent::Judged { verdict, .. } => said = Some(verdict),
            SessionEvent::HumanDecision { merged, by, .. } => {
                word = Some(Word { merged: *merged, by: by.clone() })
            }
            _ => {}
        }
    }
    let (resolved, accepted, Word { merged, by }) = (resolved?, accepted?, word?);
    let did = if merged { "merged" } else { "closed without a merge" };
    let header = Header {
        what: format!("session {session}: the judge said {}, {by} {did}", said?),
        expect: if merged { Expect::Accept } else { Expect::Veto },
        kind: if merged { "merged" } else { "closed" }.to_owned(),
        package: resolved.package.clone(),
        from: resolved.from.clone(),
        to: resolved.to.clone(),
        ecosystem: resolved.ecosystem,
        checks: accepted.verified().checks().iter().map(check_line).collect(),
        pair: None,
        change: request.map(|request| request.change.clone()),
        others: resolved.others.clone(),
    };
    Some(Found { header, diff: accepted.patch().diff().to_owned() })
}

fn write(out: &Path, session: SessionId, case: &Found) -> anyhow::Result<()> {
    let dir = out.join(&case.header.kind);
    let path = dir.join(format!("{session}.txtar"));
    let failed = || format!("could not write the case {}", path.display());
    std::fs::create_dir_all(&dir).with_context(failed)?;
    let header = serde_yaml_ng::to_string(&case.header).with_context(failed)?;
    std::fs::write(&path, format!("{header}-- diff --\n{}", case.diff)).with_context(failed)
}
