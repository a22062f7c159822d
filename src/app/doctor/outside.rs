//! The registries and the model's provider: are they reached, and do they
//! let us in?

use super::Finding;
use crate::app::Outside;
use crate::change::Ecosystem;
use crate::config::Config;
use crate::failure::Failure;
use crate::registry::Registry;
use crate::session;

pub(super) async fn registries(config: &Config) -> Vec<Finding> {
    let registry = super::super::registry_settings(config)
        .and_then(|settings| Registry::new(settings).map_err(anyhow::Error::from));
    let registry = match registry {
        Ok(registry) => registry,
        Err(error) => {
            let fix = "mend the [registry] section of the configuration";
            return vec![Finding::of("registries", Err(format!("{error:#}")), fix)];
        }
    };
    let mut findings = Vec::new();
    for (check, ecosystem) in [("npm registry", Ecosystem::Npm), ("Maven repository", Ecosystem::Maven)] {
        let result = match learn(config, &registry, ecosystem).await {
            Ok(()) => registry.reach(ecosystem).await,
            Err(failure) => Err(failure),
        };
        let result = result.map(|()| "answers".to_owned()).map_err(|failure| failure.to_string());
        let fix =
            "check the network and the [registry] section: its addresses, and the files with credentials";
        findings.push(Finding::of(check, result, fix));
    }
    findings
}

/// As a session does it: the package manager in the image names its registry
/// where the configuration does not.
async fn learn(config: &Config, registry: &Registry, ecosystem: Ecosystem) -> Result<(), Failure> {
    if registry.knows(ecosystem) {
        return Ok(());
    }
    let failed = |error: anyhow::Error| Failure::bug("ask the package manager in its image").because(error);
    // A name of its own: a running service removes the containers that no
    // session of its holds.
    let apart = Config { data_dir: config.data_dir.join("doctor"), ..config.clone() };
    let sandbox = super::super::sandbox(&apart).map_err(failed)?;
    let images = super::super::images(config);
    registry.learn(ecosystem, session::registry_of(&sandbox, &images, ecosystem).await?)
}

pub(super) async fn model(config: &Config, outside: &Outside) -> Finding {
    let fix =
        "set ANTHROPIC_API_KEY, or name a file in model.api_key_file; check model.base_url and model.name";
    let model = match super::super::model(config, outside.model_key.clone()) {
        Ok(model) => model,
        Err(error) => return Finding::of("model", Err(format!("{error:#}")), fix),
    };
    let what = format!("{} at {}", config.model.name, config.model.base_url);
    let result = match model.reach().await {
        Ok(true) => Ok(what),
        Ok(false) => Ok(format!("{what}: it answers, and lists no models")),
        Err(failure) => Err(failure.to_string()),
    };
    Finding::of("model", result, fix)
}
