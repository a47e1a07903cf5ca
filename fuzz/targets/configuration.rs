//! The text of a configuration file.
#![no_main]

use flowmote::config::{Config, MAX_SAMPLING, Severity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let parsed = Config::parse(&text);
    let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).split('\n').count();
    for problem in &parsed.diagnostics {
        assert!((1..=lines).contains(&(problem.line as usize)), "{problem}");
        assert!(!problem.message.contains(char::is_control), "{problem}");
    }
    let errors = parsed.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(errors, parsed.config.is_none());
    if let Some(config) = parsed.config {
        check(&config);
    }
});

/// Every number is in the range of its field.
fn check(config: &Config) {
    assert!(!config.collectors.is_empty());
    assert!(config.collectors.iter().all(|collector| collector.port != 0));
    assert!(config.polling_secs <= 300);
    assert!((14..=256).contains(&config.header_bytes));
    assert!((200..=8192).contains(&config.datagram_bytes));
    assert!(config.sub_agent_id <= 199_999);
    for tap in &config.taps {
        for speed in [None, Some(0), Some(1), Some(10_000_000_000), Some(u64::MAX)] {
            let (rate, reason) = config.sampling_rate(tap, speed);
            assert!(rate <= MAX_SAMPLING, "{reason}");
        }
    }
}
