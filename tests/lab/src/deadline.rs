//! Waiting for a condition with a deadline. Tests never sleep for a fixed time.

use core::fmt::Debug;
use core::time::Duration;
use std::time::Instant;

/// Longest wait for any condition. Far longer than any takes, also on a machine that builds other
/// projects; only a failing test waits that long.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Calls `poll` every 5 ms until its two values are equal. `what` names them in the panic message.
///
/// # Panics
/// After [`DEADLINE`].
pub fn wait_until_equal<T: PartialEq + Debug>(what: &str, mut poll: impl FnMut() -> [T; 2]) {
    let mut last = None;
    let start = Instant::now();
    while start.elapsed() < DEADLINE {
        let [one, other] = poll();
        if one == other {
            return;
        }
        last = Some([one, other]);
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("timeout after {DEADLINE:?}: {what}: {last:?}");
}

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
