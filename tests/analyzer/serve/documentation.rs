//! The tables of docs/serve.md against the sources and the running program.

use std::collections::{BTreeMap, BTreeSet};

use flowmote_lab::skip;
use flowmote_lab::toolchain::folder;
use flowmote_lab::tree::files_under;

use crate::client::Server;

/// The resources of all tables, with their methods. A table without methods is of GET.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = include_str!("../../../docs/serve.md");
    let (mut resources, mut has_methods) = (BTreeMap::new(), false);
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells[0] == "Resource" {
            has_methods = cells[1] == "Methods";
        }
        let methods = if has_methods { cells[1] } else { "GET" };
        for path in cells[0].split('`').filter(|text| text.starts_with('/')) {
            let methods = methods.split(' ').map(str::to_owned).collect();
            assert_eq!(resources.insert(path.to_owned(), methods), None, "{path} is there twice");
        }
    }
    resources
}

/// A path with `{}` for each of its variable parts.
fn form(path: &str) -> String {
    let is_variable = |part: &str| {
        part.starts_with('{') || !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase())
    };
    let parts = path.split('/').map(|part| if is_variable(part) { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn every_route_of_the_program_is_documented() {
    if !folder("analyzer").is_dir() {
        return skip("the sources are not here");
    }
    let documented: BTreeSet<String> = documented().keys().map(|path| form(path)).collect();
    let folders = ["analyzer/collector/src/http", "analyzer/collector/src/aws"];
    let sources = folders.map(|folder| files_under(folder, ".rs")).concat();
    let routes = sources.iter().flat_map(|file| file.text.split(".route(").skip(1));
    let paths = routes.filter_map(|route| route.trim_start().strip_prefix('"')?.split('"').next());
    let routes: BTreeSet<String> = paths.map(form).collect();
    assert!(routes.len() > 30, "{routes:?}");
    let difference: Vec<_> = routes.symmetric_difference(&documented).collect();
    assert!(difference.is_empty(), "in docs/serve.md or in the program alone: {difference:?}");
}

#[test]
fn every_documented_resource_has_its_methods() {
    let server = Server::start(&[]);
    for (path, mut methods) in documented() {
        let reply = server.send("PATCH", &path, "", "");
        assert_eq!(reply.status, 405, "{path}: {reply:?}");
        let allow = reply.head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("allow").then(|| value.trim().to_owned())
        });
        let allow = allow.unwrap_or_else(|| panic!("{path}: {reply:?}"));
        // HEAD goes with GET, and POST with PUT.
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        if methods.contains("PUT") {
            methods.insert("POST".to_owned());
        }
        let allowed: BTreeSet<String> = allow.split(',').map(str::to_owned).collect();
        assert_eq!(allowed, methods, "{path}");
    }
}
