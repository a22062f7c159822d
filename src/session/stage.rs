//! A stage: a step with a beginning and an end in the log, and a row in the
//! status comment.

use std::time::{Duration, Instant};

use super::Session;
use crate::clock::elapsed_ms;
use crate::failure::{Failure, Kind};
use crate::record::{SessionEvent, Stage, StageResult};

/// The log is read at most this often to show it.
const SHORTEST: Duration = Duration::from_secs(1);

/// What a stage gave, and what its row says.
pub(super) struct Done<T> {
    value: T,
    result: StageResult,
    detail: String,
}

impl<T> Done<T> {
    pub(super) fn ok(value: T, detail: impl Into<String>) -> Self {
        Self { value, result: StageResult::Ok, detail: detail.into() }
    }

    /// The stage did its work, and the answer is no.
    pub(super) fn failed(value: T, detail: impl Into<String>) -> Self {
        Self { value, result: StageResult::Failed, detail: detail.into() }
    }
}

impl Session<'_> {
    /// Runs one stage and writes down how it went. The comment is brought up
    /// to date when the stage starts, so that it says what is being done.
    pub(super) async fn stage<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<Done<T>, Failure>> + Send,
    ) -> Result<T, Failure> {
        let start = self.rooms.clock.instant();
        self.recorder.record(SessionEvent::StageStarted { stage }).await?;
        self.publisher.status(&self.summary().await?).await?;
        let done = tokio::select! {
            done = Box::pin(work) => done,
            failure = self.keep_shown() => Err(failure),
        };
        match done {
            Ok(done) => {
                self.stage_ended(stage, done.result, done.detail, start).await?;
                Ok(done.value)
            }
            Err(failure) if failure.kind() == Kind::LeaseLost => Err(failure),
            Err(failure) => {
                let detail = format!("could not {}", failure.public());
                self.stage_ended(stage, StageResult::Failed, detail, start).await?;
                Err(failure)
            }
        }
    }

    /// Keeps the comment up to date while a stage works: what it waits for,
    /// what is spent. Trouble with it is no trouble of the stage's; only the
    /// loss of the lease ends this.
    async fn keep_shown(&self) -> Failure {
        let shortest = self.rooms.edit_pause.max(SHORTEST);
        let mut pause = shortest;
        loop {
            tokio::time::sleep(pause).await;
            // GitHub counts edits by the hour, too: a long stage is shown less
            // and less often.
            pause = (pause * 2).min(shortest * 12);
            let shown = async { self.publisher.status(&self.summary().await?).await };
            match shown.await {
                Err(lost) if lost.kind() == Kind::LeaseLost => return lost,
                Err(failure) => tracing::warn!(session = %self.id, %failure, "status not shown"),
                Ok(()) => {}
            }
        }
    }

    /// A stage that had nothing to do, with the reason.
    pub(super) async fn skip(&self, stage: Stage, reason: &str) -> Result<(), Failure> {
        let start = self.rooms.clock.instant();
        self.stage_ended(stage, StageResult::Skipped, reason.to_owned(), start).await
    }

    async fn stage_ended(
        &self,
        stage: Stage,
        result: StageResult,
        detail: String,
        start: Instant,
    ) -> Result<(), Failure> {
        let duration_ms = elapsed_ms(start);
        self.recorder.record(SessionEvent::StageEnded { stage, result, detail, duration_ms }).await
    }
}
