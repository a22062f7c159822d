//! Chaperone: a background coding agent for GitHub repositories whose every
//! change is verified before a person sees it.
//!
//! The modules below are listed in the order in which an event travels
//! through them; the list is the map of the house. Rooms never import each
//! other, adapters never import each other, and only `session` knows the
//! order: `tests/it/architecture.rs` reads the sources and proves it.

// Vocabulary: values and decisions, no input or output.
/// Security advisories, and the proof that they are answered.
pub mod advisory;
/// What is asked for: change types, requests, limits.
pub mod change;
/// The source of time.
pub mod clock;
/// A signed webhook delivery, and what became of it.
pub mod delivery;
/// What GitHub tells, as a closed enum.
pub mod event;
/// The tickets Patch, Verified, Accepted.
pub mod evidence;
/// How to ask a container for something.
pub mod exec;
/// What went wrong, once for people and once for the log.
pub mod failure;
/// Repositories, commits, sessions, deliveries.
pub mod ids;
/// Which package manager is in charge, and how it is asked.
pub mod manager;
/// How a session can end.
pub mod outcome;
/// What a room may ask of the package registries.
pub mod packages;
/// The session log's events.
pub mod record;
/// Which Node or JDK a repository runs on.
pub mod runtime;
/// Values that must not be printed.
pub mod secret;
/// A session at a glance, folded from its events.
pub mod summary;
/// Untrusted text made plain.
pub mod text;
/// What somebody asked for, before it is looked up.
pub mod wish;

// Rooms, in the order of the data.
/// The model with its tools, within its limits.
pub mod agent;
/// What the new version changes and where the repository uses it; no model.
pub mod briefing;
/// The version, the manifest, the lockfile; no model.
pub mod bump;
/// Tests and checks not weakened; no model.
pub mod integrity;
/// The second model call: accept or veto.
pub mod judge;
/// Branch, pull request, check runs, the status comment.
pub mod publish;
/// Durable jobs under leases.
pub mod queue;
/// The read-only package gateway.
pub mod registry;
/// The session log: kept, printed, shown.
pub mod replay;
/// Hardened containers.
pub mod sandbox;
/// The order of the rooms, for one job.
pub mod session;
/// The page that makes the GitHub App.
pub mod setup;
/// Event to decision; reads the prompt files' front matter.
pub mod trigger;
/// Baseline, then delta.
pub mod verify;
/// Receives webhooks: signature, size, type, then a durable delivery.
pub mod web;
/// Bare mirrors, trees out, validated patches in.
pub mod workspace;

// Adapters: the one place that speaks to each outside system.
/// The database's pool and schema.
pub mod db;
/// GitHub's REST API.
pub mod github;
/// The Messages API.
pub mod model;
/// Logs of the service itself.
pub mod telemetry;

// Wiring.
/// Rooms and adapters put together.
pub mod app;
/// The command line.
pub mod cli;
/// Settings from file and environment.
pub mod config;
/// The gates measured against labelled cases.
pub mod eval;
