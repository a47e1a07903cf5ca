//! Names of containers from Podman. It has no daemon with a socket: each container has a process
//! (conmon) that watches it and has the name among its arguments, which every user may read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::cgroups::{Buffer, read_some};

/// The name of a container when it was started, by its id and cgroup. `None`: the process that watches
/// it is hidden by `/proc`.
pub(super) fn name(root: &Path, cgroup: &Path, id: &str, buffer: &mut Buffer) -> Option<String> {
    let above = cgroup.parent()?;
    let own = format!("libpod-conmon-{id}.scope");
    let watchers = [own.as_str(), "conmon", "runtime", "supervisor"];
    watchers.into_iter().find_map(|watcher| {
        let path = above.join(watcher).join("cgroup.procs");
        let list = read_some(&path, MAX_LIST, buffer).ok()?.to_owned();
        list.lines().find_map(|pid| name_of_arguments(&arguments(root, pid)?, id))
    })
}

fn arguments(root: &Path, pid: &str) -> Option<Vec<u8>> {
    let file = File::open(root.join("proc").join(pid).join("cmdline")).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_ARGUMENTS).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// `-c ID` and `-n NAME` among arguments that end with NUL.
fn name_of_arguments(bytes: &[u8], id: &str) -> Option<String> {
    let arguments: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
    let value = |option: &[u8]| {
        let at = arguments.iter().position(|argument| *argument == option)?;
        arguments.get(at.checked_add(1)?).copied().filter(|value| !value.is_empty())
    };
    let name = value(b"-n").filter(|_| value(b"-c") == Some(id.as_bytes()))?;
    core::str::from_utf8(name).ok().map(str::to_owned)
}

/// Bytes of a list of processes: one cgroup may have those of all containers, a thousand here.
const MAX_LIST: u64 = 8192;
/// The id and the name are at the beginning.
const MAX_ARGUMENTS: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups::testing::Tree;

    fn of(tree: &Tree, cgroup: &str, id: &str) -> Option<String> {
        name(tree.path(), &tree.path().join(cgroup), id, &mut Buffer::default())
    }

    #[test]
    fn name_is_an_argument_of_the_process_that_watches_the_container() {
        let tree = Tree::new();
        let conmon = |id: &str, name: &str| {
            format!("/usr/bin/conmon\0--api-version\x001\0-c\0{id}\0-u\0{id}\0-n\0{name}\0-s\0")
        };
        tree.file("machine/libpod-conmon-aa.scope/cgroup.procs", "17\n");
        tree.file("proc/17/cmdline", &conmon("aa", "web"));
        assert_eq!(of(&tree, "machine/libpod-aa.scope", "aa"), Some("web".into()));
        assert_eq!(of(&tree, "machine/libpod-bb.scope", "bb"), None);
        tree.file("db.service/runtime/cgroup.procs", "18\n19\n20\n");
        tree.file("proc/18/cmdline", "pasta\0");
        tree.file("proc/20/cmdline", &conmon("cc", "db"));
        assert_eq!(of(&tree, "db.service/libpod-payload-cc", "cc"), Some("db".into()));
        assert_eq!(of(&tree, "db.service/libpod-payload-dd", "dd"), None, "of another container");
    }

    #[test]
    fn arguments_without_a_name_are_none() {
        for text in ["", "-c", "-c\0aa", "-c\0aa\0-n", "-c\0aa\0-n\0", "-n\0x"] {
            assert_eq!(name_of_arguments(text.as_bytes(), "aa"), None, "{text:?}");
        }
        assert_eq!(name_of_arguments(b"-c\0aa\0-n\0\xff\0", "aa"), None);
    }
}
