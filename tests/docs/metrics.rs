//! The tables of docs/metrics.md are the metrics that the analyzer makes of each counter record.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use flowmote_decoder::record::Space;
use flowmote_decoder::{Counter, DataFormat, Datagram, Sample};
use flowmote_engine::metrics::{Description, describe};

/// Field, metric and kind of each row, by the heading of the table.
type Tables = BTreeMap<String, Vec<String>>;

#[test]
fn tables_list_exactly_the_metrics_of_each_record() {
    let (expected, page) = (expected(), page());
    for (heading, rows) in &expected {
        assert_eq!(page.get(heading), Some(rows), "{heading}");
    }
    assert_eq!(page.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
}

/// The vector of each record has all its fields.
fn expected() -> Tables {
    let mut tables = Tables::new();
    for (file, payload) in flowmote_vectors::synthetic() {
        if !file.starts_with("ctr-") {
            continue;
        }
        let datagram = Datagram::parse(&payload).unwrap();
        let Some(Ok(Sample::Counters(sample))) = datagram.samples().next() else {
            panic!("{file}")
        };
        let record = sample.records().next().unwrap().unwrap();
        let heading = format!("{} ({})", record.name().unwrap(), record.data_format());
        let rows: Vec<String> = describe(&record, 0).iter().map(row).collect();
        if !rows.is_empty() {
            tables.insert(heading, rows);
        }
    }
    let known = (0..4096).map(|format| DataFormat::new(0, format));
    let known = known.filter(|format| Counter::name(*format).is_some()).count();
    assert!(tables.len() >= known, "a record has no vector");
    tables
}

fn row(description: &Description) -> String {
    let Description { field, metric, kind } = description;
    let field = if field.is_empty() { "derived".to_owned() } else { format!("`{field}`") };
    format!("{field} | `{metric}` | {kind}")
}

/// Rows below a heading: `| field | metric | kind | unit |`.
fn page() -> Tables {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/metrics.md");
    let page = fs::read_to_string(path).unwrap();
    let mut tables = Tables::new();
    for section in page.split("\n### ").skip(1) {
        let (heading, rest) = section.split_once('\n').unwrap();
        let rows = rest.lines().filter(|line| line.starts_with("| ")).skip(1);
        let cells = rows.map(|line| line.split(" | ").map(|cell| cell.trim_matches(['|', ' '])));
        let rows = cells.map(|cells| cells.take(3).collect::<Vec<_>>().join(" | ")).collect();
        tables.insert(heading.to_owned(), rows);
    }
    tables
}
