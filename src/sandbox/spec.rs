//! What a container may do: the whole of it, as values.
//!
//! Every field that matters is set here, and [`differences`] compares what
//! the engine says it made. The reasons stand beside the values; the figures
//! were measured on the engine that Debian 12 ships (20.10).

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigCgroupnsModeEnum,
    HostConfigLogConfig, ResourcesUlimits,
};
use toolbox::api::{BINARY, COMMAND_UID, GATEWAY_PORT, GATEWAY_SOCKET, SERVER_UID, TREE, TREE_GID};

use super::{Settings, Spec};
use crate::change::Ecosystem;
use crate::failure::Failure;
use crate::ids::SessionId;
use crate::outcome::Outcome;

pub(super) const INSTANCE: &str = "io.chaperone.instance";
const SESSION: &str = "io.chaperone.session";
const FENCE: &str = "io.chaperone.fence";

/// The allow-list of system calls, as text: the engine's API takes no path.
const SECCOMP: &str = include_str!("../../docker/seccomp.json");

const MIB: u64 = 1024 * 1024;
/// Where Maven keeps its settings, in the image.
const MAVEN_SETTINGS: &str = "/usr/local/maven/conf/settings.xml";

/// Room in a container beside the tree itself.
struct Room {
    /// For the package manager's own store, and for what tests write.
    tmp: u64,
    /// For what lies beside the sources: `node_modules`, build output.
    work: u64,
}

impl Room {
    fn of(ecosystem: Ecosystem) -> Self {
        match ecosystem {
            Ecosystem::Npm => Self { tmp: 384 * MIB, work: 768 * MIB },
            // Maven unpacks no dependency into the tree.
            Ecosystem::Maven => Self { tmp: 768 * MIB, work: 512 * MIB },
        }
    }
}

/// What may not even be read: the default list, which this one replaces, and
/// what tells about the host.
const MASKED: [&str; 21] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/cmdline",
    "/proc/diskstats",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/modules",
    "/proc/partitions",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/version",
    "/sys/block",
    "/sys/class",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/kernel",
];
const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Unique per lease and role, so that two workers cannot share a container.
pub(super) fn name(spec: &Spec) -> String {
    format!("chaperone-{}-{}-{}", spec.session, spec.fence, spec.role)
}

/// Does a live lease own the container with these labels?
pub(super) fn is_live(labels: &HashMap<String, String>, live: &HashMap<SessionId, u64>) -> bool {
    let session = labels.get(SESSION).and_then(|text| text.parse::<SessionId>().ok());
    let fence = labels.get(FENCE).and_then(|text| text.parse::<u64>().ok());
    match (session.and_then(|session| live.get(&session)), fence) {
        (Some(newest), Some(fence)) => *newest == fence,
        _ => false,
    }
}

/// The environment of everything that runs in a container. There is no
/// secret in it.
fn environment(ecosystem: Ecosystem) -> Vec<String> {
    let gateway = format!("http://127.0.0.1:{GATEWAY_PORT}");
    let mut all: Vec<String> = [
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "HOME=/tmp/home",
        "TMPDIR=/tmp",
        "LANG=C.UTF-8",
        "TZ=UTC",
        "CI=1",
        "NO_COLOR=1",
    ]
    .map(str::to_owned)
    .to_vec();
    match ecosystem {
        Ecosystem::Npm => all.extend(npm(&gateway)),
        Ecosystem::Maven => all.extend(maven(&gateway)),
    }
    all
}

/// npm is pointed at the door and told to leave addresses in lockfiles alone.
/// What stands here wins over a repository's `.npmrc`.
fn npm(gateway: &str) -> Vec<String> {
    let fixed = [
        "npm_config_replace_registry_host=always",
        "npm_config_cache=/tmp/npm",
        "npm_config_audit=false",
        "npm_config_fund=false",
        "npm_config_update_notifier=false",
        // A closed door is not a slow network.
        "npm_config_fetch_retries=1",
        "npm_config_fetch_retry_mintimeout=500",
        // A program that would run while the door is open.
        "npm_config_git=git",
        "npm_config_noproxy=127.0.0.1",
        // What would leave the lockfile or the tree as it was.
        "npm_config_package_lock=true",
        "npm_config_dry_run=false",
        "npm_config_offline=false",
    ];
    let door = format!("npm_config_registry={gateway}/");
    fixed.into_iter().map(str::to_owned).chain([door]).collect()
}

