//! Which registry the gateway stands for.
//!
//! Its name is never ours: the operator's configuration gives it, or npm
//! itself is asked, in the image that will use it.

use std::time::Duration;

use super::Rooms;
use crate::exec::{Command, Exec as _, TreeSize};
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;
use crate::registry::Registry;
use crate::sandbox::Spec;

impl Rooms {
    /// The gateway, made on first use.
    pub(super) async fn registry(&self, session: SessionId, fence: u64) -> Result<&Registry, Failure> {
        self.registry
            .get_or_try_init(|| async {
                let mut settings = self.registry_settings.clone();
                if settings.upstream.is_empty() {
                    settings.upstream = self.ask_npm(session, fence).await?;
                }
                Registry::new(settings)
            })
            .await
    }

    async fn ask_npm(&self, session: SessionId, fence: u64) -> Result<String, Failure> {
        let spec = Spec {
            session,
            fence,
            role: "ask".to_owned(),
            image: self.images.choose(None, None),
            gateway: None,
            tree: TreeSize::default(),
        };
        let container = self.sandbox.start(&spec).await?;
        // npm takes an empty variable for none, and so tells its own setting
        // instead of the gateway's address.
        let command = Command::new(["npm", "config", "get", "registry"])
            .env("npm_config_registry", "")
            .timeout(Duration::from_secs(30));
        let answer = container.run(command).await;
        container.remove().await?;
        let text = answer?.stdout_text();
        match text.lines().map(str::trim).find(|line| line.starts_with("http")) {
            Some(address) => Ok(address.to_owned()),
            None => Err(Failure::transient(Outcome::FetchFailed, "learn the registry's address from npm")),
        }
    }
}
