//! Queries of Logs Insights.
//!
//! [`syntax`] makes [commands](command) of the text, [`run`] does them on [records](record), and [`queries`]
//! has those that run and the results of those that ended.

mod aggregate;
mod bounds;
mod command;
mod expression;
mod function;
mod queries;
mod ranked;
mod record;
mod run;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

pub(super) use queries::{Queries, describe, groups_of, results, start, stop};
pub(super) use record::{discovered, formats};

/// Runs a text as a query over events; false if it is none.
#[cfg(any(test, feature = "_testing"))]
pub(super) fn arbitrary(text: &str, events: &[&str]) -> bool {
    use core::sync::atomic::AtomicBool;

    let Ok(query) = command::Query::parse(text) else { return false };
    let (mut store, span) = (super::store::Store::new(1 << 20), 0..=i64::MAX);
    store.append("g", "s", 1, (0..).zip(events.iter().copied()));
    let view = store.view("g", &span, 0);
    let formats = vec![record::DEFAULT.to_vec()];
    let sources = view.map(|view| record::Source::new(view, "", formats)).ok();
    let (time, is_cancelled) = (core::time::Duration::from_secs(5), &AtomicBool::new(false));
    let bounds = bounds::Bounds { memory: 1 << 16, time, is_cancelled, limit: 10 };
    let found = run::run(&query, sources.as_slice(), &span, &bounds);
    assert_ne!(found.map(|_| ()), Err(bounds::Overrun::Time), "{text}");
    true
}
