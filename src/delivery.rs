//! A webhook delivery whose signature was checked, and what became of it.

use crate::change::Request;
use crate::ids::{DeliveryId, SessionId};
use crate::wish::{Gone, Moved, Sender, Wish};

/// One delivery, as signed by GitHub. The body is never logged.
#[derive(Clone)]
pub struct Delivery {
    pub guid: DeliveryId,
    /// `X-GitHub-Event`.
    pub kind: String,
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Delivery({} {} of {} bytes)", self.guid, self.kind, self.body.len())
    }
}

/// What a delivery asks the queue for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Nothing,
    Run(Box<Request>),
    /// To stop the session of a subject, with the reason.
    Cancel {
        subject: String,
        why: String,
        /// The person whose right to stop it is asked of GitHub before it
        /// stops; absent when the reason is a fact.
        by: Option<Sender>,
    },
    /// To look something up, in this order: commands, a review, a button.
    Ask(Vec<Wish>),
    /// To go on under a repository's new name.
    Moved(Moved),
    /// To stop what works in repositories that are out of reach.
    Gone(Gone),
}

/// What became of a delivery. Whatever it is, it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// A job waits for a worker.
    Queued(SessionId),
    /// Nothing to do, and why.
    Ignored(String),
    /// This delivery was received before; nothing was done again.
    Duplicate,
    /// The subject already has a live session; nothing was started.
    Busy(SessionId),
    /// There is something to look up or to say; the clerk does it.
    Noted,
    /// The subject's session was asked to stop. Its worker looks whether
    /// anything is left to do, and stops it when nothing is.
    Cancelling(SessionId),
}
