//! Names of containers and pods for users. Until one is known, it is the beginning of the id.

use std::path::{Path, PathBuf};

use foldhash::{HashMap, HashMapExt};

use super::docker::Docker;
use super::kubernetes;
use super::names::Runtime;
use super::survey::Group;
use crate::entities::Kind;

/// The names so far.
#[derive(Debug)]
pub(super) struct Naming {
    root: PathBuf,
    docker: Docker,
    known: HashMap<String, Known>,
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
            self.ask_docker();
        }
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

    fn ask_docker(&mut self) {
        let containers = match self.docker.containers() {
            Ok(containers) => containers,
            Err(error) => {
                self.refusal = Some(error.to_string());
                return;
            }
        };
        self.refusal = None;
        for container in containers {
            let known = self.known.get_mut(&container.id).filter(|known| known.is_missing());
            let Some(known) = known else { continue };
            known.name = container.name().map(str::to_owned);
            if self.by_hostname {
                known.name = match self.docker.hostname(&container.id) {
                    Ok(hostname) => Some(hostname),
                    // The container has ended, or Docker hangs: each further request would wait.
                    Err(_) => return known.name = None,
                };
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
    Pods,
    Containers,
}

/// `None`: the entity is called by its id.
fn source(group: &Group) -> Option<Source> {
    match (group.found.kind, group.runtime) {
        (Kind::Service, _) | (Kind::Container, None) => None,
        (Kind::Pod, _) => Some(Source::Pods),
        (Kind::Container, Some(Runtime::Docker)) => Some(Source::Docker),
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
        apply(&mut naming, &[], false);
        assert!(naming.known.is_empty());
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
