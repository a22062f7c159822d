//! Puts rooms and adapters together, and runs them as a service.

mod clerk;
mod doctor;
mod intake;
mod registries;
mod resolve;
mod setup;
mod sweep;
mod trial;
mod worker;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{self, Config, JudgeMode};
use crate::db;
use crate::event::Event;
use crate::github::{self, GitHub};
use crate::judge;
use crate::model::{self, Model};
use crate::queue::{self, Queue};
use crate::registry;
use crate::replay::{self, SessionLog};
use crate::runtime::Majors;
use crate::sandbox::{self, Sandbox};
use crate::secret::Secret;
use crate::session::{Family, Images, Rooms};
use crate::trigger::{self, Catalog, Decision, Own};
use crate::verify::Baselines;
use crate::web;
use crate::workspace::{self, Workspace};

pub use doctor::{Finding, examine};
pub use resolve::{Answer, resolve};
pub use setup::{SetUp, set_up};
pub use trial::{Report, Trial, attempt};

/// How often leftovers of dead workers are looked for.
const REAP_EVERY: Duration = Duration::from_secs(10);
/// How long a fetch or push may take before its process is killed.
const GIT_TIMEOUT: Duration = Duration::from_secs(300);

/// What comes from outside the configuration file.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// `ANTHROPIC_API_KEY`.
    pub model_key: Option<String>,
    /// The crash tests' fail point: stop for ever after this many events.
    pub hold_after: Option<u64>,
}

/// The rooms with the queue that feeds them.
#[derive(Debug)]
pub(crate) struct App {
    rooms: Rooms,
    queue: Queue,
    settings: config::Queue,
    own: Own,
}

impl App {
    async fn build(config: &Config, outside: Outside) -> anyhow::Result<Self> {
        std::fs::create_dir_all(config.data_dir.join("run"))
            .with_context(|| format!("could not make the data directory {}", config.data_dir.display()))?;
        let pool = db::open(&config.data_dir.join("chaperone.db")).await?;
        let clock = Clock;
        let queue_settings =
            queue::Settings { lease: config.queue.lease(), max_retries: config.queue.retries };
        let queue = Queue::open(pool.clone(), clock, queue_settings);
        let log = SessionLog::new(pool.clone(), clock, outside.hold_after);
        let rooms = rooms(config, outside.model_key, log, Baselines::new(pool, clock))?;
        Ok(Self { rooms, queue, settings: config.queue.clone(), own: own(config) })
    }

    fn decide(&self, event: &Event) -> Decision {
        trigger::decide(event, &self.rooms.catalog, &self.rooms.security, &self.own)
    }
}

/// Without an App there are no deliveries.
fn own(config: &Config) -> Own {
    config.github.as_ref().map_or_else(Own::default, |github| Own {
        app_id: github.app_id,
        bots: github.bots.clone(),
        sibling_pulls: github.sibling_pulls,
    })
}

fn rooms(
    config: &Config,
    model_key: Option<String>,
    log: SessionLog,
    baselines: Baselines,
) -> anyhow::Result<Rooms> {
    let catalog = match &config.prompts_dir {
        Some(dir) => Catalog::with_dir(dir)?,
        None => Catalog::embedded()?,
    };
    Ok(Rooms {
        catalog,
        limits: config.limits,
        security: config.security.policy(),
        workspace: Workspace::new(config.data_dir.join("mirrors"), workspace_settings()?),
        sandbox: sandbox(config)?,
        registry_settings: registry_settings(config)?,
        registry: tokio::sync::OnceCell::new(),
        model: model(config, model_key)?,
        judge_mode: match config.judge.mode {
            JudgeMode::Enforce => judge::Mode::Enforce,
            JudgeMode::Shadow => judge::Mode::Shadow,
        },
        log,
        baselines,
        github: config.github.as_ref().map(github).transpose()?,
        bots: config.github.as_ref().map(|github| github.bots.clone()).unwrap_or_default(),
        commits: config.github.as_ref().map(|github| github.commits).unwrap_or_default(),
        images: images(config),
        run_dir: config.data_dir.join("run"),
        public_url: config.public_url.clone(),
        edit_pause: Duration::from_millis(config.github.as_ref().map_or(5000, |github| github.edit_pause_ms)),
        clock: Clock,
    })
}

fn workspace_settings() -> anyhow::Result<workspace::Settings> {
    let worker = std::env::current_exe().context("could not find this program's own file")?;
    Ok(workspace::Settings { timeout: GIT_TIMEOUT, worker })
}

fn images(config: &Config) -> Images {
    let settings = &config.sandbox;
    Images {
        npm: Family {
            pattern: settings.image.clone(),
            majors: Majors { all: settings.node_majors.clone(), default: settings.node_default },
        },
        maven: Family {
            pattern: settings.maven_image.clone(),
            majors: Majors { all: settings.jdk_majors.clone(), default: settings.jdk_default },
        },
    }
}

fn sandbox(config: &Config) -> anyhow::Result<Sandbox> {
    let settings = &config.sandbox;
    Ok(Sandbox::new(sandbox::Settings {
        socket: settings.docker.clone(),
        runtime: settings.runtime.clone(),
        toolbox: toolbox(settings.toolbox.as_deref())?,
        memory_bytes: settings.memory_mb.saturating_mul(1024 * 1024),
        cpus: settings.cpus,
        instance: config.data_dir.display().to_string(),
    }))
}

