//! `chaperone doctor`: what is missing on this machine, and how to mend it.

use std::path::Path;

use super::Outside;
use crate::config::{self, Config};
use crate::failure::Failure;
use crate::session::Family;

/// One thing that was looked at.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub ok: bool,
    /// What was found, or what is wrong.
    pub found: String,
    /// What to do about it; empty when all is well.
    pub fix: String,
}

impl Finding {
    fn of(check: &'static str, result: Result<String, String>, fix: impl Into<String>) -> Self {
        match result {
            Ok(found) => Self { check, ok: true, found, fix: String::new() },
            Err(found) => Self { check, ok: false, found, fix: fix.into() },
        }
    }
}

/// Looks at everything that a session needs, changes nothing.
pub async fn examine(config: &Config, outside: &Outside) -> Vec<Finding> {
    let mut findings = vec![data_dir(&config.data_dir), toolbox(config)];
    findings.extend(engine(config).await);
    findings.push(model(config, outside));
    findings.extend(github(config));
    findings
}

fn data_dir(path: &Path) -> Finding {
    let probe = path.join(".doctor");
    let result = std::fs::create_dir_all(path)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe))
        .map(|()| path.display().to_string())
        .map_err(|error| format!("{} cannot be written: {error}", path.display()));
    Finding::of("data directory", result, "set data_dir to a directory that this user can write")
}

fn toolbox(config: &Config) -> Finding {
    let result = super::toolbox(config.sandbox.toolbox.as_deref())
        .map(|path| path.display().to_string())
        .map_err(|error| format!("{error:#}"));
    Finding::of("tool server", result, "run `./x toolbox`, and name the result in sandbox.toolbox")
}

async fn engine(config: &Config) -> Vec<Finding> {
    let fix = format!("start a Docker engine that listens on {}", config.sandbox.docker);
    let sandbox = match super::sandbox(config) {
        Ok(sandbox) => sandbox,
        Err(error) => return vec![Finding::of("container engine", Err(format!("{error:#}")), fix)],
    };
    let engine = match sandbox.ping().await {
        Ok(info) => Finding::of("container engine", Ok(format!("{info:?}")), ""),
        Err(failure) => return vec![Finding::of("container engine", Err(failure.to_string()), fix)],
    };
    let mut findings = vec![engine];
    let images = super::images(config);
    for image in [images.npm, images.maven].iter().flat_map(Family::names) {
        let found: Result<bool, Failure> = sandbox.has_image(&image).await;
        let result = match found {
            Ok(true) => Ok(image),
            Ok(false) => Err(format!("{image} is missing")),
            Err(failure) => Err(failure.to_string()),
        };
        findings.push(Finding::of("image", result, "run `./x images`"));
    }
    findings
}

fn model(config: &Config, outside: &Outside) -> Finding {
    let result = super::model(config, outside.model_key.clone())
        .map(|_model| format!("{} at {}", config.model.name, config.model.base_url))
        .map_err(|error| format!("{error:#}"));
    Finding::of("model", result, "set ANTHROPIC_API_KEY, or name a file in model.api_key_file")
}

fn github(config: &Config) -> Vec<Finding> {
    let Some(settings) = &config.github else {
        let missing = Err("the configuration has no [github] section".to_owned());
        return vec![Finding::of("GitHub App", missing, "needed for `serve` only: README.md says how")];
    };
    let app = super::github(settings)
        .map(|_github| format!("App {} at {}", settings.app_id, settings.api_url()))
        .map_err(|error| format!("{error:#}"));
    let secret = config::read_secret(&settings.webhook_secret_file)
        .map(|_secret| "read".to_owned())
        .map_err(|error| format!("{error:#}"));
    vec![
        Finding::of(
            "GitHub App",
            app,
            "download the App's private key again, and name it in github.private_key_file",
        ),
        Finding::of(
            "webhook secret",
            secret,
            "write the secret of the App's webhook into github.webhook_secret_file",
        ),
    ]
}
