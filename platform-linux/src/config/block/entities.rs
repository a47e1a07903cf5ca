//! `systemd { }`, `docker { }`, `containerd { }` and `k8s { }`: counters of services, containers and
//! pods.

use super::super::Config;
use super::super::tokens::{Block, Kind, Settings, Token, supported, unneeded};
use super::super::value;

/// The entities with counters of their own. `None`: none of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EntityRules {
    /// Services of systemd.
    pub systemd: Option<EntityRule>,
    /// Containers of Docker and Podman.
    pub docker: Option<EntityRule>,
    /// Containers of containerd and CRI-O.
    pub containerd: Option<EntityRule>,
    /// Pods of Kubernetes.
    pub k8s: Option<EntityRule>,
    /// Longest time between two searches in seconds, 10..=3600; `None`: 60.
    pub refresh_secs: Option<u32>,
    /// Seconds for which an entity that is gone keeps its index, at least 60; `None`: 180.
    pub forget_secs: Option<u32>,
}

/// What to do with the entities of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EntityRule {
    /// Sampled packets name the entity of their socket.
    pub marks_traffic: bool,
    /// The name is the host name inside of the container.
    pub hostname: bool,
}

impl EntityRules {
    /// Returns true if no block selects entities.
    pub fn is_empty(&self) -> bool {
        let Self { systemd, docker, containerd, k8s, .. } = self;
        [systemd, docker, containerd, k8s].iter().all(|rule| rule.is_none())
    }

    /// Returns true if sampled packets name some kind of entities.
    pub fn mark_traffic(&self) -> bool {
        let Self { systemd, docker, containerd, k8s, .. } = self;
        [systemd, docker, containerd, k8s].into_iter().flatten().any(|rule| rule.marks_traffic)
    }

    /// Longest time between two searches, in seconds.
    pub fn refresh(&self) -> u32 {
        self.refresh_secs.unwrap_or(60)
    }

    /// Seconds for which an entity that is gone keeps its index.
    pub fn forget(&self) -> u32 {
        self.forget_secs.unwrap_or(180)
    }
}

/// The settings of `sflow { }` that are about entities.
pub(in crate::config) const TOKENS: &[Token] = &[
    REFRESH.default("60").about(
        "longest time in seconds between searches for services and containers; the shortest counts",
    ),
    FORGET
        .default("180")
        .about("seconds until the index of a removed container is free; the longest counts"),
];
pub(in crate::config) static SYSTEMD: Block = Block::new(
    "systemd",
    "counters of services",
    &[
        supported("refreshVMs", Kind::Number(10..=3600)).about("as in `sflow { }`"),
        MARK_TRAFFIC,
        unneeded("dropPriv", Kind::Switch, "Flowmote never keeps root"),
        unneeded("cgroup_procs", PATH, "the mounts of the kernel name the directory"),
        unneeded("cgroup_acct", PATH, "the mounts of the kernel name the directory"),
    ],
    |settings, config| read(settings, config, |rules| &mut rules.systemd),
);
pub(in crate::config) static DOCKER: Block = Block::new(
    "docker",
    "counters of containers of Docker and Podman",
    &[
        REFRESH.about("as in `sflow { }`"),
        FORGET.about("as in `sflow { }`"),
        HOSTNAME,
        MARK_TRAFFIC,
    ],
    |settings, config| read(settings, config, |rules| &mut rules.docker),
);
pub(in crate::config) static CONTAINERD: Block = Block::new(
    "containerd",
    "counters of containers of containerd and CRI-O",
    &[
        FORGET.about("as in `sflow { }`"),
        unneeded("hostname", Kind::Switch, "it is the name of the pod"),
        MARK_TRAFFIC,
    ],
    |settings, config| read(settings, config, |rules| &mut rules.containerd),
);
pub(in crate::config) static K8S: Block = Block::new(
    "k8s",
    "counters of pods",
    &[
        MARK_TRAFFIC,
        unneeded("eof", Kind::Switch, "there is no helper process"),
        unneeded("setIfAlias", Kind::Switch, "interfaces keep the names that the kernel has"),
        unneeded("setIfName", Kind::Switch, "interfaces keep the names that the kernel has"),
        unneeded("unixsock", PATH, "there is no helper process"),
    ],
    |settings, config| read(settings, config, |rules| &mut rules.k8s),
);

