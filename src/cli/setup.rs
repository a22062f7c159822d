//! `chaperone setup`: makes the GitHub App, and looks whether all is there.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use crate::app::{self, SetUp};
use crate::config::Config;
use crate::setup::Asked;

/// Who and where.
#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    /// Root of GitHub's pages: an Enterprise Server's own.
    #[arg(long, value_name = "URL", default_value = "https://github.com")]
    url: String,
    /// The organisation that shall own the App; you, when absent.
    #[arg(long, value_name = "ORGANISATION", default_value = "")]
    org: String,
    /// The App's name; the page asks for it.
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
    /// Where GitHub reaches the service: https://…; the page asks for it.
    #[arg(long, value_name = "URL", default_value = "")]
    address: String,
    /// Where the set-up's page listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The set-up's page as your browser reaches it, behind a proxy.
    #[arg(long, value_name = "URL")]
    page: Option<String>,
    /// Where the configuration, the key and the secret go.
    #[arg(long, value_name = "DIR", default_value = "/etc/chaperone")]
    out: PathBuf,
}

/// Returns the configuration that was written.
///
/// # Errors
/// The App could not be made, or its credentials could not be kept.
pub(super) async fn main(args: SetupArgs) -> anyhow::Result<Config> {
    let SetupArgs { url, org, name, address, listen, page, out } = args;
    let suggested = Asked { name, organization: org, address };
    let set_up = SetUp { url, suggested, listen, own: page, out };
    let path = app::set_up(set_up, |link| {
        writeln!(
            io::stdout(),
            "Open this address in a browser; it is good for this set-up only:\n\n  {link}\n"
        )
        .ok();
    })
    .await?;
    writeln!(
        io::stdout(),
        "The App is made. Its configuration is {0}:\n\n  chaperone serve --config {0}\n",
        path.display()
    )
    .ok();
    Config::read(&path)
}
