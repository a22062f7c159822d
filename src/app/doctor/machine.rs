//! This machine: where data goes, how much of it, the tool server.

use std::path::Path;

use super::Finding;
use crate::config::Config;

/// Mirrors, packages and logs need about this much; less is said.
const FREE: u64 = 5 << 30;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    vec![data_dir(&config.data_dir), disk(&config.data_dir), toolbox(config)]
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

fn disk(path: &Path) -> Finding {
    let fix = "free space, or set data_dir to a larger disk";
    let free = match rustix::fs::statvfs(path) {
        Ok(stat) => stat.f_bavail.saturating_mul(stat.f_frsize),
        Err(error) => return Finding::note("disk", Err(format!("cannot be asked: {error}")), fix),
    };
    let said = format!("{} GiB free", free >> 30);
    Finding::note("disk", if free < FREE { Err(said) } else { Ok(said) }, fix)
}

fn toolbox(config: &Config) -> Finding {
    let result = super::super::toolbox(config.sandbox.toolbox.as_deref())
        .map(|path| path.display().to_string())
        .map_err(|error| format!("{error:#}"));
    Finding::of("tool server", result, "run `./x toolbox`, and name the result in sandbox.toolbox")
}
