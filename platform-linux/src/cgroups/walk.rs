//! The directories of a hierarchy.

use std::fs;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

/// A cgroup below the root.
#[derive(Debug)]
pub(crate) struct Directory<'a> {
    /// Name of its directory. Bytes that are not UTF-8 are replaced.
    pub(crate) name: &'a str,
    pub(crate) path: &'a Path,
    /// The number that the kernel calls the id of the cgroup: the inode of its directory. Sockets
    /// have it (INET_DIAG_CGROUP_ID).
    pub(crate) id: u64,
}

/// The outcome of [`walk`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Walk {
    /// Cgroups visited.
    pub(crate) visited: usize,
    /// Cgroups not visited, because there are more than [`MAX_DIRECTORIES`], or they are deeper than
    /// [`MAX_DEPTH`]. Those in them are not counted.
    pub(crate) left_out: usize,
}

/// Visits all cgroups below `root`, each before those in it, siblings in the order of their names. `visit`
/// gets what it returned for the cgroup above.
pub(crate) fn walk<T: Copy>(
    root: &Path,
    context: T,
    visit: &mut dyn FnMut(T, &Directory<'_>) -> T,
) -> Walk {
    let mut outcome = Walk::default();
    let mut stack = vec![(root.to_owned(), context, 0)];
    while let Some((above, context, depth)) = stack.pop() {
        let mut below = Vec::new();
        for (path, id) in directories(&above) {
            if outcome.visited >= MAX_DIRECTORIES || depth >= MAX_DEPTH {
                outcome.left_out += 1;
                continue;
            }
            outcome.visited += 1;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let context = visit(context, &Directory { name: &name, path: &path, id });
            drop(name);
            below.push((path, context, depth + 1));
        }
        // The last one is the next to be visited.
        stack.extend(below.into_iter().rev());
    }
    outcome
}

/// The directories in `path` with their inodes. A cgroup that was removed meanwhile has none.
fn directories(path: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
    let is_directory = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    let directories = entries.filter(is_directory).map(|entry| (entry.path(), entry.ino()));
    let mut list: Vec<_> = directories.take(MAX_DIRECTORIES).collect();
    list.sort_unstable();
    list
}

/// A host with a thousand containers and as many services has fewer.
pub(crate) const MAX_DIRECTORIES: usize = 16_384;
/// Kubernetes in a container of another runtime needs nine.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroups::testing::Tree;
    use std::os::unix::fs::MetadataExt;

    fn visited(tree: &Tree) -> (Vec<String>, Walk) {
        let mut names = Vec::new();
        let outcome = walk(tree.path(), 0, &mut |depth, directory| {
            assert_eq!(directory.id, fs::metadata(directory.path).unwrap().ino());
            names.push(format!("{depth} {}", directory.name));
            depth + 1
        });
        (names, outcome)
    }

    #[test]
    fn cgroups_are_visited_in_order_with_the_context_of_the_one_above() {
        let tree = Tree::new();
        for path in ["b/y", "b/x/1", "a", "c/z"] {
            tree.directory(path);
        }
        tree.file("cgroup.procs", "");
        let (names, outcome) = visited(&tree);
        assert_eq!(names, ["0 a", "0 b", "0 c", "1 x", "1 y", "2 1", "1 z"]);
        assert_eq!(outcome, Walk { visited: 7, left_out: 0 });
        assert_eq!(walk(&tree.path().join("gone"), 0, &mut |_, _| 0), Walk::default());
    }

    #[test]
    fn hostile_names_are_visited_and_links_are_not() {
        use std::os::unix::ffi::OsStringExt;
        let tree = Tree::new();
        let odd = std::ffi::OsString::from_vec(b"\xff\n\xfe".to_vec());
        fs::create_dir(tree.path().join(odd)).unwrap();
        tree.directory(&"x".repeat(255));
        std::os::unix::fs::symlink("/", tree.path().join("link")).unwrap();
        let (names, _) = visited(&tree);
        assert_eq!(names, [format!("0 {}", "x".repeat(255)), "0 \u{fffd}\n\u{fffd}".to_owned()]);
    }

    #[test]
    fn depth_and_number_are_limited() {
        let tree = Tree::new();
        tree.directory(&["d"; MAX_DEPTH + 3].join("/"));
        assert_eq!(visited(&tree).1, Walk { visited: MAX_DEPTH, left_out: 1 });
        let tree = Tree::new();
        (0..2).for_each(|number| tree.directory(&format!("{number}/a")));
        (0..MAX_DIRECTORIES - 2).for_each(|number| tree.directory(&format!("1/{number}")));
        assert_eq!(visited(&tree).1, Walk { visited: MAX_DIRECTORIES, left_out: 2 });
    }
}
