//! What an agent may spend, and has spent.

use std::time::Duration;

use crate::change::{Cost, Limits};
use crate::model::Reply;

/// What was spent over all attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    pub turns: u32,
    pub time: Duration,
    pub cost: Cost,
}

impl Spent {
    /// What was spent after `before`.
    #[must_use]
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            turns: self.turns.saturating_sub(before.turns),
            time: self.time.saturating_sub(before.time),
            cost: self.cost.saturating_sub(before.cost),
        }
    }
}

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    Turns,
    Time,
    Cost,
}

#[derive(Debug)]
pub(super) struct Budget {
    limits: Limits,
    spent: Spent,
    /// Replies that only asked for verification, which cost no turn.
    free: u32,
}

impl Budget {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, spent: Spent::default(), free: 0 }
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    pub(super) fn time_left(&self) -> Duration {
        self.limits.agent_time().saturating_sub(self.spent.time)
    }

    /// May a call be made that costs `worst` at most?
    pub(super) fn allows(&self, worst: Cost) -> Result<(), Exceeded> {
        if self.spent.turns >= self.limits.turns || self.free > self.limits.turns {
            Err(Exceeded::Turns)
        } else if self.time_left().is_zero() {
            Err(Exceeded::Time)
        } else if self.spent.cost.saturating_add(worst) > self.limits.cost {
            Err(Exceeded::Cost)
        } else {
            Ok(())
        }
    }

    /// Books a reply; true when it was the last one allowed.
    pub(super) fn charge(&mut self, reply: &Reply, free: bool) -> bool {
        self.spent.cost = self.spent.cost.saturating_add(reply.cost);
        self.spend_time(reply.duration);
        if free {
            self.free += 1;
        } else {
            self.spent.turns += 1;
        }
        self.spent.turns >= self.limits.turns
    }

    pub(super) fn spend_time(&mut self, time: Duration) {
        self.spent.time = self.spent.time.saturating_add(time);
    }

    /// What is left, for the model: `turn 7/10, 3m10s/5m00s, $0.21/$1.00`.
    pub(super) fn status(&self) -> String {
        let Limits { turns, cost, .. } = self.limits;
        let turn = self.spent.turns + 1;
        let line = format!(
            "turn {turn}/{turns}, {}/{}, {}/{cost}",
            minutes(self.spent.time),
            minutes(self.limits.agent_time()),
            self.spent.cost
        );
        if turn < turns { line } else { format!("{line}. This is the last turn: call finish or abstain.") }
    }
}

fn minutes(time: Duration) -> String {
    format!("{}m{:02}s", time.as_secs() / 60, time.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Usage;

    fn reply(cost: u64, seconds: u64) -> Reply {
        Reply {
            content: vec![],
            stop_reason: String::new(),
            usage: Usage::default(),
            cost: Cost(cost),
            duration: Duration::from_secs(seconds),
        }
    }

    #[test]
    fn every_limit_stops_the_next_call() {
        let limits = Limits { turns: 2, agent_seconds: 100, cost: Cost(1000), ..Limits::default() };
        let mut turns = Budget::new(limits);
        assert!(!turns.charge(&reply(0, 0), false));
        assert!(turns.charge(&reply(0, 0), false));
        assert_eq!(turns.allows(Cost(0)), Err(Exceeded::Turns));

        let mut time = Budget::new(limits);
        time.charge(&reply(0, 100), false);
        assert_eq!(time.allows(Cost(0)), Err(Exceeded::Time));

        let mut cost = Budget::new(limits);
        cost.charge(&reply(900, 0), false);
        assert_eq!(cost.allows(Cost(100)), Ok(()));
        assert_eq!(cost.allows(Cost(101)), Err(Exceeded::Cost));
    }

    #[test]
    fn verification_is_free_but_not_for_ever() {
        let mut budget = Budget::new(Limits { turns: 2, ..Limits::default() });
        for _ in 0..3 {
            assert_eq!(budget.allows(Cost(0)), Ok(()));
            assert!(!budget.charge(&reply(0, 0), true));
        }
        assert_eq!(budget.allows(Cost(0)), Err(Exceeded::Turns));
    }

    #[test]
    fn the_model_is_told_what_is_left() {
        let mut budget = Budget::new(Limits { turns: 2, ..Limits::default() });
        assert_eq!(budget.status(), "turn 1/2, 0m00s/5m00s, $0.00/$1.00");
        budget.charge(&reply(210_000, 70), false);
        assert!(budget.status().starts_with("turn 2/2, 1m10s/5m00s, $0.21/$1.00. This is the last turn"));
    }
}
