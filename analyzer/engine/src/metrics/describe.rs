//! The metrics of a record, for documentation.

use flowmote_decoder::CounterRecord;

use super::derived::{derived, is_replaced, is_value};
use super::fields::{Content, Fields, Leaf};
use super::published;
use super::words::Form;

/// A metric of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The field of the record, with the list that it is in; empty for a metric that follows from several.
    pub field: String,
    /// The published name.
    pub metric: String,
    /// `rate` per second, `number` or `text`.
    pub kind: &'static str,
}

/// The metrics that a record of this kind has with data sources of `class`. Of a list, those of its first
/// item; a record that is numbered has the number 0.
pub fn describe(record: &CounterRecord<'_>, class: u32) -> Vec<Description> {
    let Some(name) = record.name() else { return Vec::new() };
    let mut fields = Fields::default();
    // A fault ends the record: what comes before it has names.
    let _ = record.visit(&mut fields);
    if published::number(name).is_some() {
        fields.iter_mut().for_each(|leaf| leaf.path = "0_".into());
    }
    let fields = fields.iter().filter(|leaf| {
        let number = leaf.path.trim_end_matches('_').rsplit('_').next();
        matches!(number, Some("" | "0" | "1")) && !is_replaced(name, leaf.name)
    });
    let fields = fields.filter_map(|leaf| {
        let metric = published::name(name, &leaf.path, leaf.name, class)?;
        Some(Description { field: field(leaf), metric, kind: kind(name, leaf) })
    });
    let derived = derived(name).iter().map(|it| Description {
        field: String::new(),
        metric: it.name.to_owned(),
        kind: shown_as(it.form),
    });
    fields.chain(derived).collect()
}

fn field(leaf: &Leaf) -> String {
    let list = leaf.path.trim_end_matches(|c: char| c == '_' || c.is_ascii_digit());
    [list, leaf.name].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

fn kind(record: &str, leaf: &Leaf) -> &'static str {
    match leaf.content {
        Content::Counter { .. } if is_value(leaf.name) => "number",
        Content::Counter { .. } => "rate",
        Content::Number(_) => shown_as(Form::of(record, leaf.name)),
        Content::Text(_) => "text",
    }
}

fn shown_as(form: Form) -> &'static str {
    if form == Form::Number { "number" } else { "text" }
}
