//! What every fuzz target has in common.
//!
//! With `cargo fuzz` (a nightly compiler) a target is libFuzzer's. Without
//! it, on a stable one, it is a plain program that runs the same code on
//! files, on all that lies below a directory, on standard input, and on
//! mutations of them.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

#[cfg(fuzzing)]
pub use libfuzzer_sys;

/// Makes a target of a function of bytes.
#[macro_export]
macro_rules! target {
    ($run:path) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|data: &[u8]| $run(data));

        #[cfg(not(fuzzing))]
        fn main() -> std::process::ExitCode {
            $crate::plain($run)
        }
    };
}

const HELP: &str = "usage: TARGET [--times N] [FILE or DIRECTORY]…
Runs the target on each file, then N times on mutations of them (the same
ones every time). Without a path: on standard input.
";

/// The plain program. It ends badly when the target panics; the input that
/// did it is left in a file.
pub fn plain(run: fn(&[u8])) -> ExitCode {
    let (mut times, mut inputs, mut any) = (0_u64, Vec::new(), false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return ExitCode::SUCCESS;
            }
            "--times" => match args.next().and_then(|times| times.parse().ok()) {
                Some(given) => times = given,
                None => {
                    eprint!("{HELP}");
                    return ExitCode::from(2);
                }
            },
            path => {
                any = true;
                if let Err(error) = read(Path::new(path), &mut inputs) {
                    eprintln!("could not read {path}: {error}");
                    return ExitCode::from(2);
                }
            }
        }
    }
    if !any {
        let mut input = Vec::new();
        if let Err(error) = std::io::stdin().lock().read_to_end(&mut input) {
            eprintln!("could not read standard input: {error}");
            return ExitCode::from(2);
        }
        inputs.push(input);
    }
    run_all(run, &inputs, times)
}

fn read(path: &Path, inputs: &mut Vec<Vec<u8>>) -> std::io::Result<()> {
    if !path.is_dir() {
        inputs.push(std::fs::read(path)?);
        return Ok(());
    }
    let mut entries = std::fs::read_dir(path)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    entries.iter().try_for_each(|entry| read(&entry.path(), inputs))
}

fn run_all(run: fn(&[u8]), inputs: &[Vec<u8>], times: u64) -> ExitCode {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mutations = (0..times).map(|_| {
        let mut input = inputs.get(chance.below(inputs.len())).cloned().unwrap_or_default();
        chance.mutate(&mut input, inputs);
        input
    });
    let mut ran = 0_u64;
    for input in inputs.iter().cloned().chain(mutations) {
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            let file = format!("crash-{ran}");
            let kept = std::fs::File::create(&file).and_then(|mut file| file.write_all(&input));
            eprintln!("the input is in {file} ({kept:?})");
            return ExitCode::FAILURE;
        }
        ran += 1;
    }
    println!("{ran} inputs, no panic");
    ExitCode::SUCCESS
}

/// The same numbers every time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    /// A few changes of what is there: bytes flipped, dropped, doubled,
    /// swapped for telling ones, or a piece of another input.
    fn mutate(&mut self, input: &mut Vec<u8>, others: &[Vec<u8>]) {
        const TELLING: [&[u8]; 12] = [
            b"\0", b"\n", b"\r", b"```", b"~~~", b"> ", b"<!--", b"-->", b"/agent ", b"\xff", b"\"", "\u{202e}".as_bytes(),
        ];
        for _ in 0..=self.below(6) {
            let at = self.below(input.len() + 1);
            let end = (at + self.below(32)).min(input.len());
            match self.below(5) {
                0 => {
                    let bit = self.below(8);
                    if let Some(byte) = input.get_mut(at) {
                        *byte ^= 1 << bit;
                    }
                }
                1 => drop(input.drain(at..end)),
                2 => {
                    let piece = input.get(at..end).map(<[u8]>::to_vec).unwrap_or_default();
                    input.splice(at..at, piece);
                }
                3 => {
                    let other = others.get(self.below(others.len())).cloned().unwrap_or_default();
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(64)).min(other.len());
                    input.splice(at..at, other.get(from..to).unwrap_or_default().to_vec());
                }
                _ => {
                    let telling = TELLING.get(self.below(TELLING.len())).copied().unwrap_or_default();
                    input.splice(at..at, telling.to_vec());
                }
            }
        }
    }
}
