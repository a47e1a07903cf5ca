//! Names of containers and pods for users. Until one is known, it is the beginning of the id.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt};

use super::docker::Docker;
use super::kubernetes;
use super::names::Runtime;
use super::podman;
use super::survey::Group;
use crate::cgroups::Buffer;
use crate::entities::Kind;

/// The names so far.
#[derive(Debug)]
pub(super) struct Naming {
    root: PathBuf,
    docker: Docker,
    known: HashMap<String, Known>,
    /// When Docker was asked for all names.
    asked: Option<Instant>,
    /// The time after which Docker is asked again, because containers are renamed.
    pub(super) refresh: Duration,
    /// The names of containers of Docker are their host names.
    by_hostname: bool,
    /// Why Docker does not supply names.
    pub(super) refusal: Option<String>,
}

/// A container or pod.
#[derive(Debug, Default)]
struct Known {
    name: Option<String>,
    /// Searches for its name without success.
    failures: u8,
}

impl Known {
    /// Runtimes write the name of a container after they have made its cgroup.
    fn is_missing(&self) -> bool {
        self.name.is_none() && self.failures < MAX_FAILURES
    }
}

impl Naming {
    /// Reads below `root`.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            docker: Docker::new(root),
            known: HashMap::new(),
            asked: None,
            refresh: Duration::MAX,
            by_hostname: false,
            refusal: None,
        }
    }

    /// Names containers and pods. Returns true if it is worth to try again soon.
    pub(super) fn apply(&mut self, groups: &mut [Group], by_hostname: bool) -> bool {
        self.retain(groups, by_hostname);
        self.look_up(groups);
        for group in groups {
            let known = self.known.get(&group.found.id).filter(|_| source(group).is_some());
            if let Some(name) = known.and_then(|known| known.name.as_ref()) {
                group.found.name.clone_from(name);
            }
        }
        self.known.values().any(Known::is_missing)
    }

    /// Looks the missing names up.
    fn look_up(&mut self, groups: &[Group]) {
        let is_missing = |wanted, known: &HashMap<String, Known>| {
            let mut groups = groups.iter().filter(|group| source(group) == Some(wanted));
            groups.any(|group| known.get(&group.found.id).is_some_and(Known::is_missing))
        };
        if is_missing(Source::Docker, &self.known) {
            self.refusal = self.ask_docker().err().map(|error| error.to_string());
        } else if groups.iter().any(|group| source(group) == Some(Source::Docker)) && self.is_old()
        {
            // The names stay if it fails.
            let _ = self.ask_docker();
        }
        self.ask_podman(groups);
        if is_missing(Source::Pods, &self.known) {
            self.learn(kubernetes::pods(&self.root));
        }
        if is_missing(Source::Containers, &self.known) {
            self.learn(kubernetes::containers(&self.root));
        }
        for known in self.known.values_mut().filter(|known| known.name.is_none()) {
            known.failures = known.failures.saturating_add(1);
        }
    }

    /// Forgets those that are gone.
    fn retain(&mut self, groups: &[Group], by_hostname: bool) {
        if self.by_hostname != by_hostname {
            self.known.clear();
            self.by_hostname = by_hostname;
        }
        let mut before = core::mem::replace(&mut self.known, HashMap::new());
        for group in groups.iter().filter(|group| source(group).is_some()) {
            let id = &group.found.id;
            self.known.insert(id.clone(), before.remove(id).unwrap_or_default());
        }
    }

    fn is_old(&self) -> bool {
        // Searches are that far apart, a little less or more.
        self.asked.is_none_or(|asked| asked.elapsed() >= self.refresh / 2)
    }

    fn ask_docker(&mut self) -> io::Result<()> {
        self.asked = Some(Instant::now());
        for container in self.docker.containers()? {
            let Some(known) = self.known.get_mut(&container.id) else { continue };
            if !self.by_hostname {
                known.name = container.name().map(str::to_owned).or(known.name.take());
            } else if known.is_missing() {
                // If the container has ended, or Docker hangs, each further request would wait.
                let Ok(hostname) = self.docker.hostname(&container.id) else { break };
                known.name = Some(hostname);
            }
        }
        Ok(())
    }

    fn ask_podman(&mut self, groups: &[Group]) {
        let mut buffer = Buffer::default();
        for group in groups.iter().filter(|group| source(group) == Some(Source::Podman)) {
            let known = self.known.get_mut(&group.found.id).filter(|known| known.is_missing());
            if let Some(known) = known {
                known.name = podman::name(&self.root, &group.path, &group.found.id, &mut buffer);
            }
        }
    }

    fn learn(&mut self, names: HashMap<String, String>) {
        for (id, name) in names {
            if let Some(known) = self.known.get_mut(&id) {
                known.name = Some(name);
            }
        }
    }
}

/// Where the name of an entity is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Docker,
    Podman,
    Pods,
    Containers,
}

