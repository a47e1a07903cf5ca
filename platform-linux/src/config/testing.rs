//! Checks shared by the unit tests and the fuzz target.

use super::{AppSampling, Config, MAX_BUDGET, MAX_SAMPLING, Severity};

/// Parses a file and checks the result: problems have a place in the text and no control
/// character, an error goes with no configuration, and all numbers are in range.
///
/// # Panics
/// If the parser breaks one of these promises.
pub fn assert_sound(text: &str) {
    let parsed = Config::parse(text);
    let lines: Vec<_> = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').collect();
    for problem in &parsed.diagnostics {
        let line = lines[problem.line as usize - 1];
        // The line feed is the last character of its line.
        assert!((1..=line.chars().count() + 1).contains(&(problem.column as usize)), "{problem}");
        assert!(!problem.message.contains(char::is_control), "{problem}");
    }
    let errors = parsed.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(errors, parsed.config.is_none());
    let Some(config) = parsed.config else { return };
    assert!(!config.collectors.is_empty());
    assert!(config.collectors.iter().all(|collector| collector.port != 0));
    assert!(config.polling_secs <= 300);
    assert!((14..=256).contains(&config.header_bytes));
    assert!((200..=8192).contains(&config.datagram_bytes));
    assert!(config.sub_agent_id <= 199_999);
    for setting in &config.applications.sampling {
        match config.app_sampling(&setting.application) {
            AppSampling::Fixed(rate) => assert!(rate <= MAX_SAMPLING),
            AppSampling::PerSecond(budget) => assert!((1..=MAX_BUDGET).contains(&budget)),
        }
    }
    for setting in &config.applications.polling {
        assert!(config.app_polling(&setting.application) <= 300);
    }
    if let Some(nflog) = config.nflog {
        assert_ne!(nflog.group, 0);
        assert!((1..=MAX_SAMPLING).contains(&nflog.sampling_rate));
    }
    for tap in &config.taps {
        for speed in [None, Some(0), Some(1), Some(10_000_000_000), Some(u64::MAX)] {
            let (rate, reason) = config.sampling_rate(tap, speed);
            assert!(rate <= MAX_SAMPLING);
            assert!(!reason.to_string().is_empty());
        }
    }
}
