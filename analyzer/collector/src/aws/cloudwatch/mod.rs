//! Amazon CloudWatch: metrics and alarms.
//!
//! [`names`] finds a metric of agents by namespace, name and dimensions, [`reported`] has those that programs
//! report, [`series`] reads its points, [`period`] makes
//! samples of periods of them, and [`statistic`] a number of each period. The operations put these together.

mod alarms;
mod datum;
mod directory;
mod emf;
mod evaluation;
mod fleet;
mod get_metric_data;
mod get_metric_statistics;
mod label;
mod list_metrics;
mod math;
mod metric;
mod names;
mod period;
mod put_metric_data;
mod recorder;
mod reported;
mod search;
mod series;
mod silence;
mod statistic;
pub(crate) mod statsd;
pub(super) mod token;

pub(crate) use alarms::Counts as AlarmCounts;
pub(super) use alarms::{Alarms, restore, save, start};
#[cfg(any(test, feature = "_testing"))]
pub(super) use datum::checked_points;
pub(super) use datum::report;
pub(super) use directory::Directories;
pub(super) use emf::embedded;
pub(crate) use fleet::Fleet;
pub(super) use fleet::Usage;
pub(super) use names::MONITOR;
pub(super) use recorder::Live;
pub(crate) use recorder::{Recording, record};
pub(super) use reported::Reported;

use super::service::Operation;

/// The operations.
pub(super) const OPERATIONS: [Operation; 16] = [
    Operation { name: "DeleteAlarms", changes: true, run: alarms::delete },
    Operation { name: "DescribeAlarmHistory", changes: false, run: alarms::describe_history },
    Operation { name: "DescribeAlarms", changes: false, run: alarms::describe },
    Operation { name: "DescribeAlarmsForMetric", changes: false, run: alarms::describe_for_metric },
    Operation { name: "DisableAlarmActions", changes: true, run: alarms::disable },
    Operation { name: "EnableAlarmActions", changes: true, run: alarms::enable },
    Operation { name: "GetMetricData", changes: false, run: get_metric_data::run },
    Operation { name: "GetMetricStatistics", changes: false, run: get_metric_statistics::run },
    Operation { name: "ListMetrics", changes: false, run: list_metrics::run },
    Operation { name: "ListTagsForResource", changes: false, run: alarms::list_tags },
    Operation { name: "PutCompositeAlarm", changes: true, run: alarms::put_composite },
    Operation { name: "PutMetricAlarm", changes: true, run: alarms::put },
    Operation { name: "PutMetricData", changes: true, run: put_metric_data::run },
    Operation { name: "SetAlarmState", changes: true, run: alarms::set_state },
    Operation { name: "TagResource", changes: true, run: alarms::tag },
    Operation { name: "UntagResource", changes: true, run: alarms::untag },
];
