//! Hardened containers, and the only code that speaks to the engine.
//!
//! Nothing secret enters this room: it gets a tree and limits. A container is
//! described in full by [`spec`], read back from the engine before anything
//! runs in it, and removed by its labels whoever started it.

mod container;
mod spec;
mod stream;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, ListContainersOptionsBuilder,
    RemoveContainerOptionsBuilder,
};

use crate::change::Ecosystem;
use crate::exec::{Stdio, TreeSize};
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;

pub use container::Container;

/// Seconds that one request to the engine may take.
const ENGINE_TIMEOUT: u64 = 120;

/// How containers are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Path of the engine's Unix socket.
    pub socket: String,
    /// Another OCI runtime than the engine's default.
    pub runtime: Option<String>,
    /// The static tool server on this host.
    pub toolbox: PathBuf,
    pub memory_bytes: u64,
    pub cpus: f64,
    /// Tells this installation's containers from another one's.
    pub instance: String,
}

/// One container to start.
#[derive(Debug, Clone)]
pub struct Spec {
    pub session: SessionId,
    /// The lease's fencing token: a later lease's reaper knows an older one's
    /// containers by it.
    pub fence: u64,
    /// `base`, `work`, `check…`: for people who look at the engine.
    pub role: String,
    pub image: String,
    /// Decides the environment, and how much room there is for what.
    pub ecosystem: Ecosystem,
    /// Host directory with the gateway's socket; mounted read-only.
    pub gateway: Option<PathBuf>,
    pub tree: TreeSize,
}

/// What the engine says about itself.
#[derive(Debug, Clone)]
pub struct EngineInfo {
    pub version: String,
    pub api: String,
}

/// The engine, with the settings of this installation.
#[derive(Debug, Clone)]
pub struct Sandbox {
    docker: Arc<OnceLock<Docker>>,
    settings: Arc<Settings>,
}

impl Sandbox {
    /// Prepares to speak to the engine; it is first spoken to later, so that
    /// a service can start before its engine does.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { docker: Arc::default(), settings: Arc::new(settings) }
    }

    /// The client, made when the engine's socket is there for the first time.
    fn docker(&self) -> Result<Docker, Failure> {
        if let Some(docker) = self.docker.get() {
            return Ok(docker.clone());
        }
        let docker =
            Docker::connect_with_unix(&self.settings.socket, ENGINE_TIMEOUT, bollard::API_DEFAULT_VERSION)
                .map_err(engine_failure("reach the container engine"))?;
        Ok(self.docker.get_or_init(|| docker).clone())
    }

    /// # Errors
    /// The engine does not answer.
    pub async fn ping(&self) -> Result<EngineInfo, Failure> {
        let version = self.docker()?.version().await.map_err(engine_failure("reach the container engine"))?;
        Ok(EngineInfo {
            version: version.version.unwrap_or_default(),
            api: version.api_version.unwrap_or_default(),
        })
    }

    /// The names of the engine's OCI runtimes, and which one it takes by
    /// itself.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn runtimes(&self) -> Result<(Vec<String>, String), Failure> {
        let info = self.docker()?.info().await.map_err(engine_failure("reach the container engine"))?;
        let mut names: Vec<String> = info.runtimes.unwrap_or_default().into_keys().collect();
        names.sort();
        Ok((names, info.default_runtime.unwrap_or_default()))
    }

    /// # Errors
    /// The engine does not answer.
    pub async fn has_image(&self, image: &str) -> Result<bool, Failure> {
        match self.docker()?.inspect_image(image).await {
            Ok(_found) => Ok(true),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
            Err(error) => Err(engine_failure("reach the container engine")(error)),
        }
    }

    /// What the image's name stands for now; `None` when there is no such
    /// image, or the engine does not say.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn image_id(&self, image: &str) -> Result<Option<String>, Failure> {
        match self.docker()?.inspect_image(image).await {
            Ok(found) => Ok(found.id),
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(engine_failure("reach the container engine")(error)),
        }
    }

    /// Makes a container, attaches to it, starts it, and compares what the
    /// engine made with what was asked.
    ///
    /// # Errors
    /// The engine does not answer, the image is missing, the tree does not
    /// fit, or the engine made something else.
    pub async fn start(&self, spec: &Spec) -> Result<Container, Failure> {
        let body = spec::body(&self.settings, spec)?;
        let name = spec::name(spec);
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        match self.docker()?.create_container(Some(options), body.clone()).await {
            Ok(_created) => {}
            Err(Error::DockerResponseServerError { status_code: 404, .. }) => {
                return Err(Failure::user(
                    Outcome::InternalError,
                    format!("start a container: the image {} is missing; `./x images` builds it", spec.image),
                ));
            }
            Err(error) => return Err(engine_failure("create a container")(error)),
        }
        match self.attach_and_start(&name, &body).await {
            Ok(stdio) => Ok(Container::new(self.docker()?, name, stdio)),
            Err(failure) => {
                self.remove(&name).await?;
                Err(failure)
            }
        }
    }

    /// The host attaches first: the main process's life is the container's.
    async fn attach_and_start(
        &self,
        name: &str,
        asked: &bollard::models::ContainerCreateBody,
    ) -> Result<Stdio, Failure> {
        let options =
            AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(false).build();
        let docker = self.docker()?;
        let attached = docker
            .attach_container(name, Some(options))
            .await
            .map_err(engine_failure("attach to a container"))?;
        docker.start_container(name, None).await.map_err(engine_failure("start a container"))?;
        let made =
            docker.inspect_container(name, None).await.map_err(engine_failure("inspect a container"))?;
        let differences = spec::differences(asked, &made);
        if !differences.is_empty() {
            return Err(Failure::bug("get the container that was asked for")
                .because(anyhow::anyhow!("the engine changed {}", differences.join(", "))));
        }
        Ok(Stdio { reader: Box::pin(stream::stdout_of(attached.output)), writer: attached.input })
    }

    async fn remove(&self, name: &str) -> Result<(), Failure> {
        container::remove(&self.docker()?, name).await
    }

    /// Removes the containers of this installation that no live lease has.
    /// `live` gives each session's newest fencing token. Returns how many.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn reap(&self, live: &HashMap<SessionId, u64>) -> Result<usize, Failure> {
        let ours = format!("{}={}", spec::INSTANCE, self.settings.instance);
        let filters = HashMap::from([("label", vec![ours])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let docker = self.docker()?;
        let found =
            docker.list_containers(Some(options)).await.map_err(engine_failure("list the containers"))?;
        let mut removed = 0;
        for container in found {
            let labels = container.labels.unwrap_or_default();
            if !spec::is_live(&labels, live) {
                let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
                match docker.remove_container(&container.id.unwrap_or_default(), Some(options)).await {
                    Ok(()) => removed += 1,
                    // Somebody else is removing it, or has.
                    Err(Error::DockerResponseServerError { status_code: 404 | 409, .. }) => {}
                    Err(error) => return Err(engine_failure("remove a container")(error)),
                }
            }
        }
        Ok(removed)
    }
}

/// An engine that does not do what it should may do so later.
fn engine_failure(what: &'static str) -> impl Fn(Error) -> Failure {
    move |error| Failure::transient(Outcome::InternalError, what).because(error)
}
