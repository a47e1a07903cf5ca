//! The agents under test, as child processes.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Pid;

use crate::children::Process;
use crate::collector::Collector;
use crate::namespace::ADDRESS;

/// An sFlow agent that can be started.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    kind: Kind,
    program: PathBuf,
}

/// Program of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The agent of this project.
    Flowmote,
    /// Host sFlow.
    Hsflowd,
}

/// Settings of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Interface to sample; empty if a block names it.
    pub(crate) interface: &'static str,
    /// 1 in N; `None` leaves the rate to the agent.
    pub(crate) sampling: Option<u32>,
    /// Address of the collector.
    pub(crate) collector: SocketAddr,
    /// Further blocks of the configuration.
    pub(crate) blocks: &'static str,
}

/// A running agent; killed when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    process: Process,
    log: PathBuf,
}

impl Agent {
    /// Flowmote, from `FLOWMOTE` or beside this program, and hsflowd if `HSFLOWD` is set.
    ///
    /// # Errors
    ///
    /// A program does not exist.
    pub(crate) fn all() -> Result<Vec<Self>> {
        let flowmote = match env::var_os("FLOWMOTE") {
            Some(path) => PathBuf::from(path),
            None => env::current_exe()?.with_file_name("flowmote"),
        };
        let mut agents = vec![Self { kind: Kind::Flowmote, program: flowmote }];
        if let Some(path) = env::var_os("HSFLOWD").filter(|path| !path.is_empty()) {
            agents.push(Self { kind: Kind::Hsflowd, program: PathBuf::from(path) });
        }
        for agent in &agents {
            ensure!(agent.program.is_file(), "{} does not exist", agent.program.display());
        }
        Ok(agents)
    }

    /// The program.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Starts the agent; its files go to `directory`.
    ///
    /// # Errors
    ///
    /// The program cannot be started.
    pub(crate) fn start(&self, settings: Settings, directory: &Path) -> Result<Running> {
        let mut command = match self.kind {
            Kind::Flowmote => self.flowmote(settings, directory)?,
            Kind::Hsflowd => self.hsflowd(settings, directory)?,
        };
        let log = directory.join(format!("{:?}.log", self.kind));
        let output = File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let process = Process::spawn(&mut command)
            .with_context(|| format!("{} does not start", self.program.display()))?;
        Ok(Running { process, log })
    }

    fn flowmote(&self, settings: Settings, directory: &Path) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.arg("run");
        if !settings.interface.is_empty() {
            command.args(["--interface", settings.interface]);
        }
        command.args(["--collector", &settings.collector.to_string()]);
        command.args(["--polling", POLLING, "--auto", "off"]);
        // That of the host may belong to an agent that is in use.
        command.env("RUNTIME_DIRECTORY", directory.join("run"));
        if let Some(rate) = settings.sampling {
            command.args(["--sampling", &rate.to_string()]);
        }
        if !settings.blocks.is_empty() {
            let configuration = directory.join("flowmote.conf");
            fs::write(&configuration, format!("sflow {{\n{}\n}}\n", settings.blocks))?;
            command.arg("--config").arg(configuration);
        }
        Ok(command)
    }

    fn hsflowd(&self, settings: Settings, directory: &Path) -> Result<Command> {
        let sampling = match settings.sampling {
            Some(rate) => format!("sampling = {rate}"),
            None => String::new(),
        };
        let configuration = directory.join("hsflowd.conf");
        let text = format!(
            "sflow {{\n agentIP = {ADDRESS}\n polling = {POLLING}\n {sampling}\n \
             collector {{ ip = {} udpport = {} }}\n pcap {{ dev = {} {sampling} }}\n {}\n}}\n",
            settings.collector.ip(),
            settings.collector.port(),
            settings.interface,
            settings.blocks,
        );
        fs::write(&configuration, text)?;
        let pid_file = directory.join("hsflowd.pid");
        // A file of an earlier run would prevent hsflowd from starting.
        let _ = fs::remove_file(&pid_file);
        let mut command = Command::new(&self.program);
        command.args(["-d", "-u", "00000000-0000-4000-8000-000000000001"]);
        command.arg("-f").arg(configuration).arg("-p").arg(pid_file);
        command.arg("-o").arg(directory.join("hsflowd.auto"));
        if let Some(modules) = self.program.parent().filter(|at| at.join("mod_pcap.so").is_file()) {
            command.arg("-l").arg(modules);
        }
        Ok(command)
    }
}

impl Running {
    /// Process ID of the agent.
    pub(crate) fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// Calls `probe`, which sends traffic, until a sample arrives; then waits for the last one.
    ///
    /// # Errors
    ///
    /// The agent ends, or no sample arrives; the message holds its output.
    pub(crate) fn ready<T>(
        &mut self,
        collector: &Collector,
        mut probe: impl FnMut() -> Result<T>,
    ) -> Result<()> {
        let deadline = Instant::now() + READY_TIMEOUT;
        while collector.peek(|tally| tally.samples) == 0 {
            if let Some(status) = self.process.child().try_wait()? {
                bail!("the agent ended ({status}):\n{}", self.log());
            }
            if Instant::now() > deadline {
                bail!("no sample after {READY_TIMEOUT:?}:\n{}", self.log());
            }
            probe()?;
            thread::sleep(Duration::from_millis(100));
        }
        collector.settle(QUIET, |_| false);
        Ok(())
    }

    /// Ends the agent.
    ///
    /// # Errors
    ///
    /// As `waitpid(2)`.
    pub(crate) fn end(self) -> Result<()> {
        self.process.end(Duration::from_secs(3))?;
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string())
    }
}

/// Every block that samples or counts something, with its defaults.
pub(crate) const MODULES: &str = "\
    nflog { group = 5 }
    json { }
    tcp { }
    cloud { }
    metrics { }
    systemd { }
    docker { }
    containerd { }
    k8s { }
    psample { }
    dropmon { }
    ethtool { }
    host-metrics { }
    nvml { }
    optics { }
    dns-sd { domain = .example.invalid }
";

/// Longer than an agent may delay a sample: one second.
pub(crate) const QUIET: Duration = Duration::from_millis(1500);
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// Seconds between counter samples.
const POLLING: &str = "20";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_supported_block_is_measured() {
        // A test of the agent compares this page with its grammar.
        let page = fs::read_to_string("../docs/configuration.md").unwrap();
        let supported = page.lines().filter(|row| row.contains(" | block | "));
        let supported = supported.filter(|row| row.contains(" | supported | "));
        let names = supported.filter_map(|row| row.strip_prefix("| `")?.split('`').next());
        // The command line has the interfaces and the collector.
        let names = names.filter(|name| !["collector", "pcap", "epcap"].contains(name));
        let measured: Vec<_> = MODULES.split_whitespace().collect();
        let missing: Vec<_> = names.filter(|name| !measured.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
