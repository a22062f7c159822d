//! The program that is mounted into every container.
//!
//! `serve` is the container's main process: the tools over MCP on standard
//! input and output, and the way from the container's loopback to the package
//! gateway. The other subcommands are single steps that the host asks for by
//! exec. Nothing here decides whether a change is good.

mod exec;
mod export;
mod forward;
mod git;
mod server;
mod tools;
mod tree;
mod unpack;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use rustix::fs::Mode;
use toolbox::api;

fn main() -> ExitCode {
    // Both users share the tree through its group.
    rustix::process::umask(Mode::from_raw_mode(0o002));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // Standard error may be closed; there is nobody else to tell.
            writeln!(std::io::stderr(), "toolbox: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("could not start the runtime")?;
    let tree = Path::new(api::TREE);
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next()) {
        (Some("serve"), None) => runtime.block_on(serve()),
        (Some("exec"), None) => runtime.block_on(exec::main(tree)),
        (Some("unpack"), None) => unpack::unpack(std::io::stdin().lock(), tree),
        (Some("remember"), None) => runtime.block_on(git::remember()),
        (Some("export"), None) => runtime.block_on(export::export(tree, std::io::stdout().lock())),
        (Some("read"), Some(path)) => export::read_one(tree, &path),
        (Some("write"), Some(path)) => export::write_one(tree, &path),
        _ => bail!("could not understand the command line"),
    }
}

async fn serve() -> anyhow::Result<()> {
    // An image that has the directory makes the engine mount it open.
    let private = std::fs::Permissions::from_mode(0o700);
    let state = Path::new(api::GIT_DIR).parent().context("the git directory has a parent")?;
    std::fs::set_permissions(state, private).context("could not close the state directory")?;
    let forward = forward::start(Path::new(api::GATEWAY_SOCKET)).await?;
    let served = server::serve(Path::new(api::TREE)).await;
    drop(forward);
    served
}