/// The static tool server: as configured, or beside this program.
fn toolbox(configured: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match configured {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()
            .context("could not find this program's own file")?
            .with_file_name("toolbox"),
    };
    path.canonicalize().with_context(|| {
        format!(
            "could not find the tool server {}: `./x toolbox` builds it, sandbox.toolbox names it",
            path.display()
        )
    })
}

fn registry_settings(config: &Config) -> anyhow::Result<registry::Settings> {
    let settings = &config.registry;
    let read = |path: &Option<PathBuf>| path.as_deref().map(config::read_secret).transpose();
    let token = |path| read(path).map(|token| token.map(registry::Credentials::Token));
    let maven = match read(&settings.maven_basic_file)? {
        Some(pair) => Some(registry::Credentials::Basic(pair)),
        None => token(&settings.maven_token_file)?,
    };
    Ok(registry::Settings {
        cache: config.data_dir.join("packages"),
        npm: registry::Source {
            url: settings.npm.clone().unwrap_or_default(),
            credentials: token(&settings.npm_token_file)?,
        },
        maven: registry::Source { url: settings.maven.clone().unwrap_or_default(), credentials: maven },
        min_age: settings.min_age_hours.map(|hours| Duration::from_secs(hours.saturating_mul(3600))),
        caps: registry::Caps {
            pause: Duration::from_secs(config.registry.silent_seconds),
            ..registry::Caps::default()
        },
    })
}

/// The configured provider with the models of the agent and the judge.
///
/// # Errors
/// There is no key, or a model has no price.
pub(crate) fn model(config: &Config, from_env: Option<String>) -> anyhow::Result<Model> {
    let api_key: Secret = config.model_key(from_env)?;
    let prices = config.model.prices.iter().map(|(name, price)| {
        let config::Price { input, output, cache_read, cache_write } = *price;
        (name.clone(), model::Price::per_million(input, output, cache_read, cache_write))
    });
    Model::new(model::Settings {
        base_url: config.model.base_url.clone(),
        api_key,
        model: config.model.name.clone(),
        judge_model: config.model.judge.clone(),
        choices: config.model.choices.clone(),
        prices: model::Prices::with(prices),
        retry_pause: Duration::from_secs(1),
        request_timeout: Duration::from_secs(config.model.request_seconds),
    })
}

fn github(settings: &config::GitHub) -> anyhow::Result<GitHub> {
    GitHub::new(github::Settings {
        base_url: settings.api_url(),
        web_url: settings.web_url().to_owned(),
        app_id: settings.app_id,
        private_key: config::read_secret(&settings.private_key_file)?,
        write_pause: Duration::from_millis(settings.write_pause_ms),
    })
}

/// Runs the service until `stop` is cancelled.
///
/// # Errors
/// It cannot start: a setting is wrong, the address is taken, the database
/// cannot be opened.
pub async fn serve(config: Config, outside: Outside, stop: CancellationToken) -> anyhow::Result<()> {
    let github =
        config.github.as_ref().context("could not serve: the configuration has no [github] section")?;
    let secret = config::read_secret(&github.webhook_secret_file)?;
    let sweep_every = Duration::from_secs(github.sweep_seconds.max(1));
    clear_doors(&config.data_dir.join("run"))?;
    let app = Arc::new(App::build(&config, outside).await?);
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("could not listen on {}", config.listen))?;
    tracing::info!(address = %config.listen, workers = config.queue.workers, "serving");

    let mut tasks = JoinSet::new();
    for _ in 0..config.queue.workers {
        tasks.spawn(worker::work(Arc::clone(&app), stop.clone()));
    }
    for lane in clerk::HANDS {
        tasks.spawn(clerk::work(Arc::clone(&app), lane, stop.clone()));
    }
    tasks.spawn(sweep::run(Arc::clone(&app), sweep_every, stop.clone()));
    tasks.spawn(reap(Arc::clone(&app), stop.clone()));
    let receiver = web::Receiver { secret, accept: Arc::new(intake::Intake(Arc::clone(&app))) };
    let router = Router::new()
        .merge(web::router(receiver))
        .merge(replay::router(app.rooms.log.clone()))
        .merge(crate::setup::after_installation());
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .await
        .context("could not go on serving")?;
    while tasks.join_next().await.is_some() {}
    // Nobody works any more, so every container of this instance is a
    // leftover; the jobs go on where they are leased next.
    if let Err(failure) = app.rooms.sandbox.reap(&HashMap::new()).await {
        tracing::warn!(%failure, "containers may be left");
    }
    app.queue.close().await;
    Ok(())
}

/// Doors of a service that was killed: nobody answers behind them.
fn clear_doors(dir: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("could not clear {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Removes containers whose session no worker holds.
async fn reap(app: Arc<App>, stop: CancellationToken) {
    loop {
        if let Err(failure) = reap_once(&app).await {
            tracing::warn!(%failure, "could not look for leftovers");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(REAP_EVERY) => {}
        }
    }
}

async fn reap_once(app: &App) -> Result<(), crate::failure::Failure> {
    let live = app.queue.live().await?;
    let removed = app.rooms.sandbox.reap(&live).await?;
    if removed > 0 {
        tracing::info!(removed, "removed containers of dead workers");
    }
    Ok(())
}
