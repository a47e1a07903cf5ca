//! Configurations of the agent, and what `flowmote check` finds in them.

use std::process::Command;

use super::{Lab, Namespace, flowmote};

/// A configuration with a collector on 127.0.0.1, and these settings and blocks beside it.
#[must_use]
pub fn with_local_collector(settings: &str) -> String {
    format!("sflow {{ agent.cidr = 127.0.0.0/8 collector {{ ip = 127.0.0.1 }}\n{settings} }}")
}

/// The result of `flowmote check`.
#[derive(Debug)]
pub struct Checked {
    /// The exit status is 0.
    pub passes: bool,
    /// Standard output.
    pub lines: String,
    /// Standard error: warnings and errors.
    pub problems: String,
}

impl Checked {
    /// Checks a file with this text.
    #[must_use]
    pub fn of(lab: &Lab, namespace: &Namespace, configuration: &str) -> Self {
        Self::with(lab, namespace, configuration, |_| {})
    }

    /// The same with a command that `prepare` has changed, such as its environment.
    ///
    /// # Panics
    /// If the program does not start.
    pub fn with(
        lab: &Lab,
        namespace: &Namespace,
        configuration: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let path = lab.file("check.conf", configuration);
        let mut command = namespace.command(flowmote());
        command.args(["check", "--config"]).arg(path);
        prepare(&mut command);
        let output = command.output().expect("flowmote");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            passes: output.status.success(),
            lines: text(&output.stdout),
            problems: text(&output.stderr),
        }
    }
}
