//! A repository's `.github/agent.yml`: it is read the same way twice, or
//! every fault has its line.
#![cfg_attr(fuzzing, no_main)]

use chaperone::config::repo::holds_for;

fn run(data: &[u8]) {
    assert!(holds_for(data), "a promise about the file is broken");
}

fuzz::target!(run);
