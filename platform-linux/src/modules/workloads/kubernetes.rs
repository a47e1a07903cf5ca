//! Names of pods and their containers, from the directories in which kubelet keeps their logs. Their
//! names are all that is read: everyone may list them, with every runtime.

use std::fs;
use std::path::Path;

use foldhash::{HashMap, HashMapExt};

/// Name and namespace of each pod of this node, by UID: `POD.NAMESPACE`.
pub(super) fn pods(root: &Path) -> HashMap<String, String> {
    entries(&root.join("var/log/pods"), |name| {
        let (namespace, rest) = name.split_once('_')?;
        let (pod, uid) = rest.split_once('_')?;
        Some((uid.to_owned(), format!("{pod}.{namespace}")))
    })
}

/// Name, pod and namespace of each container of this node, by id: `CONTAINER.POD.NAMESPACE`.
pub(super) fn containers(root: &Path) -> HashMap<String, String> {
    entries(&root.join("var/log/containers"), |name| {
        let (name, id) = name.strip_suffix(".log")?.rsplit_once('-')?;
        let (pod, rest) = name.split_once('_')?;
        let (namespace, container) = rest.split_once('_')?;
        Some((id.to_owned(), format!("{container}.{pod}.{namespace}")))
    })
}

fn entries(
    directory: &Path,
    parse: impl Fn(&str) -> Option<(String, String)>,
) -> HashMap<String, String> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let mut names = HashMap::new();
    names.extend(entries.take(MAX_ENTRIES).filter_map(|entry| parse(entry.file_name().to_str()?)));
    names
}

/// Many times what a node has. Logs of containers that have ended stay for a while.
const MAX_ENTRIES: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups::testing::Tree;

    #[test]
    fn directories_of_kubelet_have_the_names() {
        let tree = Tree::new();
        assert!(pods(tree.path()).is_empty() && containers(tree.path()).is_empty());
        let (uid, id) = ("5d1ff72a-7a4e-4b6c-9d58-0d1f2f1f7a10", "f".repeat(64));
        tree.directory(&format!("var/log/pods/kube-system_coredns-5dd-x7_{uid}/coredns"));
        tree.directory("var/log/pods/odd");
        tree.file(&format!("var/log/containers/coredns-5dd-x7_kube-system_coredns-{id}.log"), "");
        tree.file("var/log/containers/a_b-c.log", "");
        tree.file("var/log/containers/.log", "");
        let only = |names: HashMap<String, String>| names.into_iter().collect::<Vec<_>>();
        assert_eq!(only(pods(tree.path())), [(uid.into(), "coredns-5dd-x7.kube-system".into())]);
        let name = "coredns.coredns-5dd-x7.kube-system";
        assert_eq!(only(containers(tree.path())), [(id, name.into())]);
    }
}