/// Maven takes an option's first value, and these stand before a repository's
/// `.mvn/maven.config`; of the virtual machine's options it takes the last,
/// and these stand after `.mvn/jvm.config`.
fn maven(gateway: &str) -> Vec<String> {
    vec![
        "JAVA_HOME=/usr/local/jdk".to_owned(),
        "MAVEN_SKIP_RC=1".to_owned(),
        format!("CHAPERONE_MAVEN={gateway}/maven/"),
        format!(
            "MAVEN_ARGS=-B -ntp -s {MAVEN_SETTINGS} -gs {MAVEN_SETTINGS} \
             -Dmaven.repo.local=/tmp/m2 -Dstyle.color=never"
        ),
        // Half of what the tmpfs leave; a test's own machine gets the rest.
        // Maven lives for seconds: without the second compiler and parallel
        // collection a small build took 2.8 instead of 5.4 s of processor
        // time. Tests run in machines of their own, without these options.
        "MAVEN_OPTS=-Xms64m -Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1".to_owned(),
    ]
}

fn tmpfs(settings: &Settings, spec: &Spec) -> Result<HashMap<String, String>, Failure> {
    let tree = spec.tree.bytes.saturating_add(spec.tree.files.saturating_mul(4096));
    let state = (64 * MIB).saturating_add(tree);
    let room = Room::of(spec.ecosystem);
    let (tmp, work) = (room.tmp, room.work.saturating_add(tree));
    // What lies in a tmpfs counts as the container's memory. A full one must
    // leave as much again for the programs, or the container wedges.
    if tmp.saturating_add(state).saturating_add(work) > settings.memory_bytes / 2 {
        return Err(Failure::user(
            Outcome::DeclinedPolicy,
            format!(
                "hold a tree of {} MiB in a container of {} MiB of memory; sandbox.memory_mb raises it",
                tree / MIB,
                settings.memory_bytes / MIB
            ),
        ));
    }
    let inodes = spec.tree.files.saturating_add(400_000);
    let group = TREE_GID;
    Ok(HashMap::from([
        ("/tmp".to_owned(), format!("rw,nosuid,nodev,noexec,size={tmp},mode=1777")),
        (
            TREE.to_owned(),
            // Programs of node_modules run from here. Set-gid: whatever is
            // made in the tree belongs to the group that both users share.
            format!(
                "rw,nosuid,nodev,exec,size={work},nr_inodes={inodes},uid={COMMAND_UID},gid={group},mode=2770"
            ),
        ),
        (
            "/state".to_owned(),
            format!("rw,nosuid,nodev,noexec,size={state},uid={SERVER_UID},gid={group},mode=0700"),
        ),
    ]))
}

fn ulimit(name: &str, value: i64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(value), hard: Some(value) }
}

