//! Where the rows that are in memory are in the history.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flowmote_engine::source::Source;

use super::others::{Field, Other};
use super::{CHECK, CUSTOM, plan};
use crate::aws::cloudwatch::series::{Part, Pick};
use crate::aws::cloudwatch::silence;
use crate::history::{Column, Group};

/// Where the rows of data sources that are in memory go.
#[derive(Debug, Default)]
pub(in crate::aws) struct Live {
    groups: HashMap<(Source, &'static str), Group>,
    /// By name; records may have the same ones.
    columns: HashMap<Arc<str>, Vec<(&'static str, Column)>>,
    /// The same groups.
    current: HashSet<Group>,
    /// Those too that the rows of a data source went to before it was renamed.
    sources: HashMap<Group, Source>,
    /// Of what is of no data source.
    others: HashMap<Other, Group>,
    fields: HashMap<Field, Column>,
}

impl Live {
    pub(super) fn add(&mut self, source: Source, record: &'static str, group: Group) {
        if let Some(before) = self.groups.insert((source, record), group) {
            self.current.remove(&before);
        }
        self.current.insert(group);
        self.sources.insert(group, source);
    }

    pub(super) fn add_column(&mut self, record: &'static str, name: Arc<str>, column: Column) {
        let columns = self.columns.entry(name).or_default();
        if !columns.contains(&(record, column)) {
            columns.push((record, column));
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Source) -> bool) {
        self.groups.retain(|(source, _), _| keep(source));
        self.sources.retain(|_, source| keep(source));
        self.current = self.groups.values().chain(self.others.values()).copied().collect();
    }

    pub(super) fn add_other(
        &mut self,
        other: Other,
        group: Group,
        fields: &HashMap<Field, Column>,
    ) {
        self.others.insert(other, group);
        self.current.insert(group);
        self.fields.clone_from(fields);
    }

    pub(super) fn retain_others(&mut self, keep: impl Fn(&Other) -> bool) {
        self.others.retain(|other, _| keep(other));
        self.retain(|_| true);
    }

    /// True if new rows go to one of the groups.
    pub(in crate::aws::cloudwatch) fn has_one_of(&self, groups: &[Group]) -> bool {
        groups.iter().any(|group| self.current.contains(group))
    }

    /// The groups that new rows go to.
    pub(in crate::aws::cloudwatch) fn current(&self) -> HashSet<Group> {
        self.current.clone()
    }

    /// The data source with rows in memory whose rows go to a group, or went there.
    pub(in crate::aws::cloudwatch) fn source(&self, group: Group) -> Option<Source> {
        self.sources.get(&group).copied()
    }

    /// Where new rows of data sources go, as far as something is taken of them.
    pub(in crate::aws::cloudwatch) fn places(
        &self,
        parts: &[Part],
        pick: &Pick,
    ) -> Vec<(Source, (Group, Column))> {
        if let Some((other, field)) = of_no_source(pick) {
            let place = || Some((*self.others.get(&other)?, *self.fields.get(&field)?));
            let part = parts.first().zip(place());
            return part.map(|(part, place)| (part.source, place)).into_iter().collect();
        }
        let columns = self.columns(pick);
        let places = parts.iter().filter_map(|part| {
            columns.iter().find_map(|(record, column)| {
                let group = self.groups.get(&(part.source, *record))?;
                Some((part.source, (*group, *column)))
            })
        });
        let mut places: Vec<_> = places.collect();
        // A data source can be in several analyzers.
        places.sort_unstable();
        places.dedup();
        places
    }

    fn columns(&self, pick: &Pick) -> Vec<(&'static str, Column)> {
        let named = |name: &Arc<str>, is_one: &dyn Fn(&str) -> bool| {
            let columns = self.columns.get(name).into_iter().flatten().copied();
            columns.filter(|(record, _)| is_one(record)).collect()
        };
        match pick {
            Pick::Formula(formula) => {
                named(&plan::name_of(formula), &|record| record == formula.record)
            }
            Pick::Custom(name) => named(name, &|record| record == CUSTOM),
            Pick::Published(name) => named(name, &|record| record != CUSTOM),
            Pick::Silence => named(&CHECK.into(), &|record| record == silence::RECORD),
            Pick::Flow(..) | Pick::Connections(_) => Vec::new(),
        }
    }
}

/// What is taken of rows that are of no data source.
fn of_no_source(pick: &Pick) -> Option<(Other, Field)> {
    match pick {
        Pick::Flow(name, value, side) => {
            Some((Other::Flow(name.clone(), value.clone()), Field::of_side(*side)))
        }
        Pick::Connections(report) => Some((Other::Connections, Field::Of(*report))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use flowmote_decoder::{Address, DataSource};

    use super::*;

    #[test]
    fn renamed_data_source_has_rows_in_both_groups() {
        let source = |index| Source {
            agent: Address::V4([192, 0, 2, 1].into()),
            data_source: DataSource { class: 0, index },
        };
        let part = |analyzer| Part { analyzer, source: source(1) };
        let [before, after, other] = [1, 2, 3].map(Group::numbered);
        let column = Column::numbered(1);
        let mut live = Live::default();
        live.add_column("if_counters", "ifinoctets".into(), column);
        live.add(source(1), "if_counters", before);
        live.add(source(1), "if_counters", after);
        live.add(source(2), "if_counters", other);
        assert_eq!((live.has_one_of(&[before]), live.has_one_of(&[after])), (false, true));
        let found = [before, after, other].map(|group| live.source(group));
        assert_eq!(found, [Some(source(1)), Some(source(1)), Some(source(2))]);
        let pick = Pick::Published("ifinoctets".into());
        let places = live.places(&[part(0), part(1)], &pick);
        assert_eq!(places, [(source(1), (after, column))]);
        live.retain(|it| *it == source(2));
        assert_eq!(
            [before, after, other].map(|it| live.source(it).is_some()),
            [false, false, true]
        );
    }
}
