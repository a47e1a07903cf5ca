//! Evaluates the alarms that are due, on a thread of its own.
//!
//! A period is evaluated as soon as it is complete. A difference of counters that ends within a period is no
//! value of that period yet: the next poll completes it. So each second an alarm about such a period is
//! evaluated again.

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::alarm::Subject;
use super::condition::Condition;
use super::status::Status;
use super::stored;
use super::table::Due;
use super::values::Values;
use crate::aws::cloudwatch::evaluation::{Evaluation, Partial};
use crate::aws::fault::Fault;
use crate::client::Client;
use crate::hub::Hub;

/// The values of the periods that a rule looks at, the oldest first.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) range: Vec<(i64, Option<f64>)>,
    /// True if the last period waits for a poll.
    is_waiting: bool,
}

/// Starts the thread, and another one that keeps the files: a slow disk holds up no evaluation. Actions are
/// done by clients as `client` makes them.
pub(in crate::aws) fn start(hub: Arc<Hub>, client: Client) -> io::Result<()> {
    hub.aws.alarms.webhooks.set_client(client);
    if hub.state.is_kept() {
        let hub = hub.clone();
        let keep = move || {
            loop {
                thread::sleep(SAVING);
                stored::keep_up(&hub);
            }
        };
        thread::Builder::new().name("alarm files".to_owned()).spawn(keep)?;
    }
    let watch = move || {
        let now = || hub.unix_ms(hub.now()).cast_signed();
        loop {
            let due = hub.aws.alarms.next_due(now);
            let begin = Instant::now();
            if let Some(due) = due {
                evaluate(&hub, &due, now());
            }
            // At most half of a processor, so that others have the rest whatever alarms there are. What took
            // longer has waited for a disk.
            thread::sleep(begin.elapsed().min(LONGEST_PAUSE));
        }
    };
    thread::Builder::new().name("alarms".to_owned()).spawn(watch).map(drop)
}

fn evaluate(hub: &Hub, due: &Due, now: i64) {
    let status = match &due.alarm.subject {
        Subject::Values(values) => of_values(hub, due, values, now),
        Subject::States(condition) => of_states(hub, due, condition, now),
    };
    let Some(status) = status else { return };
    let alarm = &due.alarm;
    let before = hub.aws.alarms.state(&alarm.name);
    // An alarm in this state may fail from now on, or no longer.
    if before == Some((status.state, status.has_failed)) {
        return;
    }
    if let Ok(Some(change)) = hub.aws.alarms.set(&alarm.name, status) {
        hub.aws.alarms.webhooks.act(&change);
    }
}

/// The status of an alarm that is about values; `None` if it stays as it is.
fn of_values(hub: &Hub, due: &Due, values: &Values, now: i64) -> Option<Status> {
    let short = values.period() < 60;
    let is_late = now - due.due > if short { LATE } else { 10 * LATE };
    let seen = seen(hub, values, now);
    let again = short || seen.as_ref().is_ok_and(|seen| seen.is_waiting);
    let next = next(now, if again { 1000 } else { 60_000 });
    if !hub.aws.alarms.evaluated(&due.alarm, is_late, next) {
        return None;
    }
    let seen = match seen {
        Ok(seen) => seen,
        Err(fault) => return Some(Status::failed(&fault, now)),
    };
    let verdict = values.rule.judge(&seen.range);
    let is_known = seen.range.first().is_some_and(|(begin, _)| *begin >= due.known_from);
    let state = verdict.state.filter(|_| verdict.filled == 0 || is_known)?;
    Some(Status::of(values, state, &verdict, now))
}

/// The status of an alarm that is about the states of others, which make it due when they change.
fn of_states(hub: &Hub, due: &Due, condition: &Condition, now: i64) -> Option<Status> {
    let alarms = &hub.aws.alarms;
    let is_kept = alarms.evaluated(&due.alarm, now - due.due > LATE, next(now, 60_000));
    is_kept.then(|| alarms.of_others(condition, now))
}

/// The next time that is a multiple of a step, and a little later: what is sent at the end of a period has
/// arrived then.
fn next(now: i64, step: i64) -> i64 {
    let now = now - GRACE;
    now - now.rem_euclid(step) + step + GRACE
}

/// The values that decide.
pub(super) fn seen(hub: &Hub, values: &Values, now: i64) -> Result<Seen, Fault> {
    let length = i64::from(values.period()) * 1000;
    let to = now - now.rem_euclid(length.min(60_000));
    let from = to - i64::from(values.rule.range()) * length;
    let queries = values.queries(from, to);
    let directory = hub.aws.directory.get(hub);
    let evaluation = Evaluation::new(hub, &directory, &queries, (from, to), Partial::LeftOut)?;
    let returned = queries.iter().find(|query| query.returned);
    let lines = returned.map(|query| evaluation.lines(&[query])).transpose()?;
    let lines: Vec<_> = lines.into_iter().flatten().flatten().collect();
    let [line] = <[_; 1]>::try_from(lines).map_err(|lines| {
        let count = lines.len();
        Fault::validation(format!("The expression has {count} time series. An alarm watches one."))
    })?;
    let mut known = line.values.into_iter().peekable();
    let range = (0..i64::from(values.rule.range())).map(|number| {
        let begin = from + number * length;
        while known.next_if(|(time, _)| *time < begin).is_some() {}
        (begin, known.next_if(|(time, _)| *time == begin).map(|(_, value)| value))
    });
    let is_waiting = evaluation.partial.borrow().contains(&(to - length));
    Ok(Seen { range: range.collect(), is_waiting })
}

/// Milliseconds after the end of a period.
const GRACE: i64 = 200;
/// Milliseconds after which an evaluation is late, for periods below a minute.
const LATE: i64 = 1000;
/// Between two evaluations.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The time between two looks at what is to be written.
const SAVING: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_due_shortly_after_the_end_of_a_period() {
        assert_eq!(next(60_000, 60_000), 60_200);
        assert_eq!(next(60_199, 60_000), 60_200);
        assert_eq!(next(60_200, 60_000), 120_200);
        assert_eq!(next(61_000, 1000), 61_200);
        assert_eq!(next(61_300, 1000), 62_200);
    }
}
