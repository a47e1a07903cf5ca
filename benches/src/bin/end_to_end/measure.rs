//! The measurements. Each treats all agents alike: one after the other, or together where they do
//! not disturb each other.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::accounts::{Cpu, CpuSpent, Memory, context_switches, snmp};
use crate::agent::{Agent, Kind, MODULES, QUIET, Running, Settings};
use crate::application::Application;
use crate::bare;
use crate::bulk::{self, Connections, Passed, Receiver};
use crate::collector::{Collector, Tally};
use crate::figures::{Column, Figure, Figures, quantile};
use crate::namespace::SAMPLED;
use crate::traffic::{Flooded, Mark, Sender};

/// Extent of the measurements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Repetitions of measurements that alternate between the agents.
    pub(crate) repetitions: u32,
    /// Packets of a flood at N = 1.
    pub(crate) flood: u64,
    /// Packets of a flood at N = 400.
    pub(crate) sparse: u64,
    /// Duration of one bulk transfer.
    pub(crate) bulk: Duration,
    /// Duration without traffic.
    pub(crate) idle: Duration,
    /// Duration of light traffic.
    pub(crate) light: Duration,
}

/// State shared by all measurements.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    /// The agents under test.
    pub(crate) agents: &'a [Agent],
    /// Directory for files of the agents.
    pub(crate) directory: &'a Path,
    /// Extent of the measurements.
    pub(crate) effort: Effort,
    /// Results so far.
    pub(crate) figures: Figures,
}

/// A running agent with its accounts.
pub(crate) struct Session {
    column: Column,
    pub(crate) running: Running,
    collector: Collector,
    cpu: Cpu,
}

/// Results of one run.
pub(crate) struct Run {
    pub(crate) tally: Tally,
    spent: CpuSpent,
    seconds: f64,
}

