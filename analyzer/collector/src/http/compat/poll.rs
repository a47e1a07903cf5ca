//! Long polls: a request that waits until there is something new.

use core::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::http::query::Query;
use crate::http::reply::{Failure, Reply, entries};
use crate::hub::Hub;

/// The names of the parameters of a log.
pub(super) struct Parameters {
    /// Number of the last entry that the client has.
    pub(super) number: &'static str,
    /// Number of entries in the reply, the newest ones.
    pub(super) limit: &'static str,
    /// Name of the threshold or definition whose entries are returned.
    pub(super) name: &'static str,
}

/// The entries of a log that a request is for. `read` returns entries after a number, at most so many, of
/// one name or of all, and how many more there are. The request waits for an entry if there is none.
pub(super) async fn log<E, T: Serialize>(
    hub: &Hub,
    query: &Query,
    parameters: Parameters,
    read: impl Fn(Option<u64>, usize, Option<&str>) -> (Vec<E>, u64),
    show: impl Fn(E) -> T,
) -> Reply {
    let After { number, timeout } = After::of(query, parameters.number);
    let limit = query.get(parameters.limit).unwrap_or(MAX_ENTRIES);
    let name = query.text(parameters.name);
    let found = poll(hub, timeout, || {
        let (list, missed) = read(number, limit, name);
        (!list.is_empty()).then_some((list, missed))
    })
    .await?;
    let (list, missed) = found.unwrap_or_default();
    entries(&list.into_iter().map(show).collect::<Vec<_>>(), missed)
}

/// The entries of a log that a client lacks.
#[derive(Clone, Copy, Debug, PartialEq)]
struct After {
    /// The number of the last entry that it has; `None` at the beginning.
    number: Option<u64>,
    /// How long it waits for a newer one.
    timeout: Duration,
}

impl After {
    /// Reads the number from the parameter `name`, in which a negative one stands for the beginning.
    fn of(query: &Query, name: &str) -> Self {
        let number = query.get::<i64>(name).and_then(|number| u64::try_from(number).ok());
        let seconds = query.get("timeout").filter(|seconds: &f64| !seconds.is_nan());
        let seconds = seconds.unwrap_or(0.0).clamp(0.0, MAX_WAIT);
        // Some clients give up at the very time that they ask for.
        let seconds = if seconds > 1.0 { seconds - MARGIN } else { seconds };
        Self { number, timeout: Duration::from_secs_f64(seconds) }
    }
}

/// The first result of `read`, which is called again with each new entry of the logs; `None` after
/// `wait`.
async fn poll<T>(
    hub: &Hub,
    wait: Duration,
    read: impl Fn() -> Option<T>,
) -> Result<Option<T>, Failure> {
    let mut news = hub.news();
    let (deadline, mut place) = (Instant::now() + wait, None);
    loop {
        if let Some(found) = read() {
            return Ok(Some(found));
        }
        if wait.is_zero() {
            return Ok(None);
        }
        if place.is_none() {
            let full = "too many requests wait already";
            let full = |_| Failure::new(StatusCode::SERVICE_UNAVAILABLE, full);
            place = Some(hub.waiting.try_acquire().map_err(full)?);
        }
        if !matches!(timeout_at(deadline, news.changed()).await, Ok(Ok(()))) {
            return Ok(None);
        }
    }
}

/// Entries in a reply, if the request has no limit.
const MAX_ENTRIES: usize = 100;
/// Longest wait in seconds.
const MAX_WAIT: f64 = 300.0;
/// Seconds before the limit of the client.
const MARGIN: f64 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_number_is_the_beginning() {
        let of = |text| After::of(&Query::parse(text), "eventID");
        assert_eq!(of("eventID=-1&timeout=60").number, None);
        assert_eq!(of("eventID=7&timeout=60").number, Some(7));
        assert_eq!(of("").number, None);
        assert_eq!(of("timeout=60").timeout, Duration::from_millis(59_700));
        assert_eq!(of("timeout=0.5").timeout, Duration::from_millis(500));
        assert_eq!(of("timeout=nan").timeout, Duration::ZERO);
        assert_eq!(of("timeout=1e9").timeout, Duration::from_millis(299_700));
    }
}
