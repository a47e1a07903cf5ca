//! Waiting for something to become true, never for time to pass.

use core::time::Duration;
use std::time::Instant;

/// How long anything may take. Far more than it does, also where others build; only a failing test
/// waits that long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; `what` is for the panic message when none comes in time.
///
/// # Panics
/// After [`DEADLINE`].
pub fn wait_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