impl Bench<'_> {
    /// Floods at N = 1, each followed by the bare loop with the same number of datagrams.
    ///
    /// # Errors
    ///
    /// An agent fails, or the kernel refuses an operation.
    pub(crate) fn flood(&mut self, sender: &mut Sender) -> Result<()> {
        for _ in 0..self.effort.repetitions {
            let alone = sender.flood(Mark::Measure, self.effort.flood)?;
            self.sender([Figure::FloodRate, Figure::FloodSender], Column::NoAgent, alone);
            for agent in self.agents {
                let mut session = self.start(agent, SAMPLED, Some(1))?;
                session.ready(|| sender.flood(Mark::Probe, 2))?;
                self.flood_once(&mut session, sender)?;
                session.running.end()?;
            }
        }
        Ok(())
    }

    fn flood_once(&mut self, session: &mut Session, sender: &mut Sender) -> Result<()> {
        let (column, sent) = (session.column, self.effort.flood);
        session.begin()?;
        let flooded = sender.flood(Mark::Measure, sent)?;
        let run = session.finish(|tally| tally.measured == sent)?;
        self.sender([Figure::FloodRate, Figure::FloodSender], column, flooded);
        self.cpu_of_samples(session, &run)?;
        let (samples, sent) = (run.tally.measured as f64, sent as f64);
        if sent > samples {
            let (lost, drops) = (sent - samples, run.tally.drops);
            eprintln!("warning: {column:?}: {lost} samples lost, {drops} of them in drops");
        }
        self.add(Figure::FloodLost, column, sent - samples);
        self.add(Figure::FloodPoolError, column, run.tally.pool as f64 - sent);
        self.add(Figure::FloodDrops, column, run.tally.drops as f64);
        self.add(Figure::FloodSamplesPerSecond, column, samples / run.seconds / 1e3);
        let memory = Memory::of(session.running.pid())?;
        self.add(Figure::ResidentFlood, column, megabytes(memory.resident));
        Ok(())
    }

    fn cpu_of_samples(&mut self, session: &Session, run: &Run) -> Result<()> {
        let Run { tally, spent, .. } = run;
        let (column, samples) = (session.column, tally.samples.max(1) as f64);
        let size = tally.bytes / tally.datagrams.max(1);
        let bare = bare::measure(session.collector.address(), tally.datagrams, size)?;
        self.add(Figure::FloodUser, column, spent.user / samples);
        self.add(Figure::FloodSystem, column, spent.system / samples);
        self.add(Figure::FloodCpu, column, spent.total() / samples);
        self.add(Figure::BareCpu, column, bare.total() / samples);
        self.add(Figure::CpuRatio, column, spent.total() / bare.total());
        self.add(Figure::SamplesPerDatagram, column, samples / tally.datagrams.max(1) as f64);
        Ok(())
    }

    /// A flood at N = 400.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn sparse(&mut self, sender: &mut Sender) -> Result<()> {
        let sent = self.effort.sparse;
        for _ in 0..self.effort.repetitions {
            let alone = sender.flood(Mark::Measure, sent)?;
            self.sender([Figure::SparseRate, Figure::SparseSender], Column::NoAgent, alone);
            for agent in self.agents {
                let mut session = self.start(agent, SAMPLED, Some(SPARSE))?;
                session.ready(|| sender.flood(Mark::Probe, 2 * u64::from(SPARSE)))?;
                session.begin()?;
                let flooded = sender.flood(Mark::Measure, sent)?;
                let Run { tally, spent, .. } = session.finish(|_| false)?;
                let column = session.column;
                self.sender([Figure::SparseRate, Figure::SparseSender], column, flooded);
                self.add(Figure::SparseCpu, column, spent.total() / sent as f64);
                let estimate = tally.measured * u64::from(SPARSE);
                let error = against_bound(estimate, sent, tally.measured);
                self.add(Figure::SparseError, column, error);
                session.running.end()?;
            }
        }
        Ok(())
    }

    /// Bulk TCP with offloads at N = 400.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn bulk(&mut self) -> Result<()> {
        let receiver = Receiver::start()?;
        let probe = Duration::from_millis(20);
        for _ in 0..self.effort.repetitions {
            let alone = receiver.transfer(self.effort.bulk)?;
            self.throughput(Column::NoAgent, alone);
            for agent in self.agents {
                let mut session = self.start(agent, bulk::INTERFACE, Some(SPARSE))?;
                session.ready(|| receiver.transfer(probe))?;
                session.begin()?;
                let passed = receiver.transfer(self.effort.bulk)?;
                let Run { tally, spent, .. } = session.finish(|_| false)?;
                let (column, samples) = (session.column, tally.samples);
                self.throughput(column, passed);
                self.add(Figure::BulkCpu, column, spent.total() / passed.packets as f64);
                let packets = against_bound(tally.packets, passed.packets, samples);
                self.add(Figure::BulkPackets, column, packets);
                let octets = against_bound(tally.octets, passed.octets, samples);
                self.add(Figure::BulkOctets, column, octets);
                session.running.end()?;
            }
        }
        Ok(())
    }

    /// Short messages on many TCP connections, without and with their state.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn tcp(&mut self) -> Result<()> {
        let receiver = Receiver::start()?;
        let mut connections = Connections::open(&receiver, CONNECTIONS)?;
        for _ in 0..self.effort.repetitions {
            for agent in self.agents {
                let plain = self.talk(agent, false, &mut connections)?;
                let Run { tally, spent, seconds } = self.talk(agent, true, &mut connections)?;
                let column = Column::Agent(agent.kind());
                let alone = plain.spent.total() / plain.tally.samples.max(1) as f64;
                let more = spent.total() - alone * tally.samples as f64;
                self.add(Figure::TcpPlain, column, alone / 1e3);
                self.add(Figure::TcpCpu, column, more / tally.annotated.max(1) as f64 / 1e3);
                let share = tally.annotated as f64 / tally.samples.max(1) as f64;
                self.add(Figure::TcpAnnotated, column, share * 100.0);
                self.add(Figure::TcpSamples, column, tally.samples as f64 / seconds / 1e3);
            }
        }
        Ok(())
    }

    /// The same from the network namespace of a container, whose packets this one forwards.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn containers(&mut self) -> Result<()> {
        let receiver = Receiver::start()?;
        let mut connections = Connections::of_container(&receiver, CONNECTIONS)?;
        for _ in 0..self.effort.repetitions {
            for agent in self.agents.iter().filter(|agent| agent.kind() == Kind::Flowmote) {
                let plain = self.talk(agent, false, &mut connections)?;
                let Run { tally, spent, .. } = self.talk(agent, true, &mut connections)?;
                let alone = plain.spent.total() / plain.tally.samples.max(1) as f64;
                let more = spent.total() - alone * tally.samples as f64;
                let column = Column::Agent(agent.kind());
                ensure!(tally.annotated > 0, "no sample has the state of the container");
                self.add(Figure::TcpContainers, column, more / tally.annotated as f64 / 1e3);
            }
        }
        Ok(())
    }

    fn talk(&mut self, agent: &Agent, tcp: bool, connections: &mut Connections) -> Result<Run> {
        let blocks = if tcp { "tcp { }" } else { "" };
        let mut session = self.start_with(agent, bulk::INTERFACE, Some(BUSY), blocks)?;
        session.ready(|| connections.talk(Duration::from_millis(20)))?;
        session.begin()?;
        connections.talk(self.effort.bulk)?;
        let run = session.finish(|_| false)?;
        if tcp {
            self.follow(&session)?;
        }
        session.running.end()?;
        Ok(run)
    }

    /// The cost of asking for connections on which nothing happens.
    fn follow(&mut self, session: &Session) -> Result<()> {
        let (before, start) = (Cpu::of(session.running.pid())?, Instant::now());
        thread::sleep(self.effort.bulk);
        let spent = Cpu::of(session.running.pid())?.since(before).total();
        let connections = CONNECTIONS as f64 * start.elapsed().as_secs_f64();
        self.add(Figure::TcpFollowed, session.column, spent / 1e3 / connections);
        Ok(())
    }

    /// Messages of an application, of which 1 in 400 is sampled.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn json(&mut self) -> Result<()> {
        let application = Application::new()?;
        let count = (MESSAGES * self.effort.light.as_secs_f64() / 3.0) as u64;
        for _ in 0..self.effort.repetitions {
            for agent in self.agents {
                let mut session = self.start_with(agent, SAMPLED, Some(SPARSE), JSON)?;
                session.ready(|| {
                    application.report(2 * u64::from(SPARSE), MESSAGES);
                    Ok(())
                })?;
                session.begin()?;
                application.report(count, MESSAGES);
                let Run { tally, spent, .. } = session.finish(|_| false)?;
                let column = session.column;
                self.add(Figure::JsonUser, column, spent.user / count as f64);
                self.add(Figure::JsonCpu, column, spent.total() / count as f64);
                let estimate = tally.samples * u64::from(SPARSE);
                let error = against_bound(estimate, count, tally.samples);
                self.add(Figure::JsonError, column, error);
                session.running.end()?;
            }
        }
        Ok(())
    }

    /// Memory and wake-ups with the agent's own choice of rate and nothing to sample.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn idle(&mut self, sender: &mut Sender) -> Result<()> {
        let mut sessions = Vec::new();
        for agent in self.agents {
            let mut session = self.start(agent, SAMPLED, None)?;
            session.ready(|| sender.flood(Mark::Probe, PROBE_UNKNOWN_RATE))?;
            sessions.push((session, 0));
        }
        for (session, switches) in &mut sessions {
            session.begin()?;
            *switches = context_switches(session.running.pid())?;
        }
        let start = Instant::now();
        thread::sleep(self.effort.idle);
        for (session, before) in sessions {
            let (column, seconds) = (session.column, start.elapsed().as_secs_f64());
            let switches = context_switches(session.running.pid())? - before;
            self.add(Figure::WakeUps, column, switches as f64 / seconds);
            let spent = Cpu::of(session.running.pid())?.since(session.cpu);
            self.add(Figure::IdleCpu, column, spent.total() / 1e3 / seconds);
            let memory = Memory::of(session.running.pid())?;
            self.add(Figure::Resident, column, megabytes(memory.resident));
            self.add(Figure::ResidentAnonymous, column, megabytes(memory.anonymous));
            self.add(Figure::ResidentFile, column, megabytes(memory.file));
            self.add(Figure::ResidentShared, column, megabytes(memory.shared));
            session.running.end()?;
        }
        Ok(())
    }

    /// The same for Flowmote with every block of the configuration.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn modules(&mut self, sender: &mut Sender) -> Result<()> {
        for agent in self.agents.iter().filter(|agent| agent.kind() == Kind::Flowmote) {
            let mut session = self.start_with(agent, SAMPLED, None, MODULES)?;
            session.ready(|| sender.flood(Mark::Probe, PROBE_UNKNOWN_RATE))?;
            session.begin()?;
            let (before, start) = (context_switches(session.running.pid())?, Instant::now());
            thread::sleep(self.effort.idle);
            let (pid, column) = (session.running.pid(), session.column);
            let seconds = start.elapsed().as_secs_f64();
            let switches = context_switches(pid)? - before;
            self.add(Figure::ModulesWakeUps, column, switches as f64 / seconds);
            let spent = Cpu::of(pid)?.since(session.cpu);
            self.add(Figure::ModulesCpu, column, spent.total() / 1e3 / seconds);
            self.add(Figure::ModulesResident, column, megabytes(Memory::of(pid)?.resident));
            session.running.end()?;
        }
        Ok(())
    }

    /// Age of a packet when the datagram with its sample arrives, under light traffic.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn delay(&mut self, sender: &mut Sender) -> Result<()> {
        let mut sessions = Vec::new();
        for agent in self.agents {
            let mut session = self.start(agent, SAMPLED, Some(1))?;
            session.ready(|| sender.flood(Mark::Probe, 2))?;
            sessions.push(session);
        }
        for session in &mut sessions {
            session.begin()?;
        }
        sender.trickle(Mark::Measure, LIGHT, self.effort.light)?;
        for session in sessions {
            let tally = session.finish(|_| false)?.tally;
            let milliseconds: Vec<_> = tally.delays.iter().map(|&ns| ns as f64 / 1e6).collect();
            let errors: Vec<_> = tally.clock_errors.iter().map(|&ns| ns as f64 / 1e3).collect();
            for (figure, values, q) in [
                (Figure::DelayMedian, &milliseconds, 0.5),
                (Figure::DelayTail, &milliseconds, 0.99),
                (Figure::DelayWorst, &milliseconds, 1.0),
                (Figure::ClockError, &errors, 0.5),
            ] {
                if let Some(value) = quantile(values, q) {
                    self.add(figure, session.column, value);
                }
            }
            session.running.end()?;
        }
        Ok(())
    }

    fn start(
        &self,
        agent: &Agent,
        interface: &'static str,
        sampling: Option<u32>,
    ) -> Result<Session> {
        self.start_with(agent, interface, sampling, "")
    }

    pub(crate) fn start_with(
        &self,
        agent: &Agent,
        interface: &'static str,
        sampling: Option<u32>,
        blocks: &'static str,
    ) -> Result<Session> {
        let collector = Collector::start()?;
        let settings = Settings { interface, sampling, collector: collector.address(), blocks };
        let running = agent.start(settings, self.directory)?;
        let column = Column::Agent(agent.kind());
        Ok(Session { column, running, collector, cpu: Cpu::default() })
    }

    pub(crate) fn add(&mut self, figure: Figure, column: Column, value: f64) {
        self.figures.add(figure, column, value);
    }

    fn sender(&mut self, [rate, cpu]: [Figure; 2], column: Column, flooded: Flooded) {
        let count = flooded.count as f64;
        self.add(rate, column, count / flooded.time.as_secs_f64() / 1e3);
        self.add(cpu, column, flooded.cpu.as_secs_f64() * 1e9 / count);
    }

    fn throughput(&mut self, column: Column, passed: Passed) {
        self.add(Figure::BulkThroughput, column, passed.bits_per_second / 1e9);
    }
}

