//! The search for services, containers and pods among the cgroups.

use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt};
use nix::sys::inotify::{AddWatchFlags, Inotify};

use super::names::{Class, Runtime, Within, classify};
use super::naming::Naming;
use super::network::{self, Network};
use crate::cgroups::{Buffer, Directory, Hierarchy, Walk, find_hierarchy, walk};
use crate::config::{EntityRule, EntityRules};
use crate::entities::{Found, Kind};
use crate::links::Peers;

/// A search, which a thread repeats.
#[derive(Debug)]
pub(super) struct Survey {
    root: PathBuf,
    /// Which kinds to search for.
    pub(super) rules: EntityRules,
    naming: Naming,
    buffer: Buffer,
    /// Opened at the first search, or at a later one if there were too many files.
    peers: Option<Peers>,
    /// Gets a watch on each directory in which entities come and go.
    pub(super) watches: Option<Arc<Inotify>>,
    /// The result of the last search.
    pub(super) result: Option<SurveyResult>,
}

/// The result of a search.
#[derive(Debug, Default)]
pub(super) struct SurveyResult {
    /// The entities, those that contain others first.
    pub(super) groups: Vec<Group>,
    pub(super) walk: Walk,
    /// Directories in which entities come and go unseen until the next search.
    pub(super) unwatched: usize,
    /// Some names are not there yet.
    pub(super) is_incomplete: bool,
    /// Why Docker does not supply names.
    pub(super) refusal: Option<String>,
    pub(super) took: Duration,
}

/// The cgroup of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) found: Found,
    /// Of a container.
    pub(super) runtime: Option<Runtime>,
    /// Its traffic is marked.
    is_marked: bool,
    pub(super) path: Arc<Path>,
    /// The entity in which this one is, by its position.
    pub(super) parent: Option<usize>,
}

/// The surroundings of a cgroup. Entities are known by their positions.
#[derive(Clone, Copy)]
struct Context {
    within: Within,
    /// The innermost one.
    entity: Option<usize>,
    /// The innermost one whose traffic is marked.
    marked: Option<usize>,
}

