//! Waiting for a condition with a deadline. Tests never sleep for a fixed time.

use core::time::Duration;
use std::time::Instant;

/// Longest wait for any condition. Far longer than any takes, also on a machine that builds other
/// projects; only a failing test waits that long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Calls `poll` every 5 ms until it returns a value. `what` names the condition in the panic message.
///
/// # Panics
/// After [`DEADLINE`].
pub fn wait_until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "timeout after {DEADLINE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