const REFRESH: Token = supported("refreshVMs", Kind::Number(60..=3600));
const FORGET: Token = supported("forgetVMs", Kind::Number(60..=4_294_967_295));
const HOSTNAME: Token = supported("hostname", Kind::Switch)
    .default("off")
    .about("the name of a container is its host name");
const MARK_TRAFFIC: Token = supported("markTraffic", Kind::Switch)
    .default("off")
    .about("sampled packets name the entity of their socket");
const PATH: Kind = Kind::Word("a path");

/// Applies a block. A second one adds to the first.
fn read(
    settings: &mut Settings<'_>,
    config: &mut Config,
    field: fn(&mut EntityRules) -> &mut Option<EntityRule>,
) {
    let rule = *field(&mut config.entities).get_or_insert_default();
    let mark_traffic = settings.value(&MARK_TRAFFIC, value::switch);
    let marks_traffic = mark_traffic.unwrap_or(rule.marks_traffic);
    let hostname = settings.value(&HOSTNAME, value::switch).unwrap_or(rule.hostname);
    *field(&mut config.entities) = Some(EntityRule { marks_traffic, hostname });
    read_times(settings, config);
}

/// Reads `refreshVMs` and `forgetVMs` of any block. There is one search for all kinds, so the
/// settings of all blocks become one.
pub(in crate::config) fn read_times(settings: &mut Settings<'_>, config: &mut Config) {
    let EntityRules { refresh_secs, forget_secs, .. } = &mut config.entities;
    if let Some(refresh) = settings.number(&REFRESH) {
        *refresh_secs = Some(refresh_secs.map_or(refresh, |other| other.min(refresh)));
    }
    if let Some(forget) = settings.number(&FORGET) {
        *forget_secs = Some(forget_secs.map_or(forget, |other| other.max(forget)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{accepted, assert_lines};

    fn rules(settings: &str) -> EntityRules {
        accepted(settings).entities
    }

    #[test]
    fn each_block_selects_a_kind() {
        assert!(rules("polling = 30").is_empty());
        let marks = EntityRule { marks_traffic: true, hostname: false };
        assert!(rules("docker { } k8s { markTraffic = on }").mark_traffic());
        assert!(!rules("systemd { markTraffic = off } k8s { }").mark_traffic());
        assert_eq!(rules("systemd { }").systemd, Some(EntityRule::default()));
        assert_eq!(rules("systemd { markTraffic = on }").systemd, Some(marks));
        assert_eq!(rules("containerd { markTraffic = on }").containerd, Some(marks));
        assert_eq!(rules("k8s{markTraffic=on}").k8s, Some(marks));
        let hostname = EntityRule { marks_traffic: true, hostname: true };
        let docker = "docker { markTraffic = on hostname = off } docker { hostname = on }";
        assert_eq!(rules(docker).docker, Some(hostname));
        assert!(!rules("docker { }").is_empty());
    }

    #[test]
    fn shortest_search_and_longest_memory_count() {
        let times = |settings: &str| (rules(settings).refresh(), rules(settings).forget());
        assert_eq!(times("systemd { }"), (60, 180), "the defaults");
        assert_eq!(times("refreshVMs = 300 forgetVMs = 60 docker { }"), (300, 60));
        let several = "systemd { refreshVMs = 10 } docker { refreshVMs = 90 forgetVMs = 600 }
                       containerd { forgetVMs = 300 }";
        assert_eq!(times(several), (10, 600));
        assert_lines(&[
            (
                "systemd { refreshVMs = 9 }",
                r#"f:2:24: error: "refreshVMs" = 9 is out of range 10..=3600"#,
            ),
            ("refreshVMs = 59", r#"f:2:14: error: "refreshVMs" = 59 is out of range 60..=3600"#),
            ("docker { markTraffic = yes }", r#"f:2:24: error: "yes" is neither on nor off"#),
        ]);
    }

    #[test]
    fn settings_of_helper_processes_are_accepted() {
        let text = "k8s { eof = on unixsock = /x setIfAlias = off } systemd { dropPriv = on }";
        let parsed = Config::parse(&format!("sflow {{ collector {{ ip = 192.0.2.1 }} {text} }}"));
        assert_eq!(parsed.diagnostics.len(), 3, "off is no request");
        let config = parsed.config.unwrap();
        assert!(config.entities.k8s.is_some() && config.entities.systemd.is_some());
    }
}
