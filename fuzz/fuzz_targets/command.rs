//! A comment's text. Whatever it is, its quote and its code are no command.
#![cfg_attr(fuzzing, no_main)]

use chaperone::trigger::read_commands;

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    assert!(read_commands(&text).len() <= 3, "too many commands");
    let lines = text.replace('\r', "\n");
    let quoted: String = lines.lines().flat_map(|line| ["> ", line, "\n"]).collect();
    assert_eq!(read_commands(&quoted), [], "a quote is a command");
    let indented: String = lines.lines().flat_map(|line| ["    ", line, "\n"]).collect();
    assert_eq!(read_commands(&indented), [], "code is a command");
}

fuzz::target!(run);