impl Session {
    pub(crate) fn ready<T>(&mut self, probe: impl FnMut() -> Result<T>) -> Result<()> {
        self.running.ready(&self.collector, probe)
    }

    /// Starts the accounts.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.collector.take();
        self.cpu = Cpu::of(self.running.pid())?;
        Ok(())
    }

    /// Closes the accounts once nothing arrives any more or `done` returns true.
    pub(crate) fn finish(&self, done: impl Fn(&Tally) -> bool) -> Result<Run> {
        let seconds = self.collector.settle(QUIET, done).as_secs_f64();
        let spent = Cpu::of(self.running.pid())?.since(self.cpu);
        let tally = self.collector.take();
        let unread = snmp("Udp", "RcvbufErrors")?;
        if tally.missing != 0 || tally.malformed != 0 || unread != 0 {
            eprintln!(
                "warning: {:?}: {} datagrams missing, {} malformed; {unread} lost by full receive \
                 buffers so far",
                self.column, tally.missing, tally.malformed
            );
        }
        Ok(Run { tally, spent, seconds })
    }
}

/// Relative error of `estimate`, in units of the 95 % bound 1.96 / sqrt(samples).
fn against_bound(estimate: u64, truth: u64, samples: u64) -> f64 {
    let error = (estimate as f64 - truth as f64) / truth as f64;
    error * (samples as f64).sqrt() / 1.96
}

fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 * 1024.0 / 1e6
}

/// N of the sparse runs.
const SPARSE: u32 = 400;
/// N of the runs with many connections: as many samples as 1 in 100 of ten times the packets.
const BUSY: u32 = 10;
const CONNECTIONS: usize = 500;
/// Enough packets for a sample at the rate that any agent chooses for 10 Gbit/s.
const PROBE_UNKNOWN_RATE: u64 = 40_000;
/// Messages per second of an application.
const MESSAGES: f64 = 10_000.0;
/// The block that both agents understand.
const JSON: &str = "json { UDPport = 36343 }";
/// Packets per second of light traffic.
const LIGHT: f64 = 50.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_of_10000_samples_is_1_96_percent() {
        assert!((against_bound(1_019_600, 1_000_000, 10_000) - 1.0).abs() < 1e-9);
        assert!((against_bound(980_400, 1_000_000, 10_000) + 1.0).abs() < 1e-9);
    }
}
