//! A stand-in for what cannot be real in a test: GitHub and a model.
//!
//! Both speak the real protocols over loopback, and check whoever speaks to
//! them. This package knows nothing of the service's code.

pub mod fixtures;
pub mod github;
pub mod model;
pub mod service;
