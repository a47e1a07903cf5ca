//! The rows of a data source that are in memory and not recorded yet.

use flowmote_engine::Instant as EngineTime;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::metrics::{PastCustom, PastRecord};

use super::CUSTOM;
use super::names::Names;
use super::plan::{self, Place, Plan, Plans, Shape};
use crate::aws::cloudwatch::directory::Agent;
use crate::aws::cloudwatch::series::Part;
use crate::history::{Column, Row, Sample};
use crate::hub::Hub;

/// The rows of a data source that are new.
pub(super) struct New {
    pub(super) at: Part,
    pub(super) names: Names,
    /// The time up to which all records are among the rows.
    pub(super) last: EngineTime,
    pub(super) rows: Vec<(EngineTime, &'static str, Row)>,
    /// Points that have no place.
    pub(super) lost: usize,
    /// Records whose columns are not known yet.
    pub(super) unknown: Vec<(Shape, plan::Metrics)>,
}

impl New {
    /// The rows after a time; `None` if there are none.
    pub(super) fn after(
        after: EngineTime,
        hub: &Hub,
        engine: &Analyzer,
        plans: &Plans,
        agent: &Agent,
        at: Part,
    ) -> Option<Self> {
        let metrics = engine.metrics();
        let names = Names::of(metrics.points(), agent, &at.source);
        let (rows, unknown) = (Vec::new(), Vec::new());
        let mut new = Self { at, names, last: after, rows, lost: 0, unknown };
        // Records with more rows than are read end earlier. What others have after that comes later too.
        let mut until = None;
        for record in metrics.past_records(&at.source) {
            let shape = Shape::of(at.analyzer, record);
            match plans.get(&shape) {
                Some(plan) => new.record(hub, record, plan, after).limit(&mut new.last, &mut until),
                None => new.unknown.push((shape, plan::metrics(record))),
            }
        }
        for custom in metrics.past_customs(&at.source) {
            let column = match plans.custom(custom.name, custom.counter) {
                Place::Column(column) => Some(column),
                Place::None => None,
                Place::Unknown => {
                    let shape = Shape::custom(custom.name.clone(), custom.counter);
                    new.unknown.push((shape, Vec::new()));
                    continue;
                }
            };
            new.custom(hub, custom, column, after).limit(&mut new.last, &mut until);
        }
        if let Some(until) = until {
            new.last = until;
            new.rows.retain(|(time, ..)| *time <= until);
        }
        (new.last > after || !new.unknown.is_empty()).then_some(new)
    }

    fn record(&mut self, hub: &Hub, record: PastRecord<'_>, plan: &Plan, after: EngineTime) -> End {
        let mut end = End::default();
        for row in record.after(after).take(ROWS) {
            end.add(row.time);
            let columns = plan.columns(record, &row);
            if !columns.is_empty() {
                let over = row.over.as_millis() as i64;
                let own = Row { end: unix(hub, row.time), over, columns };
                self.rows.push((row.time, record.name(), own));
            }
        }
        end
    }

    /// The values of an `rtmetric`, without a column if there are too many names.
    fn custom(
        &mut self,
        hub: &Hub,
        custom: PastCustom<'_>,
        column: Option<Column>,
        after: EngineTime,
    ) -> End {
        let mut end = End::default();
        for (time, over, number) in custom.after(after).take(ROWS) {
            end.add(time);
            let Some(column) = column else {
                self.lost += 1;
                continue;
            };
            let over = if custom.counter { over.as_millis() as i64 } else { 0 };
            let Some(number) = plan::rounded(number, false) else { continue };
            let columns = vec![(column, Sample::one(number))];
            self.rows.push((time, CUSTOM, Row { end: unix(hub, time), over, columns }));
        }
        end
    }
}

fn unix(hub: &Hub, time: EngineTime) -> i64 {
    hub.unix_ms(time).cast_signed()
}

/// The rows of a record that were read.
#[derive(Debug, Default)]
struct End {
    rows: usize,
    last: EngineTime,
}

impl End {
    fn add(&mut self, time: EngineTime) {
        self.rows += 1;
        self.last = self.last.max(time);
    }

    /// The time of the last row of all records, and the time up to which all of them were read, if there
    /// are more.
    fn limit(self, last: &mut EngineTime, until: &mut Option<EngineTime>) {
        *last = self.last.max(*last);
        if self.rows >= ROWS {
            *until = Some(until.map_or(self.last, |until| until.min(self.last)));
        }
    }
}

/// Rows of a record that are read at a time. There are more after a pause.
const ROWS: usize = 64;
