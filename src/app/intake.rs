//! The way in: a signed delivery becomes a job, or a reason why not.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::App;
use crate::delivery::{Delivery, Receipt};
use crate::event;
use crate::failure::Failure;
use crate::trigger::{self, Decision};
use crate::web::Accept;

/// Hands deliveries from the receiver to the queue.
pub(super) struct Intake(pub(super) Arc<App>);

impl Intake {
    async fn take(&self, delivery: Delivery) -> Result<Receipt, Failure> {
        let decision = match event::parse(&delivery.kind, &delivery.body) {
            Ok(event) => trigger::decide(&event, &self.0.rooms.catalog),
            // The signature was right, so GitHub sent it: keep it, say why.
            Err(malformed) => Decision::Ignore(format!("malformed: {malformed}")),
        };
        let (guid, kind) = (delivery.guid.clone(), delivery.kind.clone());
        let receipt = match decision {
            Decision::Run(request) => {
                let why = format!("run {}", request.change);
                self.0.queue.accept(delivery, &why, Some(request)).await?
            }
            Decision::Ignore(reason) => {
                let receipt = self.0.queue.accept(delivery, &reason, None).await?;
                if receipt == Receipt::Duplicate { receipt } else { Receipt::Ignored(reason) }
            }
        };
        tracing::info!(%guid, kind, ?receipt, "delivery received");
        Ok(receipt)
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
