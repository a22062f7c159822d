//! The real program through its real doors: real containers, real npm with
//! real packages, real git over HTTP, a real database. GitHub and the model
//! are servers that speak the real protocols.
//!
//! Needs a Docker engine, the images and the static tool server: `./x test`
//! brings all of them. A test that cannot run fails.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test: it fails by panicking"
)]

mod alerts;
mod architecture;
mod briefings;
mod cases;
mod commands;
mod commits;
mod conformance;
mod crash;
mod deliveries;
mod demo;
mod door;
mod errands;
mod goldens;
mod groups;
mod inputs;
mod judging;
mod life;
mod limits;
mod logs;
mod managers;
mod maven_box;
mod pins;
mod places;
mod programs;
mod registry_trouble;
mod repo_config;
mod runners;
mod sandbox;
mod setup;
mod story;
mod surface;
mod trial;
mod verdicts;
mod ways;
mod world;
