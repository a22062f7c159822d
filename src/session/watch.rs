//! A container that remembers whether a command in it ended as commands do.
//! What was killed or ran out of time says little about the tree.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use crate::exec::{Command, Exec, Exit, Output};
use crate::failure::Failure;

/// From this code on a shell means that its command was killed.
const KILLED: i32 = 128;

pub(super) struct Watch<'e> {
    exec: &'e dyn Exec,
    unsound: AtomicBool,
}

impl<'e> Watch<'e> {
    pub(super) fn new(exec: &'e dyn Exec) -> Self {
        Self { exec, unsound: AtomicBool::new(false) }
    }

    /// Every command ended by itself.
    pub(super) fn is_sound(&self) -> bool {
        !self.unsound.load(Ordering::Relaxed)
    }
}

fn is_sound(exit: Exit) -> bool {
    matches!(exit, Exit::Code(code) if (0..KILLED).contains(&code))
}

impl Exec for Watch<'_> {
    fn run(&self, command: Command) -> BoxFuture<'_, Result<Output, Failure>> {
        Box::pin(async move {
            let output = self.exec.run(command).await?;
            if !is_sound(output.exit) {
                self.unsound.store(true, Ordering::Relaxed);
            }
            Ok(output)
        })
    }

    fn write<'a>(&'a self, path: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), Failure>> {
        self.exec.write(path, bytes)
    }

    fn read<'a>(&'a self, path: &'a str, cap: usize) -> BoxFuture<'a, Result<Option<Vec<u8>>, Failure>> {
        self.exec.read(path, cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_command_that_ended_by_itself_is_sound() {
        let exits = [
            (Exit::Code(0), true),
            (Exit::Code(1), true),
            (Exit::Code(137), false),
            (Exit::Signal(9), false),
            (Exit::TimedOut, false),
            (Exit::NotStarted, false),
        ];
        for (exit, sound) in exits {
            assert_eq!(is_sound(exit), sound, "{exit:?}");
        }
    }
}
