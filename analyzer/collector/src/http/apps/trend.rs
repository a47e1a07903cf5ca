//! Values of the last minutes, one a second, for as long as they are read.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use serde_json::{Map, Value, json as object};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::http::reply::Failure;
use crate::hub::Hub;

/// The trends that are read, by a text that describes what they contain.
#[derive(Debug, Default)]
pub(super) struct Trends(Mutex<BTreeMap<String, Trend>>);

/// The course of some values.
#[derive(Debug)]
struct Trend {
    points: VecDeque<Point>,
    /// The last request.
    used: Instant,
}

#[derive(Debug)]
struct Point {
    /// Milliseconds since 1970.
    time: u64,
    /// One for each name.
    values: Vec<Value>,
}

impl Trends {
    /// The course of `names` after a time in milliseconds since 1970, begun now if this is the first
    /// request. `sample` reads the current values.
    ///
    /// # Errors
    /// The error of the first sample, or 503 if there are too many trends.
    pub(super) fn read(
        self: &Arc<Self>,
        hub: &Arc<Hub>,
        key: &str,
        names: &[&str],
        after: Option<u64>,
        sample: impl Fn(&Hub) -> Result<Vec<Value>, Failure> + Send + Sync + 'static,
    ) -> Result<Value, Failure> {
        if let Some(trend) = self.lock().get_mut(key) {
            trend.used = Instant::now();
            return Ok(trend.object(names, after));
        }
        let first = Point { time: now(hub), values: sample(hub)? };
        let trend = Trend { points: VecDeque::from([first]), used: Instant::now() };
        let object = trend.object(names, after);
        let mut trends = self.lock();
        if trends.len() >= MAX_TRENDS {
            let text = format!("{MAX_TRENDS} trends are read already");
            return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, text));
        }
        // Another request may have been first.
        if trends.insert(key.to_owned(), trend).is_none() {
            tokio::spawn(self.clone().follow(hub.clone(), key.to_owned(), sample));
        }
        Ok(object)
    }

    /// Adds a point each second until the trend is not read any more.
    async fn follow(
        self: Arc<Self>,
        hub: Arc<Hub>,
        key: String,
        sample: impl Fn(&Hub) -> Result<Vec<Value>, Failure> + Send + Sync,
    ) {
        let mut clock = interval(SECOND);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        clock.tick().await;
        loop {
            clock.tick().await;
            // A full set of definitions is an error that passes.
            let values = sample(&hub);
            let mut trends = self.lock();
            match trends.get_mut(&key).filter(|trend| trend.used.elapsed() < EXPIRY) {
                None => {
                    trends.remove(&key);
                    return;
                }
                Some(trend) => values.into_iter().for_each(|values| trend.push(now(&hub), values)),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Trend>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trend {
    fn push(&mut self, time: u64, values: Vec<Value>) {
        if self.points.len() >= MAX_POINTS {
            self.points.pop_front();
        }
        self.points.push_back(Point { time, values });
    }

    fn object(&self, names: &[&str], after: Option<u64>) -> Value {
        let points = || self.points.iter().filter(|point| after.is_none_or(|it| point.time > it));
        let times: Vec<u64> = points().map(|point| point.time).collect();
        let course = |at: usize| points().filter_map(move |point| point.values.get(at).cloned());
        let courses = names.iter().enumerate();
        let trends: Map<String, Value> =
            courses.map(|(at, name)| ((*name).to_owned(), course(at).collect())).collect();
        object!({ "trend": { "times": times, "trends": trends } })
    }
}

fn now(hub: &Hub) -> u64 {
    hub.unix_ms(hub.now())
}

const SECOND: Duration = Duration::from_secs(1);
/// Points of a trend.
const MAX_POINTS: usize = 300;
/// Time after the last request for a trend.
pub(super) const EXPIRY: Duration = Duration::from_secs(10);
/// Trends at the same time.
const MAX_TRENDS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_points_make_room_and_known_ones_are_left_out() {
        let mut trend = Trend { points: VecDeque::new(), used: Instant::now() };
        (0..MAX_POINTS as u64 + 5).for_each(|time| trend.push(time, vec![time.into(), 0.into()]));
        let all = trend.object(&["a", "b"], None);
        let times = all["trend"]["times"].as_array().unwrap();
        assert_eq!((times.len(), &times[0], &times[299]), (300, &object!(5), &object!(304)));
        assert_eq!(all["trend"]["trends"]["a"], all["trend"]["times"]);
        let new = trend.object(&["a"], Some(302));
        let expected = object!({ "trend": { "times": [303, 304], "trends": { "a": [303, 304] } } });
        assert_eq!(new, expected);
    }
}
