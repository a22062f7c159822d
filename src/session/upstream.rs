//! Which registries the gateway stands for.
//!
//! Their names are never ours: the operator's configuration gives them, or
//! npm and Maven themselves are asked, in the images that will use them, and
//! only when a session needs that registry.

use std::time::Duration;

use super::{Images, Rooms};
use crate::change::Ecosystem;
use crate::exec::{Command, Exec as _, TreeSize};
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::registry::Registry;
use crate::runtime::Files;
use crate::sandbox::{Sandbox, Spec};

/// Where the image keeps the pom that every other one inherits from.
const SUPER_POM: &str = "/usr/local/maven/super-pom.xml";

impl Rooms {
    /// The gateway, made on first use, which knows this ecosystem's registry.
    pub(super) async fn registry(
        &self,
        session: SessionId,
        fence: u64,
        ecosystem: Ecosystem,
    ) -> Result<&Registry, Failure> {
        let registry =
            self.registry.get_or_try_init(|| async { Registry::new(self.registry_settings.clone()) }).await?;
        if !registry.knows(ecosystem) {
            let holder = (session, fence);
            registry.learn(ecosystem, ask(&self.sandbox, &self.images, holder, ecosystem).await?)?;
        }
        Ok(registry)
    }
}

/// The registry's address, for whoever has no session.
///
/// # Errors
/// The engine does not answer, or the image is missing, or the package
/// manager in it names no registry.
pub async fn registry_of(
    sandbox: &Sandbox,
    images: &Images,
    ecosystem: Ecosystem,
) -> Result<String, Failure> {
    ask(sandbox, images, (SessionId::generate(), 1), ecosystem).await
}

async fn ask(
    sandbox: &Sandbox,
    images: &Images,
    (session, fence): (SessionId, u64),
    ecosystem: Ecosystem,
) -> Result<String, Failure> {
    let spec = Spec {
        session,
        fence,
        role: "ask".to_owned(),
        image: images.choose(ecosystem, &Files::default()).name,
        ecosystem,
        gateway: None,
        tree: TreeSize::default(),
    };
    let command = match ecosystem {
        // npm takes an empty variable for none, and so tells its own
        // setting instead of the gateway's address.
        Ecosystem::Npm => Command::new(["npm", "config", "get", "registry"]).env("npm_config_registry", ""),
        Ecosystem::Maven => Command::new(["cat", SUPER_POM]),
    };
    let container = sandbox.start(&spec).await?;
    let answer = container.run(command.timeout(Duration::from_secs(30))).await;
    container.remove().await?;
    let text = answer?.stdout_text();
    let (asked, address) = match ecosystem {
        Ecosystem::Npm => ("npm", text.lines().map(str::trim).find(|line| line.starts_with("http"))),
        Ecosystem::Maven => ("Maven", central(&text)),
    };
    match address {
        Some(address) => Ok(address.to_owned()),
        None => Err(Failure::transient(
            Outcome::FetchFailed,
            format!("learn the registry's address from {asked}"),
        )),
    }
}

/// The first repository's address in Maven's own pom.
fn central(pom: &str) -> Option<&str> {
    let (_, repositories) = pom.split_once("<repositories>")?;
    let (_, url) = repositories.split_once("<url>")?;
    let (url, _) = url.split_once("</url>")?;
    Some(url.trim()).filter(|url| url.starts_with("http"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_super_poms_repository_is_read() {
        let pom = "<project><repositories><repository><id>central</id>\n<url>https://repo.example/m2</url></repository></repositories></project>";
        assert_eq!(central(pom), Some("https://repo.example/m2"));
        assert_eq!(central("<project/>"), None);
    }
}