fn host_config(settings: &Settings, spec: &Spec) -> Result<HostConfig, Failure> {
    let memory = i64::try_from(settings.memory_bytes).unwrap_or(i64::MAX);
    let mut binds = vec![format!("{}:{BINARY}:ro", settings.toolbox.display())];
    if let Some(dir) = &spec.gateway {
        let target = GATEWAY_SOCKET.trim_end_matches("/gateway.sock");
        binds.push(format!("{}:{target}:ro", dir.display()));
    }
    Ok(HostConfig {
        binds: Some(binds),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned(), format!("seccomp={}", compact_seccomp()?)]),
        readonly_rootfs: Some(true),
        tmpfs: Some(tmpfs(settings, spec)?),
        network_mode: Some("none".to_owned()),
        ipc_mode: Some("private".to_owned()),
        shm_size: Some(16 * 1024 * 1024),
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        pids_limit: Some(512),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(nano_cpus(settings.cpus)),
        // Not nproc: it is counted per user over all containers.
        ulimits: Some(vec![ulimit("nofile", 8192), ulimit("core", 0), ulimit("fsize", 512 * 1024 * 1024)]),
        oom_score_adj: Some(1000),
        init: Some(true),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        masked_paths: Some(MASKED.map(str::to_owned).to_vec()),
        readonly_paths: Some(READONLY.map(str::to_owned).to_vec()),
        runtime: settings.runtime.clone(),
        ..HostConfig::default()
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a float to integer cast saturates, and CPUs are few")]
fn nano_cpus(cpus: f64) -> i64 {
    (cpus * 1e9) as i64
}

/// The profile without its white space: it is sent with every container.
fn compact_seccomp() -> Result<String, Failure> {
    let profile: serde_json::Value = serde_json::from_str(SECCOMP)
        .map_err(|error| Failure::bug("read the seccomp profile").because(error))?;
    Ok(profile.to_string())
}

/// All of it.
pub(super) fn body(settings: &Settings, spec: &Spec) -> Result<ContainerCreateBody, Failure> {
    Ok(ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: Some(Vec::new()),
        cmd: Some(vec![BINARY.to_owned(), "serve".to_owned()]),
        user: Some(format!("{SERVER_UID}:{TREE_GID}")),
        env: Some(environment(spec.ecosystem)),
        // Not the tree: the engine makes a working directory that is missing,
        // and then mounts the tree with that directory's mode.
        working_dir: Some("/".to_owned()),
        hostname: Some("sandbox".to_owned()),
        network_disabled: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(false),
        open_stdin: Some(true),
        stdin_once: Some(true),
        tty: Some(false),
        stop_signal: Some("SIGKILL".to_owned()),
        stop_timeout: Some(2),
        labels: Some(HashMap::from([
            (INSTANCE.to_owned(), settings.instance.clone()),
            (SESSION.to_owned(), spec.session.to_string()),
            (FENCE.to_owned(), spec.fence.to_string()),
        ])),
        host_config: Some(host_config(settings, spec)?),
        ..ContainerCreateBody::default()
    })
}

/// What the engine made otherwise than asked, field by field; empty is good.
pub(super) fn differences(asked: &ContainerCreateBody, made: &ContainerInspectResponse) -> Vec<&'static str> {
    let (Some(asked_host), Some(host), Some(config)) = (&asked.host_config, &made.host_config, &made.config)
    else {
        return vec!["everything"];
    };
    let same = [
        ("user", asked.user == config.user),
        ("environment", same_set(asked.env.as_ref(), config.env.as_ref())),
        ("binds", asked_host.binds == host.binds),
        ("mounts", host.mounts.as_ref().is_none_or(Vec::is_empty)),
        ("devices", host.devices.as_ref().is_none_or(Vec::is_empty)),
        ("volumes_from", host.volumes_from.as_ref().is_none_or(Vec::is_empty)),
        ("group_add", host.group_add.as_ref().is_none_or(Vec::is_empty)),
        ("port_bindings", host.port_bindings.as_ref().is_none_or(HashMap::is_empty)),
        ("cap_add", host.cap_add.as_ref().is_none_or(Vec::is_empty)),
        ("cap_drop", asked_host.cap_drop == host.cap_drop),
        ("privileged", host.privileged != Some(true)),
        ("pid_mode", host.pid_mode.as_deref().is_none_or(str::is_empty)),
        ("uts_mode", host.uts_mode.as_deref().is_none_or(str::is_empty)),
        ("security_opt", asked_host.security_opt == host.security_opt),
        ("readonly_rootfs", host.readonly_rootfs == Some(true)),
        ("tmpfs", asked_host.tmpfs == host.tmpfs),
        ("network_mode", asked_host.network_mode == host.network_mode),
        ("ipc_mode", asked_host.ipc_mode == host.ipc_mode),
        ("pids_limit", asked_host.pids_limit == host.pids_limit),
        ("memory", asked_host.memory == host.memory && asked_host.memory_swap == host.memory_swap),
        ("cpus", asked_host.nano_cpus == host.nano_cpus),
        ("ulimits", same_ulimits(asked_host.ulimits.as_ref(), host.ulimits.as_ref())),
        ("cgroupns_mode", asked_host.cgroupns_mode == host.cgroupns_mode),
        ("shm_size", asked_host.shm_size == host.shm_size),
        ("oom_score_adj", asked_host.oom_score_adj == host.oom_score_adj),
        ("init", host.init == Some(true)),
        ("log_config", host.log_config.as_ref().and_then(|log| log.typ.as_deref()) == Some("none")),
        ("masked_paths", same_set(asked_host.masked_paths.as_ref(), host.masked_paths.as_ref())),
        ("readonly_paths", same_set(asked_host.readonly_paths.as_ref(), host.readonly_paths.as_ref())),
        ("runtime", asked_host.runtime.is_none() || asked_host.runtime == host.runtime),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(field, _)| field).collect()
}