impl Survey {
    /// Searches below `root`, `/` except in tests.
    pub(super) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            rules: EntityRules::default(),
            naming: Naming::new(root),
            buffer: Buffer::default(),
            peers: None,
            watches: None,
            result: None,
        }
    }

    /// The cgroups of the host.
    pub(super) fn hierarchy(&self) -> Hierarchy {
        find_hierarchy(&self.root)
    }

    /// Searches. May block.
    pub(super) fn run(&mut self) {
        let began = Instant::now();
        // What happened so far the search finds.
        if let Some(watches) = &self.watches {
            while watches.read_events().is_ok() {}
        }
        let mut result = SurveyResult::default();
        if let Some(path) = self.hierarchy().path() {
            self.walk(path, &mut result);
        }
        self.naming.refresh = Duration::from_secs(self.rules.refresh().into());
        let by_hostname = self.rules.docker.is_some_and(|rule| rule.hostname);
        result.is_incomplete = self.naming.apply(&mut result.groups, by_hostname);
        result.refusal.clone_from(&self.naming.refusal);
        self.find_addresses(&mut result.groups);
        result.took = began.elapsed();
        self.result = Some(result);
    }

    fn walk(&self, root: &Path, result: &mut SurveyResult) {
        let SurveyResult { groups, unwatched, .. } = result;
        let mut watch = |path: &Path| *unwatched += usize::from(!self.watch(path));
        watch(root);
        let host = Context { within: Within::Host, entity: None, marked: None };
        result.walk = walk(root, host, &mut |above, directory| {
            let context = self.visit(above, directory, groups);
            let members = [Within::Host, Within::Docker, Within::Pod];
            if members.contains(&context.within) {
                watch(directory.path);
            }
            if let Some(group) = context.marked.and_then(|marked| groups.get_mut(marked)) {
                group.found.sockets.push(directory.id);
            }
            context
        });
    }

    /// Adds the cgroup if it is an entity, and returns the surroundings of those in it.
    fn visit(&self, above: Context, directory: &Directory<'_>, groups: &mut Vec<Group>) -> Context {
        let (within, kind, id, runtime) = match classify(directory.name, above.within) {
            Class::Other => return above,
            Class::Docker => return Context { within: Within::Docker, ..above },
            Class::Service(unit) => (Within::Service, Kind::Service, unit.into_owned(), None),
            Class::Pod(uid) => (Within::Pod, Kind::Pod, uid, None),
            Class::Container(runtime, id) => {
                (Within::Container, Kind::Container, id.to_owned(), Some(runtime))
            }
        };
        let rule = self.rule(kind, runtime);
        let Some(EntityRule { marks_traffic: is_marked, .. }) = rule else {
            return Context { within, ..above };
        };
        let position = groups.len();
        groups.push(Group {
            found: found(kind, id, directory.id),
            runtime,
            is_marked,
            path: Arc::from(directory.path),
            parent: above.entity,
        });
        let marked = if is_marked { Some(position) } else { above.marked };
        Context { within, entity: Some(position), marked }
    }

    /// Finds the addresses of entities whose traffic is marked. All containers of a pod have one
    /// network, which belongs to the pod; a network that several have otherwise belongs to none.
    fn find_addresses(&mut self, groups: &mut [Group]) {
        let mut owners: HashMap<u64, usize> = HashMap::new();
        for position in 0..groups.len() {
            let Some(group) = groups.get_mut(position).filter(|group| group.has_network()) else {
                continue;
            };
            let process = network::process(&group.path, &mut self.buffer);
            let network = process.and_then(|pid| Some((pid, Network::of(&self.root, pid)?)));
            let Some((pid, network)) = network else { continue };
            match owners.entry(network.id) {
                Entry::Vacant(vacant) => {
                    vacant.insert(position);
                    if group.is_marked {
                        group.found.addresses = network.addresses(&mut self.buffer);
                        group.found.namespace = self.namespace_of(pid);
                    }
                }
                Entry::Occupied(owner) if group.parent == Some(*owner.get()) => {}
                Entry::Occupied(owner) => {
                    let owner = groups.get_mut(*owner.get()).into_iter();
                    owner.for_each(|owner| owner.found.addresses.clear());
                }
            }
        }
    }

    fn namespace_of(&mut self, pid: u32) -> Option<i32> {
        Peers::kept_in(&mut self.peers)?.namespace_of(pid)
    }

    /// The block that selects entities of this kind.
    fn rule(&self, kind: Kind, runtime: Option<Runtime>) -> Option<EntityRule> {
        let EntityRules { systemd, docker, containerd, k8s, .. } = self.rules;
        match (kind, runtime) {
            (Kind::Service, _) => systemd,
            (Kind::Pod, _) => k8s,
            (Kind::Container, Some(Runtime::Containerd)) => containerd,
            (Kind::Container, _) => docker,
        }
    }

    /// Watches a directory for cgroups that come and go. Returns false if that fails, because there
    /// are too many watches for example.
    fn watch(&self, path: &Path) -> bool {
        let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_ONLYDIR;
        // Without effect on one that is watched already; removing the directory ends the watch.
        self.watches.as_ref().is_none_or(|watches| watches.add_watch(path, flags).is_ok())
    }
}

/// An entity without name, sockets and addresses so far.
fn found(kind: Kind, id: String, cgroup: u64) -> Found {
    let name = match kind {
        Kind::Service => id.clone(),
        Kind::Container | Kind::Pod => short(&id).to_owned(),
    };
    Found { kind, id, name, cgroup, sockets: Vec::new(), addresses: Vec::new(), namespace: None }
}

impl Group {
    /// Services have the network of the host, but for a few.
    pub(super) fn has_network(&self) -> bool {
        self.found.kind != Kind::Service
    }
}

