//! End to end: agents under traffic, measured by a collector and by the kernel's accounts.
//!
//! Creates a network namespace with a veth pair, sends at one end, starts the agent at the other,
//! and collects. Runs `flowmote` (beside this program, or `FLOWMOTE`) and, if `HSFLOWD` is set,
//! `hsflowd` in turn. Prints a table in Markdown. Needs `ip` (Debian package iproute2), and root or
//! a kernel with user namespaces.

#![forbid(unsafe_code)]

mod accounts;
mod agent;
mod application;
mod bare;
mod bulk;
mod children;
mod collector;
mod figures;
mod measure;
mod namespace;
mod traffic;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::agent::Agent;
use crate::figures::Figures;
use crate::measure::{Bench, Effort};
use crate::namespace::Privilege;
use crate::traffic::Sender;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        [bare::SUBCOMMAND, rest @ ..] => bare::run(rest),
        [bulk::SUBCOMMAND] => bulk::run(),
        ["--quick", steps @ ..] if known(steps) => bench(QUICK, steps),
        steps if known(steps) => bench(FULL, steps),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("end_to_end: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn known(steps: &[&str]) -> bool {
    steps.iter().all(|name| STEPS.iter().any(|(step, _)| step == name))
}

fn bench(effort: Effort, steps: &[&str]) -> Result<()> {
    let privilege = namespace::enter()?;
    let directory = Directory::new()?;
    children::guard(LIMIT, directory.0.clone())?;
    let agents = Agent::all()?;
    namespace::furnish()?;
    let mut bench =
        Bench { agents: &agents, directory: &directory.0, effort, figures: Figures::default() };
    describe_machine(privilege);
    let outcome = measure(&mut bench, steps);
    // Figures measured before a failure are printed too.
    println!("{}", bench.figures);
    for title in bench.figures.missed() {
        println!("target missed: {title}");
    }
    outcome
}

fn measure(bench: &mut Bench<'_>, steps: &[&str]) -> Result<()> {
    let mut sender = Sender::new()?;
    for (name, run) in STEPS.iter().filter(|(name, _)| steps.is_empty() || steps.contains(name)) {
        let start = Instant::now();
        eprint!("{name} … ");
        run(bench, &mut sender).context(*name)?;
        eprintln!("{:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn describe_machine(privilege: Privilege) {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown CPU");
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    println!("Linux {}, {count} × {model}", kernel.trim());
    if privilege == Privilege::User {
        println!(
            "In a user namespace the kernel refuses bpf(2): the classic-BPF path is measured."
        );
    }
    println!();
}

/// A directory for the agents' files; removed when dropped.
#[derive(Debug)]
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("flowmote-bench-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(directory: &Path) {
    if let Err(error) = fs::remove_dir_all(directory) {
        eprintln!("warning: {}: {error}", directory.display());
    }
}

const USAGE: &str = "\
usage: [FLOWMOTE=/path] [HSFLOWD=/path] end_to_end [--quick] [STEP]...
steps: flood sparse ways bulk tcp containers json delay idle modules; without a step, all of them";

type Step = fn(&mut Bench<'_>, &mut Sender) -> Result<()>;
const STEPS: [(&str, Step); 10] = [
    ("flood", |bench, sender| bench.flood(sender)),
    ("sparse", |bench, sender| bench.sparse(sender)),
    ("ways", |bench, _| bench.ways()),
    ("bulk", |bench, _| bench.bulk()),
    ("tcp", |bench, _| bench.tcp()),
    ("containers", |bench, _| bench.containers()),
    ("json", |bench, _| bench.json()),
    ("delay", |bench, sender| bench.delay(sender)),
    ("idle", |bench, sender| bench.idle(sender)),
    ("modules", |bench, sender| bench.modules(sender)),
];

const FULL: Effort = Effort {
    repetitions: 5,
    flood: 1_000_000,
    sparse: 1_000_000,
    bulk: Duration::from_secs(2),
    idle: Duration::from_secs(60),
    light: Duration::from_secs(30),
};
const QUICK: Effort = Effort {
    repetitions: 1,
    flood: 300_000,
    sparse: 500_000,
    bulk: Duration::from_millis(500),
    idle: Duration::from_secs(5),
    light: Duration::from_secs(4),
};
/// More than twice the expected duration.
const LIMIT: Duration = Duration::from_secs(900);
