//! A webhook's body: the kind of the event up to the first line break, then
//! the body. What is read is also decided.
#![cfg_attr(fuzzing, no_main)]

use std::sync::LazyLock;

use chaperone::advisory::Policy;
use chaperone::trigger::{Catalog, Own, decide};

static CATALOG: LazyLock<Option<Catalog>> = LazyLock::new(|| Catalog::embedded().ok());

fn run(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (kind, body) = data.split_at(end);
    let kind = String::from_utf8_lossy(kind);
    let own = Own { app_id: 77, bots: vec![500], sibling_pulls: true };
    if let (Ok(event), Some(catalog)) = (chaperone::event::parse(&kind, body), CATALOG.as_ref()) {
        std::hint::black_box(decide(&event, catalog, &Policy::default(), &own));
    }
}

fuzz::target!(run);
