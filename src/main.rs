//! The program: reads the command line and says what went wrong, if it did.

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(chaperone::cli::main()));
    match result {
        Ok(code) => code,
        Err(error) => {
            // Standard error may be closed; there is nobody else to tell.
            writeln!(std::io::stderr(), "chaperone: {error:#}").ok();
            ExitCode::from(2)
        }
    }
}