/// `None`: the entity is called by its id.
fn source(group: &Group) -> Option<Source> {
    match (group.found.kind, group.runtime) {
        (Kind::Service, _) | (Kind::Container, None) => None,
        (Kind::Pod, _) => Some(Source::Pods),
        (Kind::Container, Some(Runtime::Docker)) => Some(Source::Docker),
        (Kind::Container, Some(Runtime::Podman)) => Some(Source::Podman),
        (Kind::Container, Some(Runtime::Containerd)) => Some(Source::Containers),
    }
}

const MAX_FAILURES: u8 = 3;

#[cfg(test)]
mod tests {
    use super::super::docker::testing::{reply, serve};
    use super::super::survey::testing::container;
    use super::*;
    use crate::cgroups::testing::Tree;

    fn apply(naming: &mut Naming, groups: &[Group], by_hostname: bool) -> (Vec<String>, bool) {
        let mut groups = groups.to_vec();
        let is_incomplete = naming.apply(&mut groups, by_hostname);
        (groups.into_iter().map(|group| group.found.name).collect(), is_incomplete)
    }

    #[test]
    fn docker_is_asked_for_new_containers_only() {
        let tree = Tree::new();
        let mut naming = Naming::new(tree.path());
        let list = r#"[{"Id": "aa", "Names": ["/web"]}, {"Id": "zz", "Names": ["/other"]}]"#;
        let server = serve(&tree, vec![reply(list)]);
        let groups = [container("aa", Runtime::Docker)];
        assert_eq!(apply(&mut naming, &groups, false), (vec!["web".into()], false));
        assert_eq!(server.join().unwrap().len(), 1);
        // Nothing listens now.
        assert_eq!(apply(&mut naming, &groups, false), (vec!["web".into()], false));
        assert_eq!(naming.refusal, None);
        naming.refresh = Duration::ZERO;
        assert_eq!(apply(&mut naming, &groups, false), (vec!["web".into()], false));
        assert_eq!(naming.refusal, None, "all have a name");
        apply(&mut naming, &[], false);
        assert!(naming.known.is_empty());
    }

    #[test]
    fn renamed_container_has_its_new_name_after_the_next_regular_search() {
        let tree = Tree::new();
        let mut naming = Naming::new(tree.path());
        let list = |name: &str| reply(&format!(r#"[{{"Id": "aa", "Names": ["/{name}"]}}]"#));
        let groups = [container("aa", Runtime::Docker)];
        let server = serve(&tree, vec![list("web"), list("shop")]);
        assert_eq!(apply(&mut naming, &groups, false).0, ["web"]);
        assert_eq!(apply(&mut naming, &groups, false).0, ["web"], "not with each search");
        naming.refresh = Duration::ZERO;
        assert_eq!(apply(&mut naming, &groups, false).0, ["shop"]);
        server.join().unwrap();
    }

    #[test]
    fn host_name_is_the_name_when_it_is_configured() {
        let tree = Tree::new();
        let mut naming = Naming::new(tree.path());
        let list = reply(r#"[{"Id": "aa", "Names": ["/web"]}]"#);
        let inspected = reply(r#"{"Config": {"Hostname": "h1"}}"#);
        let groups = [container("aa", Runtime::Docker)];
        let server = serve(&tree, vec![list.clone()]);
        assert_eq!(apply(&mut naming, &groups, false).0, ["web"]);
        server.join().unwrap();
        let server = serve(&tree, vec![list, inspected]);
        assert_eq!(apply(&mut naming, &groups, true).0, ["h1"], "after a reload");
        server.join().unwrap();
        let groups = [container("aa", Runtime::Docker), container("bb", Runtime::Docker)];
        let list = reply(r#"[{"Id": "bb", "Names": ["/db"]}]"#);
        let server = serve(&tree, vec![list, "HTTP/1.0 404 Gone\r\n\r\n".into()]);
        assert_eq!(apply(&mut naming, &groups, true), (vec!["h1".into(), "bb".into()], true));
        server.join().unwrap();
    }

    #[test]
    fn container_that_is_not_known_keeps_its_id_and_is_searched_for_three_times() {
        let tree = Tree::new();
        let mut naming = Naming::new(tree.path());
        let groups = [container("aa", Runtime::Docker), container("bb", Runtime::Containerd)];
        let names = vec!["aa".to_owned(), "bb".to_owned()];
        for is_incomplete in [true, true, false, false] {
            assert_eq!(apply(&mut naming, &groups, false), (names.clone(), is_incomplete));
        }
        assert!(naming.refusal.as_ref().unwrap().starts_with("No such file"));
    }

    #[test]
    fn pods_and_their_containers_are_named_by_kubelet() {
        let tree = Tree::new();
        tree.directory("var/log/pods/ns_web-1_bb");
        tree.file("var/log/containers/web-1_ns_nginx-cc.log", "");
        let mut naming = Naming::new(tree.path());
        let mut pod = container("bb", Runtime::Containerd);
        (pod.found.kind, pod.runtime) = (Kind::Pod, None);
        let groups = [pod, container("cc", Runtime::Containerd)];
        let names = vec!["web-1.ns".into(), "nginx.web-1.ns".into()];
        assert_eq!(apply(&mut naming, &groups, false), (names, false));
    }
}
