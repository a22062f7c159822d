//! A pull request that was closed: what a person thinks of a change in the
//! end. Whose pull request it was is looked up later, by its address.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Event, SenderBody};
use crate::text;

/// A person closed a pull request, with or without merging it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullClosed {
    /// The pull request's page.
    pub url: String,
    pub merged: bool,
    /// The login, made plain.
    pub by: String,
    pub at: Timestamp,
}

#[derive(Deserialize)]
struct ClosedBody {
    pull_request: PullBody,
    sender: SenderBody,
}

#[derive(Deserialize)]
struct PullBody {
    html_url: String,
    #[serde(default)]
    merged: bool,
    closed_at: Timestamp,
}

pub(super) fn closed(body: &[u8]) -> serde_json::Result<Event> {
    let ClosedBody { pull_request: pull, sender } = serde_json::from_slice(body)?;
    if sender.kind.as_deref() == Some("Bot") {
        return Ok(Event::Unfit("a bot closed the pull request".to_owned()));
    }
    Ok(Event::PullClosed(PullClosed {
        url: pull.html_url,
        merged: pull.merged,
        by: text::head(&text::plain(&sender.login), 60),
        at: pull.closed_at,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_persons_close_is_read_and_a_bots_is_not_one() {
        let body = |merged: bool, kind: &str| {
            json!({
                "action": "closed",
                "pull_request": {
                    "html_url": "https://x/o/r/pull/2", "merged": merged, "closed_at": "2026-01-02T03:04:05Z",
                },
                "sender": { "login": "ann", "id": 8, "type": kind },
            })
            .to_string()
        };
        let read = |text: String| parse("pull_request", text.as_bytes()).unwrap();
        let Event::PullClosed(closed) = read(body(true, "User")) else { panic!("ignored") };
        assert_eq!(
            (closed.merged, closed.by.as_str(), closed.url.as_str()),
            (true, "ann", "https://x/o/r/pull/2")
        );
        assert_eq!(closed.at.to_string(), "2026-01-02T03:04:05Z");
        assert!(matches!(read(body(false, "Bot")), Event::Unfit(_)));
        let opened = body(false, "User").replace("closed\"", "opened\"");
        assert!(matches!(read(opened), Event::Ignored { .. }));
    }
}
