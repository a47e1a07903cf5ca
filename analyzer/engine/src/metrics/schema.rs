//! The schema of a record: its fields, and where a data source keeps their values.
//!
//! It is learned from the first record of a format and shared by all data sources, which store nothing
//! but values. Records of a format differ in length: a schema grows by the fields that a longer one adds.

use flowmote_decoder::DataFormat;
use foldhash::{HashMap, HashMapExt};

use super::derived::{derived, is_replaced, is_value};
use super::fields::{Content, Fields, Leaf};
use super::names::{Metric, Names};
use super::published;
use super::words::Form;

/// All schemas.
#[derive(Debug, Default)]
pub(super) struct Schemas(Vec<Schema>);

/// The number of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SchemaId(u16);

impl SchemaId {
    pub(super) fn number(self) -> u16 {
        self.0
    }
}

/// Fields and metrics of the records of a format.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(super) record: &'static str,
    pub(super) format: DataFormat,
    guest: bool,
    pub(super) columns: Vec<Column>,
    /// The first column with a name, of counters (true) and of gauges.
    places: HashMap<(&'static str, bool), usize>,
    /// The metrics, the derived ones first.
    pub(super) outputs: Vec<(Metric, Output)>,
    /// The number of counters, numbers and texts that a data source keeps.
    pub(super) counters: u16,
    pub(super) numbers: u16,
    pub(super) texts: u16,
}

/// A field.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    path: Box<str>,
    /// The place of its last count, if it is a counter.
    pub(super) counter: Option<u16>,
    /// The place of its value, if it is a metric.
    pub(super) output: Option<Output>,
}

/// The place of a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Output {
    Number(u16, Form),
    Text(u16),
}

impl Schemas {
    /// The schema of a record with these fields; `None` if its format has too many.
    pub(super) fn find(
        &mut self,
        record: &'static str,
        format: DataFormat,
        class: u32,
        fields: &Fields,
        names: &mut Names,
    ) -> Option<SchemaId> {
        let guest = class == GUEST;
        let known = self
            .0
            .iter()
            .position(|it| it.format == format && it.guest == guest && it.fits(fields));
        let at = match known {
            Some(at) => at,
            None => {
                let others = self.0.iter().filter(|it| it.format == format && it.guest == guest);
                if others.count() >= MAX_SHAPES {
                    return None;
                }
                self.0.push(Schema::new(record, format, guest, names));
                self.0.len() - 1
            }
        };
        self.0.get_mut(at)?.extend(fields, names);
        u16::try_from(at).ok().map(SchemaId)
    }

    pub(super) fn get(&self, id: SchemaId) -> Option<&Schema> {
        self.0.get(usize::from(id.0))
    }

    /// Memory in use, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let each = |it: &Schema| {
            size_of::<Schema>()
                + it.columns.len() * (size_of::<Column>() + PLACE)
                + it.outputs.len() * size_of::<(Metric, Output)>()
                + it.columns.iter().map(|column| column.path.len()).sum::<usize>()
        };
        self.0.iter().map(each).sum()
    }
}

impl Column {
    /// True for a counter whose differences are meant.
    pub(super) fn counts(&self) -> bool {
        self.counter.is_some() && !is_value(self.name)
    }
}

impl Schema {
    fn new(record: &'static str, format: DataFormat, guest: bool, names: &mut Names) -> Self {
        let derived = derived(record);
        let outputs = (0..)
            .zip(derived)
            .map(|(at, derived)| (names.field(derived.name), Output::Number(at, derived.form)));
        let outputs: Vec<_> = outputs.collect();
        let numbers = derived.len() as u16;
        let (columns, places) = (Vec::new(), HashMap::new());
        Self { record, format, guest, columns, places, outputs, counters: 0, numbers, texts: 0 }
    }

    /// True if a sample has several records of this format.
    pub(super) fn is_numbered(&self) -> bool {
        published::number(self.record).is_some()
    }

    /// True if one of this and the record is the beginning of the other.
    fn fits(&self, fields: &Fields) -> bool {
        let mut pairs = self.columns.iter().zip(fields.iter());
        pairs.all(|(column, leaf)| column.name == leaf.name && column.path == leaf.path)
    }

    /// The place of a field among those of the record: of a counter, or of a gauge.
    pub(crate) fn place(&self, field: &str, counter: bool) -> Option<usize> {
        self.places.get(&(field, counter)).copied()
    }

    /// Adds the fields that are new.
    fn extend(&mut self, fields: &Fields, names: &mut Names) {
        for leaf in fields.iter().skip(self.columns.len()) {
            let column = self.column(leaf, names);
            self.places.entry((column.name, column.counts())).or_insert(self.columns.len());
            self.columns.push(column);
        }
    }

    fn column(&mut self, leaf: &Leaf, names: &mut Names) -> Column {
        let counter = matches!(leaf.content, Content::Counter { .. });
        let counter = counter.then(|| next(&mut self.counters));
        let class = if self.guest { GUEST } else { 0 };
        let name = published::name(self.record, &leaf.path, leaf.name, class);
        let name = name.filter(|_| !is_replaced(self.record, leaf.name));
        let output = name.map(|name| {
            let output = match leaf.content {
                Content::Text(_) => Output::Text(next(&mut self.texts)),
                Content::Counter { .. } => Output::Number(next(&mut self.numbers), Form::Number),
                Content::Number(_) => {
                    Output::Number(next(&mut self.numbers), Form::of(self.record, leaf.name))
                }
            };
            self.outputs.push((names.field(&name), output));
            output
        });
        Column { name: leaf.name, path: leaf.path.clone(), counter, output }
    }
}

/// A new place: the count before.
fn next(count: &mut u16) -> u16 {
    let place = *count;
    *count += 1;
    place
}

/// Bytes of a place in the map of all of them.
const PLACE: usize = 64;
/// The class of the data sources of virtual machines and containers.
const GUEST: u32 = 3;
/// Schemas of a format: records with a list before other fields, and numbered ones, have several.
const MAX_SHAPES: usize = 16;