fn same_ulimits(asked: Option<&Vec<ResourcesUlimits>>, made: Option<&Vec<ResourcesUlimits>>) -> bool {
    let (asked, made) = (asked.map_or(&[][..], Vec::as_slice), made.map_or(&[][..], Vec::as_slice));
    asked.len() == made.len() && asked.iter().all(|limit| made.contains(limit))
}

fn same_set(asked: Option<&Vec<String>>, made: Option<&Vec<String>>) -> bool {
    let sorted = |list: Option<&Vec<String>>| {
        let mut list = list.cloned().unwrap_or_default();
        list.sort();
        list
    };
    sorted(asked) == sorted(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::TreeSize;
    use bollard::models::ContainerConfig;

    fn settings() -> Settings {
        Settings {
            socket: String::new(),
            runtime: None,
            toolbox: "/host/toolbox".into(),
            memory_bytes: 4096 * MIB,
            cpus: 2.0,
            instance: "test".into(),
        }
    }

    fn spec(bytes: u64) -> Spec {
        Spec {
            session: SessionId::generate(),
            fence: 3,
            role: "work".into(),
            image: "image".into(),
            ecosystem: Ecosystem::Npm,
            gateway: Some("/host/run/door".into()),
            tree: TreeSize { files: 10, bytes },
        }
    }

    fn echo(asked: &ContainerCreateBody) -> ContainerInspectResponse {
        ContainerInspectResponse {
            host_config: asked.host_config.clone(),
            config: Some(ContainerConfig {
                user: asked.user.clone(),
                env: asked.env.clone(),
                ..ContainerConfig::default()
            }),
            ..ContainerInspectResponse::default()
        }
    }

    #[test]
    fn an_engine_that_does_as_asked_shows_no_difference() {
        let asked = body(&settings(), &spec(1000)).unwrap();
        assert_eq!(differences(&asked, &echo(&asked)), Vec::<&str>::new());
    }

    #[test]
    fn an_engine_that_loosens_anything_is_caught() {
        type Loosen = fn(&mut HostConfig);
        let asked = body(&settings(), &spec(1000)).unwrap();
        let loosen: [(&str, Loosen); 7] = [
            ("privileged", |host| host.privileged = Some(true)),
            ("cap_add", |host| host.cap_add = Some(vec!["SYS_ADMIN".into()])),
            ("network_mode", |host| host.network_mode = Some("bridge".into())),
            ("security_opt", |host| host.security_opt = Some(vec!["no-new-privileges".into()])),
            ("readonly_rootfs", |host| host.readonly_rootfs = Some(false)),
            ("binds", |host| host.binds = Some(vec!["/:/host".into()])),
            ("masked_paths", |host| host.masked_paths = Some(vec![])),
        ];
        for (field, change) in loosen {
            let mut made = echo(&asked);
            change(made.host_config.as_mut().unwrap());
            assert_eq!(differences(&asked, &made), vec![field]);
        }
    }

    #[test]
    fn a_tree_that_would_wedge_the_container_is_refused() {
        assert!(tmpfs(&settings(), &spec(200 * MIB)).is_ok());
        let refused = tmpfs(&settings(), &spec(2048 * MIB)).unwrap_err();
        assert_eq!(refused.outcome(), Outcome::DeclinedPolicy);
    }

    #[test]
    fn a_container_leaves_half_of_its_memory_to_programs_whatever_it_works_on() {
        for ecosystem in [Ecosystem::Npm, Ecosystem::Maven] {
            let spec = Spec { ecosystem, ..spec(200 * MIB) };
            assert!(tmpfs(&settings(), &spec).is_ok(), "{ecosystem:?}");
        }
    }

    #[test]
    fn only_the_newest_lease_owns_its_containers() {
        let spec = spec(0);
        let labels = body(&settings(), &spec).unwrap().labels.unwrap();
        assert!(is_live(&labels, &HashMap::from([(spec.session, 3)])));
        assert!(!is_live(&labels, &HashMap::from([(spec.session, 4)])));
        assert!(!is_live(&labels, &HashMap::new()));
    }
}
