//! `chaperone setup`: serves the set-up's page until GitHub has made the App,
//! and keeps what GitHub hands over in files that only this user can read.
//!
//! A code from GitHub works once, so everything that can be in the way is
//! looked at before the page is shown.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::failure::Failure;
use crate::github::{self, Credentials};
use crate::outcome::Outcome;
use crate::secret::Secret;
use crate::setup::{self, Addresses, Asked, Register, Registered};

/// The configuration that the set-up writes, or adds to.
const CONFIG: &str = "chaperone.toml";
const KEY: &str = "app.pem";
const WEBHOOK: &str = "webhook.secret";

/// Where the set-up happens.
#[derive(Debug, Clone)]
pub struct SetUp {
    /// Root of GitHub's pages.
    pub url: String,
    /// What the page's form says at first.
    pub suggested: Asked,
    /// Where the page listens.
    pub listen: SocketAddr,
    /// Root of the page as the browser reaches it; from `listen` when absent.
    pub own: Option<String>,
    /// The directory for the configuration and the secrets.
    pub out: PathBuf,
}

/// Shows the page, and ends when the App is made and kept. `link` is told the
/// address to open. Returns the path of the configuration.
///
/// # Errors
/// The directory cannot be written or holds an App already, or the address
/// is taken.
pub async fn set_up(what: SetUp, link: impl FnOnce(&str)) -> anyhow::Result<PathBuf> {
    let config = prepare(&what.out)?;
    let listener = TcpListener::bind(what.listen)
        .await
        .with_context(|| format!("could not listen on {}", what.listen))?;
    let own = match &what.own {
        Some(own) => own.trim_end_matches('/').to_owned(),
        None => format!("http://{}", listener.local_addr().context("could not find the page's address")?),
    };
    let done = CancellationToken::new();
    let keeper = Keeper { url: what.url.trim_end_matches('/').to_owned(), out: what.out, done: done.clone() };
    let addresses = Addresses { own, web_url: keeper.url.clone() };
    let token = Secret::new(setup::random()?);
    let page = setup::Setup::new(token, addresses, what.suggested, Arc::new(keeper));
    link(&page.link());
    axum::serve(listener, page.router())
        .with_graceful_shutdown(done.cancelled_owned())
        .await
        .context("could not go on serving the page")?;
    Ok(config)
}

/// Looks at everything that could be in the way later.
fn prepare(out: &Path) -> anyhow::Result<PathBuf> {
    std::fs::create_dir_all(out).with_context(|| format!("could not make {}", out.display()))?;
    let config = out.join(CONFIG);
    if config.exists() && config::Config::read(&config)?.github.is_some() {
        bail!(
            "could not set up: {} has a GitHub App already; name another directory with --out",
            config.display()
        );
    }
    for name in [KEY, WEBHOOK] {
        let path = out.join(name);
        if path.exists() {
            bail!("could not set up: {} is there already, and is not overwritten", path.display());
        }
    }
    let probe = out.join(".setup");
    write_secret(&probe, "")?;
    std::fs::remove_file(&probe).with_context(|| format!("could not remove {}", probe.display()))?;
    Ok(config)
}

/// Changes the code for the App's credentials, and keeps them.
struct Keeper {
    url: String,
    out: PathBuf,
    done: CancellationToken,
}

impl Register for Keeper {
    fn register(&self, code: String, asked: Asked) -> BoxFuture<'_, Result<Registered, Failure>> {
        Box::pin(async move {
            let app =
                github::convert_manifest(&config::api_root(&self.url), &code).await.map_err(|error| {
                    let what = "get the App's credentials from GitHub: begin again";
                    Failure::user(Outcome::InternalError, what).because(error)
                })?;
            keep(&self.out, (&self.url, &asked.address), &app).map_err(|error| {
                let what = format!(
                    "keep the credentials of the App {}: delete it at {}, and begin again",
                    app.slug, app.html_url
                );
                Failure::user(Outcome::InternalError, what).because(error)
            })?;
            self.done.cancel();
            Ok(Registered { html_url: app.html_url, name: app.slug })
        })
    }
}

/// `url` is the root of GitHub's pages, `address` that of the service, which a
/// configuration that is there already says for itself.
fn keep(out: &Path, (url, address): (&str, &str), app: &Credentials) -> anyhow::Result<()> {
    let (key, webhook) = (out.join(KEY), out.join(WEBHOOK));
    write_secret(&key, app.pem.expose())?;
    write_secret(&webhook, app.webhook_secret.expose())?;
    let section = format!(
        "\n# The App {slug}, of {owner}.\n[github]\nurl = {url:?}\napp_id = {id}\n\
         private_key_file = {key:?}\nwebhook_secret_file = {webhook:?}\n",
        slug = app.slug,
        owner = app.owner,
        id = app.id,
    );
    let path = out.join(CONFIG);
    let first = if path.exists() { String::new() } else { format!("public_url = {address:?}\n") };
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("could not write {}", path.display()))?;
    file.write_all(format!("{first}{section}").as_bytes())
        .with_context(|| format!("could not write {}", path.display()))
}

/// A new file that nobody else can read.
fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("could not write {}", path.display());
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(failed)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).with_context(failed)?;
    file.write_all(text.as_bytes()).with_context(failed)?;
    file.sync_all().with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Credentials {
        Credentials {
            id: 7,
            slug: "agent".into(),
            html_url: "https://a.test/apps/agent".into(),
            owner: "octo".into(),
            client_id: "Iv1".into(),
            client_secret: Secret::new("c"),
            webhook_secret: Secret::new("hook"),
            pem: Secret::new("pem"),
        }
    }

    #[test]
    fn credentials_are_kept_where_only_this_user_reads_them() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new");
        let path = prepare(&out).unwrap();
        keep(&out, ("https://a.test", "https://agent.test"), &app()).unwrap();
        let config = config::Config::read(&path).unwrap();
        assert_eq!(config.public_url, "https://agent.test");
        let github = config.github.unwrap();
        assert_eq!((github.app_id, github.api_url().as_str()), (7, "https://a.test/api/v3"));
        assert_eq!(config::read_secret(&github.private_key_file).unwrap().expose(), "pem");
        assert_eq!(config::read_secret(&github.webhook_secret_file).unwrap().expose(), "hook");
        for name in [KEY, WEBHOOK] {
            assert_eq!(std::fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        // What is there is never overwritten.
        assert!(prepare(&out).unwrap_err().to_string().contains("already"));
    }

    #[test]
    fn a_configuration_without_an_app_is_added_to() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(CONFIG), "public_url = \"https://agent.test\"\n").unwrap();
        let path = prepare(dir.path()).unwrap();
        keep(dir.path(), ("https://github.com", "https://other.test"), &app()).unwrap();
        let config = config::Config::read(&path).unwrap();
        assert_eq!((config.public_url.as_str(), config.github.unwrap().app_id), ("https://agent.test", 7));
    }
}
