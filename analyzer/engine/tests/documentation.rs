//! docs/flows.md contains the tables of keys and functions, and its examples are valid.

use flowmote_engine::keys::{Filter, KeyInfo, Keys, catalogue, functions};

#[test]
fn page_has_the_tables_of_the_program() {
    for (mark, table) in [("keys", key_tables()), ("functions", function_table())] {
        let begin = format!("<!-- {mark} -->\n");
        let section = PAGE.split(&begin).nth(1).and_then(|rest| rest.split("<!-- end -->").next());
        let section = section.unwrap_or_else(|| panic!("no mark {mark}"));
        assert!(section == table, "docs/flows.md, {mark}: expected\n{table}");
    }
}

#[test]
fn examples_are_valid() {
    let examples = |language: &str| -> Vec<String> {
        let fence = format!("```{language}\n");
        let blocks = PAGE.split(&fence).skip(1).filter_map(|block| block.split("```").next());
        blocks.flat_map(str::lines).map(str::to_owned).collect()
    };
    let (keys, filters) = (examples("keys"), examples("filter"));
    assert!(keys.len() > 5 && filters.len() > 5);
    for key in keys {
        Keys::parse(&key).unwrap_or_else(|error| panic!("{key}: {error}"));
    }
    for filter in filters {
        Filter::parse(&filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    }
}

/// A heading and a table for each section of the catalogue.
fn key_tables() -> String {
    let mut text = String::new();
    let mut section = None;
    for key in catalogue() {
        if section.replace(key.section) != Some(key.section) {
            text += &format!(
                "\n### {}\n\n| key | | values | meaning |\n|---|---|---|---|\n",
                key.section
            );
        }
        text += &row(key);
    }
    text + "\n"
}

fn row(key: &KeyInfo) -> String {
    let suffix = if key.layered { "`.1`" } else { "" };
    format!("| `{}` | {suffix} | {} | {} |\n", key.name, key.kind, key.doc)
}

fn function_table() -> String {
    // A bar would end the cell.
    let rows = functions().map(|function| {
        format!("| `{}` | {} |\n", function.form.replace('|', "\\|"), function.doc)
    });
    format!("\n| function | value |\n|---|---|\n{}\n", rows.collect::<String>())
}

const PAGE: &str = include_str!("../../../docs/flows.md");