/// The part of an id that users see.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    pub(in super::super) fn container(id: &str, runtime: Runtime) -> Group {
        Group {
            found: found(Kind::Container, id.to_owned(), 1),
            runtime: Some(runtime),
            is_marked: false,
            path: Arc::from(Path::new("/nonexistent")),
            parent: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups::testing::Tree;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    const ID: &str = "00f1c4e60c7c0b1b6d2a77d0a4a21b0e8b0b84a3b9d3a6dfe7a1d1b0c9e8f7a6";
    const UID: &str = "5d1ff72a_7a4e_4b6c_9d58_0d1f2f1f7a10";
    const MARKS: Option<EntityRule> = Some(EntityRule { marks_traffic: true, hostname: false });
    const COUNTS: Option<EntityRule> = Some(EntityRule { marks_traffic: false, hostname: false });
    const ALL: EntityRules = EntityRules {
        systemd: COUNTS,
        docker: COUNTS,
        containerd: COUNTS,
        k8s: COUNTS,
        refresh_secs: None,
        forget_secs: None,
    };

    fn tree(cgroups: &[&str]) -> Tree {
        let tree = Tree::new();
        tree.file("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        cgroups.iter().for_each(|path| tree.directory(&format!("sys/fs/cgroup/{path}")));
        tree
    }

    fn search(tree: &Tree, rules: EntityRules) -> Vec<Group> {
        let mut survey = Survey::new(tree.path());
        survey.rules = rules;
        survey.run();
        survey.result.unwrap().groups
    }

    fn names(groups: &[Group]) -> Vec<String> {
        let name = |group: &Group| {
            let parent = group.parent.map(|at| format!(" in {}", groups[at].found.name));
            format!("{} {}{}", group.found.kind, group.found.name, parent.unwrap_or_default())
        };
        groups.iter().map(name).collect()
    }

    fn id_of(tree: &Tree, path: &str) -> u64 {
        fs::metadata(tree.path().join("sys/fs/cgroup").join(path)).unwrap().ino()
    }

    fn everything() -> Tree {
        let pod =
            format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID}.slice");
        tree(&[
            "init.scope",
            "system.slice/ssh.service",
            "system.slice/system-getty.slice/getty@tty1.service",
            "app.slice/app-web.slice/web.service/inner.service",
            &format!("system.slice/docker-{ID}.scope/system.slice/nginx.service"),
            &format!("docker/{}/kubepods/pod{UID}", ID.replace('0', "1")),
            &format!("user.slice/user@1.service/libpod-{}.scope", ID.replace('0', "2")),
            &format!("{pod}/cri-containerd-{}.scope", ID.replace('0', "3")),
        ])
    }

    #[test]
    fn services_containers_and_pods_are_found_where_they_are() {
        let groups = search(&everything(), ALL);
        let expected = [
            "service web.service",
            "container 11f1c4e61c7c",
            "pod 5d1ff72a-7a4",
            "container 33f1c4e63c7c in 5d1ff72a-7a4",
            "container 00f1c4e60c7c",
            "service ssh.service",
            "service getty@tty1.service",
            "service user@1.service",
            "container 22f1c4e62c7c in user@1.service",
        ];
        assert_eq!(names(&groups), expected);
    }

    #[test]
    fn blocks_select_the_kinds() {
        let tree = everything();
        let only = |rules: EntityRules| names(&search(&tree, rules));
        assert_eq!(only(EntityRules::default()), [""; 0]);
        let systemd = only(EntityRules { systemd: COUNTS, ..EntityRules::default() });
        // A container that is not searched for has no services all the same.
        assert_eq!(systemd.len(), 4);
        assert!(!systemd.contains(&"service nginx.service".to_owned()));
        let containerd = only(EntityRules { containerd: COUNTS, ..EntityRules::default() });
        assert_eq!(containerd, ["container 33f1c4e63c7c"]);
        let k8s = only(EntityRules { k8s: COUNTS, ..EntityRules::default() });
        assert_eq!(k8s, ["pod 5d1ff72a-7a4"]);
    }

    #[test]
    fn sockets_belong_to_the_innermost_marked_entity() {
        let tree = everything();
        let rules = EntityRules { systemd: MARKS, docker: COUNTS, ..EntityRules::default() };
        let groups = search(&tree, rules);
        let sockets = |name: &str| {
            let group = groups.iter().find(|group| group.found.name == name).unwrap();
            group.found.sockets.clone()
        };
        let web = "app.slice/app-web.slice/web.service";
        let expected =
            [web.to_owned(), format!("{web}/inner.service")].map(|path| id_of(&tree, &path));
        assert_eq!(sockets("web.service"), expected);
        assert_eq!(sockets("00f1c4e60c7c"), [0; 0]);
        let user = "user.slice/user@1.service";
        let libpod = format!("{user}/libpod-{}.scope", ID.replace('0', "2"));
        assert_eq!(sockets("user@1.service"), [id_of(&tree, user), id_of(&tree, &libpod)]);
    }

    #[test]
    fn host_without_version_2_has_none() {
        let tree = tree(&["system.slice/ssh.service"]);
        tree.file("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n");
        assert_eq!(search(&tree, ALL), []);
    }

    #[test]
    fn directories_with_members_are_watched() {
        let tree = everything();
        let watches = Arc::new(Inotify::init(nix::sys::inotify::InitFlags::IN_NONBLOCK).unwrap());
        let mut survey = Survey::new(tree.path());
        (survey.rules, survey.watches) = (ALL, Some(watches.clone()));
        survey.run();
        assert_eq!(survey.result.as_ref().unwrap().unwatched, 0);
        let mut is_seen = |path: &str| {
            tree.directory(&format!("sys/fs/cgroup/{path}"));
            let seen = watches.read_events().is_ok();
            survey.run();
            assert!(watches.read_events().is_err(), "a search has seen all so far");
            seen
        };
        assert!(is_seen("new.slice") && is_seen("new.slice/new.service"));
        assert!(is_seen("docker/x") && is_seen("system.slice/system-getty.slice/x"));
        assert!(is_seen(&format!(
            "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID}.slice/x"
        )));
        assert!(!is_seen("system.slice/ssh.service/x"), "within a service");
        tree.remove("sys/fs/cgroup/new.slice/new.service");
        assert!(watches.read_events().is_ok());
    }

    #[test]
    fn address_belongs_to_the_pod_or_to_the_only_container() {
        let tree = everything();
        tree.file("proc/self/net/dev", "");
        let pod =
            format!("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID}.slice");
        let inner = format!("{pod}/cri-containerd-{}.scope", ID.replace('0', "3"));
        let alone = format!("system.slice/docker-{ID}.scope");
        let other = format!("docker/{}", ID.replace('0', "1"));
        for (pid, path) in [(3, &inner), (4, &alone), (5, &other)] {
            tree.file(&format!("sys/fs/cgroup/{path}/cgroup.procs"), &format!("{pid}\n"));
            tree.file(&format!("proc/{pid}/net/dev"), "");
            let trie = format!("|-- 10.0.0.{pid}\n /32 host LOCAL\n");
            tree.file(&format!("proc/{pid}/net/fib_trie"), &trie);
        }
        tree.file(&format!("sys/fs/cgroup/{pod}/cgroup.procs"), "");
        let rules =
            EntityRules { docker: MARKS, containerd: MARKS, k8s: MARKS, ..EntityRules::default() };
        let addresses = || -> Vec<(String, Vec<std::net::IpAddr>)> {
            let groups = search(&tree, rules).into_iter();
            groups.map(|group| (group.found.name, group.found.addresses)).collect()
        };
        let [two, three, four] = [[5], [3], [4]].map(|[last]| vec![[10, 0, 0, last].into()]);
        let own = [
            ("11f1c4e61c7c".into(), two),
            ("5d1ff72a-7a4".into(), three.clone()),
            ("33f1c4e63c7c".into(), vec![]),
            ("00f1c4e60c7c".into(), four),
            ("22f1c4e62c7c".into(), vec![]),
        ];
        assert_eq!(addresses(), own);
        // The network of container 5 is that of container 4 now.
        fs::remove_file(tree.path().join("proc/5/net/dev")).unwrap();
        fs::hard_link(tree.path().join("proc/4/net/dev"), tree.path().join("proc/5/net/dev"))
            .unwrap();
        let shared = addresses();
        assert_eq!((&shared[0].1, &shared[3].1), (&vec![], &vec![]));
        assert_eq!(shared[1].1, three);
    }
}
