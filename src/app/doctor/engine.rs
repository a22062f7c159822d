//! The container engine: is it there, with the runtime and the images?

use super::Finding;
use crate::config::Config;
use crate::sandbox::Sandbox;
use crate::session::Family;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let fix = format!("start a Docker engine that listens on {}", config.sandbox.docker);
    let check = "container engine";
    let sandbox = match super::super::sandbox(config) {
        Ok(sandbox) => sandbox,
        // The tool server is missing, which is said of the machine.
        Err(error) => {
            return vec![Finding::of(check, Err(format!("{error:#}")), "mend the tool server first")];
        }
    };
    let mut findings = match sandbox.ping().await {
        Ok(info) => vec![Finding::of(check, Ok(format!("{} (API {})", info.version, info.api)), "")],
        Err(failure) => return vec![Finding::of(check, Err(failure.to_string()), fix)],
    };
    findings.push(runtime(config, &sandbox).await);
    let images = super::super::images(config);
    for image in [images.npm, images.maven].iter().flat_map(Family::names) {
        let result = match sandbox.has_image(&image).await {
            Ok(true) => Ok(image),
            Ok(false) => Err(format!("{image} is missing")),
            Err(failure) => Err(failure.to_string()),
        };
        findings.push(Finding::of("image", result, "run `./x images`"));
    }
    findings
}

async fn runtime(config: &Config, sandbox: &Sandbox) -> Finding {
    let result = match (sandbox.runtimes().await, &config.sandbox.runtime) {
        (Err(failure), _) => Err(failure.to_string()),
        (Ok((_, default)), None) => Ok(format!("{default}, the engine's own")),
        (Ok((all, _)), Some(wanted)) if all.contains(wanted) => Ok(wanted.clone()),
        (Ok((all, _)), Some(wanted)) => Err(format!("{wanted} is not one of {}", all.join(", "))),
    };
    Finding::of(
        "container runtime",
        result,
        "install it and name it in the engine's configuration, or change sandbox.runtime",
    )
}
