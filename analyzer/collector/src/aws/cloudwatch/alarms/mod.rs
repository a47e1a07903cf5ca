//! Alarms: a threshold on a metric or on expressions, with a state and with actions.
//!
//! [`alarm`] is what a program puts. Its state follows from [`values`] by a [`rule`], or from those of others
//! by a [`condition`]; [`status`] has the state with its reason. [`watch`] evaluates all alarms on a thread of its own, [`webhooks`] does their actions,
//! [`history`] has what happened to them, and [`stored`] keeps them over a restart.

mod alarm;
mod change;
mod condition;
mod describe;
mod history;
mod limited;
mod rule;
mod status;
mod stored;
mod table;
mod tags;
mod values;
mod watch;
mod webhooks;

pub(super) use change::{delete, disable, enable, put, put_composite, set_state};
pub(super) use describe::{describe, describe_for_metric};
pub(super) use history::describe as describe_history;
pub(in crate::aws) use stored::{restore, save};
pub(in crate::aws) use table::Alarms;
pub(crate) use table::Counts;
pub(super) use tags::{list as list_tags, tag, untag};
pub(in crate::aws) use watch::start;

use crate::aws::fault::{Fault, Kind};

/// The error for an alarm that does not exist.
fn unknown(name: &str) -> Fault {
    Fault::new(Kind::ResourceNotFound, format!("There is no alarm with the name {name}."))
}
