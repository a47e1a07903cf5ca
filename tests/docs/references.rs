//! References in the pages: links, paths of files, and names of tests.

use flowmote_lab::toolchain::folder;
use flowmote_lab::tree::{File, files};

/// Folders of the project; a path in backticks that begins with one of them must exist.
const FOLDERS: [&str; 9] = [
    "core/",
    "platform-linux/",
    "platform-baremetal/",
    "analyzer/",
    "tests/",
    "benches/",
    "fuzz/",
    "deploy/",
    "docs/",
];

/// Pages about the present state; CHANGELOG.md also names files of the past.
fn pages() -> Vec<File> {
    let mut pages = files(".md");
    pages.retain(|page| page.path != "CHANGELOG.md" && !page.path.starts_with("tests/vectors/"));
    assert!(pages.len() > 8, "{} pages", pages.len());
    pages
}

/// Texts between backticks, without those that span lines.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn every_page_of_docs_is_in_the_index_of_readme() {
    let readme = std::fs::read_to_string(folder("README.md")).expect("README.md");
    let index = readme.split("\n## ").find(|section| section.starts_with("Documentation"));
    let index = index.expect("a section Documentation");
    let pages = pages().into_iter().filter(|page| page.path.starts_with("docs/"));
    let missing: Vec<_> = pages
        .filter(|page| !index.contains(&format!("]({})", page.path)))
        .map(|page| format!("{}: not in the index of README.md", page.path))
        .collect();
    assert_none(&missing);
}

#[test]
fn relative_links_lead_to_files_and_headings() {
    let mut broken = Vec::new();
    for page in pages() {
        let base = folder(&page.path);
        let links = page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.contains(' ')) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { base.clone() } else { base.with_file_name(path) };
            let text = std::fs::read_to_string(&target).unwrap_or_default();
            let has_anchor = anchor.is_empty() || anchors(&text).any(|known| known == anchor);
            if !target.exists() || !has_anchor {
                broken.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert_none(&broken);
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &str) -> impl Iterator<Item = String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|heading| {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

#[test]
fn paths_of_the_project_exist() {
    let ignored = std::fs::read_to_string(folder(".gitignore")).expect(".gitignore");
    let mut missing = Vec::new();
    for page in pages() {
        let paths = code(&page.text).filter(|text| FOLDERS.iter().any(|dir| text.starts_with(dir)));
        // Commands (`benches/run check`) count by their first word; patterns are left out.
        let paths = paths.filter_map(|text| text.split_whitespace().next());
        let paths = paths.filter(|path| !path.contains(['*', '{', '<']));
        let ignored = |path: &str| ignored.lines().any(|line| line == format!("/{path}"));
        // The recipes of CONTRIBUTING.md name files to be added; their folders must exist.
        let is_recipe = page.path == "CONTRIBUTING.md";
        let exists = |path: &str| {
            let path = folder(path);
            path.exists() || is_recipe && path.parent().is_some_and(|parent| parent.exists())
        };
        let paths = paths.filter(|path| !exists(path) && !ignored(path));
        missing.extend(paths.map(|path| format!("{}: {path}", page.path)));
    }
    assert_none(&missing);
}

#[test]
fn tests_named_in_the_comparison_with_hsflowd_exist() {
    let page = std::fs::read_to_string(folder("docs/hsflowd.md")).expect("docs/hsflowd.md");
    let (_, section) = page.split_once("## Comparison").expect("a section Comparison");
    let (section, _) = section.split_once("\n## ").expect("a section after it");
    let rows = section.lines().filter(|line| line.starts_with("| ")).skip(1);
    let tests: Vec<&str> = rows
        .flat_map(|row| code(row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or(row)))
        .collect();
    assert!(tests.len() > 15, "{tests:?}");
    let sources = files(".rs");
    let exists = |test: &&&str| {
        let function = format!("fn {test}(");
        folder(test).is_file() || sources.iter().any(|file| file.text.contains(&function))
    };
    let missing: Vec<_> =
        tests.iter().filter(|test| !exists(test)).map(ToString::to_string).collect();
    assert_none(&missing);
}

#[test]
fn test_programs_named_in_commands_exist() {
    let manifest = std::fs::read_to_string(folder("tests/Cargo.toml")).expect("tests/Cargo.toml");
    let mut missing = Vec::new();
    for page in pages() {
        let lines = page.text.lines().filter(|line| line.contains("-p flowmote-tests"));
        let programs =
            lines.filter_map(|line| line.split("--test ").nth(1)?.split([' ', '`']).next());
        let programs = programs.filter(|name| !manifest.contains(&format!("name = \"{name}\"")));
        missing.extend(programs.map(|name| format!("{}: --test {name}", page.path)));
    }
    assert_none(&missing);
}
