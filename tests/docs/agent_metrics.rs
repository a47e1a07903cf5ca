//! The custom metrics of docs/agent-metrics.md are those of the agent's sources.

use std::collections::BTreeSet;

use flowmote_lab::toolchain::folder;
use flowmote_lab::tree::files;

/// The names in a section of the page, as in its tables.
fn documented(heading: &str) -> BTreeSet<String> {
    let page = std::fs::read_to_string(folder("docs/agent-metrics.md")).unwrap();
    let mut sections = page.split("\n## ");
    let section = sections.find(|section| section.starts_with(heading)).expect(heading);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.map(|row| row.split('`').next().unwrap().to_owned());
    // Rows about failures have no name.
    names.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).collect()
}

/// The string literals in the sources of a module that begin with `prefix`, without its tests.
fn literals(module: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let files = files(".rs").into_iter().filter(|file| {
        file.path.starts_with(&format!("platform-linux/src/modules/{module}/"))
            && !file.path.ends_with("tests.rs")
    });
    for file in files {
        let code = file.text.split("#[cfg(test)]").next().unwrap();
        let literals = code.split('"').skip(1).step_by(2).filter(|text| text.starts_with(prefix));
        found.extend(literals.map(str::to_owned));
    }
    assert!(!found.is_empty(), "{prefix}");
    found
}

#[test]
fn metrics_of_the_cloud() {
    let tag = |name: String| if name == "cloud_tag_" { "cloud_tag_KEY".to_owned() } else { name };
    let sent: BTreeSet<String> = literals("cloud", "cloud_").into_iter().map(tag).collect();
    assert_eq!(documented("Cloud\n"), sent);
}

/// Names with a part that varies have it in capitals on the page.
#[test]
fn metrics_of_the_host() {
    let mut sent = literals("host_metrics", "files_");
    sent.extend(literals("host_metrics", "conntrack_"));
    for (format, name) in [
        ("psi_{resource}_{share}", "psi_RESOURCE_SHARE_total"),
        ("{name}_avg10", "psi_RESOURCE_SHARE_avg10"),
        ("{group}_{counter}", "ip6_NAME"),
        ("{group}_{counter}", "icmp6_NAME"),
        ("{group}_{counter}", "udp6_NAME"),
        ("cpu_{number}_busy", "cpu_N_busy"),
    ] {
        assert_eq!(literals("host_metrics", format).len(), 1, "{format}");
        sent.insert(name.to_owned());
    }
    assert_eq!(documented("Host\n"), sent);
}

#[test]
fn metrics_of_drivers() {
    let mut sent = literals("driver_counters", "ethtool_");
    // The prefix of all.
    assert!(sent.remove("ethtool_"));
    let documented = documented("Drivers of adapters\n");
    assert!(documented.is_superset(&sent), "{sent:?}");
    let words = literals("driver_counters", "_allowance_");
    assert_eq!(words.len(), 1);
    let limits = documented.iter().filter(|name| name.contains("_allowance_"));
    assert!(limits.clone().count() > 3 && sent.len() == 2);
}
