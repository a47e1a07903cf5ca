//! Counters of NVIDIA GPUs, `nvidia_gpu` (5703:1) of the host, by the library of their driver.
//!
//! The library is loaded when the block asks for it, and called in a thread. Between two polls nothing
//! is read: energy and utilization come from what the driver accumulates.

mod totals;

use flowmote_core::record::counter::NvidiaGpu;
use flowmote_core::{DataSource, Duration, Instant};
use log::info;

use crate::config::Config;
use crate::kernel::capabilities;
use crate::kernel::sys::nvml::{self, SampleKind};
use crate::links::Links;
use crate::modules::module::{Findings, Module, Statistics, World};
use crate::output::Output;
use crate::throttle::ThrottleByReason;
use crate::watched::Watched;
use totals::{Reading, Totals};

/// Reads all GPUs at each polling interval.
#[derive(Debug)]
pub(crate) struct Nvml {
    reader: Watched<Reader>,
    /// When to read next; `None` without the block.
    next: Option<Instant>,
    /// The library was loaded, and the log has it.
    is_loaded: bool,
    failures: u64,
    throttle: ThrottleByReason,
}

/// The library, once it is loaded, and what was read.
#[derive(Debug, Default)]
struct Reader {
    library: Option<nvml::Nvml>,
    /// The time of the read.
    now: Instant,
    last: Option<Instant>,
    /// Times of the last samples of utilization, in microseconds of the driver.
    seen: std::collections::BTreeMap<u32, [u64; 2]>,
    totals: Totals,
    outcome: Option<Result<NvidiaGpu, String>>,
}

impl Default for Nvml {
    fn default() -> Self {
        Self {
            reader: Watched::with_stack(Reader::default(), STACK),
            next: None,
            is_loaded: false,
            failures: 0,
            throttle: ThrottleByReason::default(),
        }
    }
}

impl Module for Nvml {
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        match self.reader.ended(now).and_then(|reader| reader.outcome.take()) {
            Some(Ok(record)) => self.send(now, &record, output),
            Some(Err(failure)) => self.failed(now, format_args!("{failure}")),
            None => {}
        }
        let config = world.config;
        if !config.nvml || config.polling_secs == 0 {
            self.next = None;
            return;
        }
        // After the start of the daemon, when the privileges are dropped.
        if now < *self.next.get_or_insert(now + FIRST) {
            return;
        }
        self.next = Some(now + Duration::from_secs(config.polling_secs));
        if !self.reader.start(now, |reader| reader.now = now, Reader::read) {
            self.failed(now, format_args!("the driver has not responded since the last poll"));
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.next.into_iter().chain(self.reader.deadline()).min()
    }

    fn report(&mut self, statistics: &mut Statistics) {
        statistics.exceptions.push((self.failures, "polls without counters of GPUs"));
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        if !config.nvml {
            return;
        }
        match nvml::Nvml::load() {
            Ok(library) => {
                findings.line("nvml", format_args!("{} GPUs", library.gpus().count()));
            }
            Err(failure) => findings.problems.push(format!("nvml: {failure}")),
        }
    }
}

impl Nvml {
    fn send(&mut self, now: Instant, record: &NvidiaGpu, output: &mut Output<'_>) {
        if !core::mem::replace(&mut self.is_loaded, true) {
            info!("nvml: counters of {} GPUs", record.device_count);
        }
        self.throttle.clear();
        output.counter_records(now, DataSource::HOST, &[record]);
    }

    fn failed(&mut self, now: Instant, failure: std::fmt::Arguments<'_>) {
        self.failures = self.failures.saturating_add(1);
        self.throttle.warn(now, format_args!("nvml: {failure}; retrying at the next poll"));
    }
}

impl Reader {
    /// Reads all GPUs. May block in the driver.
    fn read(&mut self) {
        capabilities::give_up_all();
        self.outcome = Some(match self.library.take().map_or_else(nvml::Nvml::load, Ok) {
            Ok(library) => {
                let readings: Vec<_> =
                    library.gpus().map(|(number, gpu)| (number, self.one(number, gpu))).collect();
                self.library = Some(library);
                let elapsed = self.last.map_or(0, |last| self.now.since(last).as_millis());
                self.last = Some(self.now);
                Ok(self.totals.update(&readings, f64::from(elapsed)))
            }
            Err(failure) => Err(failure),
        });
    }

    fn one(&mut self, number: u32, gpu: nvml::Gpu<'_>) -> Reading {
        let now = gpu.utilization();
        let [gpu_seen, memory_seen] = self.seen.entry(number).or_default();
        // Devices that keep no samples have the share of the last moment only.
        let share = |kind, seen: &mut u64, now: Option<u32>| match gpu.mean_of_samples(kind, *seen)
        {
            Some((mean, last)) => {
                *seen = last;
                Some(mean)
            }
            None => now.map(f64::from),
        };
        Reading {
            processes: gpu.processes(),
            memory: gpu.memory().map(|memory| (memory.total, memory.free)),
            ecc_errors: gpu.ecc_errors(),
            energy: gpu.energy(),
            power: gpu.power(),
            gpu: share(SampleKind::Gpu, gpu_seen, now.map(|shares| shares.gpu)),
            memory_busy: share(SampleKind::Memory, memory_seen, now.map(|shares| shares.memory)),
            temperature: gpu.temperature(),
            fan_speed: gpu.fan_speed(),
        }
    }
}

const FIRST: Duration = Duration::from_millis(100);
/// Bytes: more than the functions of the library may need.
const STACK: usize = 1 << 20;
