//! The way in: a signed delivery becomes a job, or a reason why not.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::App;
use crate::delivery::{Delivery, Order, Receipt};
use crate::event::{self, PullClosed};
use crate::failure::Failure;
use crate::record::SessionEvent;
use crate::trigger::Decision;
use crate::web::Accept;

/// Hands deliveries from the receiver to the queue.
pub(super) struct Intake(pub(super) Arc<App>);

impl Intake {
    async fn take(&self, delivery: Delivery) -> Result<Receipt, Failure> {
        let decision = match event::parse(&delivery.kind, &delivery.body) {
            Ok(event) => self.0.decide(&event),
            // The signature was right, so GitHub sent it: keep it, say why.
            Err(malformed) => Decision::Ignore(format!("malformed: {malformed}")),
        };
        let (guid, kind) = (delivery.guid.clone(), delivery.kind.clone());
        let (why, order) = match decision {
            Decision::Run(request) => (format!("run {}", request.change), Order::Run(request)),
            Decision::Cancel { subject, why, by } => {
                (format!("cancel: {why}"), Order::Cancel { subject, why, by })
            }
            Decision::Ask(wishes) => ("ask".to_owned(), Order::Ask(wishes)),
            Decision::Moved(moved) => (format!("moved to {}", moved.to), Order::Moved(moved)),
            Decision::Gone(gone) => (format!("gone: {}", gone.why), Order::Gone(gone)),
            Decision::Remember(closed) => {
                let (subject, why) = (closed.subject(), closed.how());
                (self.remember(closed).await?, Order::Cancel { subject, why, by: None })
            }
            Decision::Ignore(reason) => (reason, Order::Nothing),
        };
        // Remembered first: a delivery that was kept is never looked at again.
        let receipt = self.0.queue.accept(delivery, &why, order).await?;
        tracing::info!(%guid, kind, ?receipt, "delivery received");
        Ok(receipt)
    }
}

impl Intake {
    /// Writes a person's decision into the log of the session whose pull
    /// request it is about. The same one again changes nothing.
    async fn remember(&self, closed: PullClosed) -> Result<String, Failure> {
        let PullClosed { url, merged, by, at, .. } = closed;
        if by.is_bot {
            return Ok("a bot closed the pull request: nobody's decision".to_owned());
        }
        let what = if merged { "merged" } else { "closed without a merge" };
        let effect = crate::publish::OPEN_PULL;
        let Some(session) = self.0.rooms.log.made(effect, &url).await? else {
            return Ok("the pull request is not of a session".to_owned());
        };
        let event = SessionEvent::HumanDecision { pull_request: url, merged, by: by.login, at };
        self.0.rooms.log.add_from_outside(session, &event).await?;
        Ok(format!("{what}: kept in the log of session {session}"))
    }
}

impl Accept for Intake {
    fn accept(&self, delivery: Delivery) -> BoxFuture<'_, Result<Receipt, Failure>> {
        Box::pin(self.take(delivery))
    }

    fn ready(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async { self.0.queue.live().await.map(|_live| ()) })
    }
}
