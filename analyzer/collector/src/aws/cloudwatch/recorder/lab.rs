//! A laboratory for tests: agents, the engine, the recorder and the history, in virtual time.
//!
//! Polls have the times that the test gives. They are ahead of the clock, which history and engine accept.

use std::collections::BTreeMap;

use flowmote_core::record::counter::{HostCpu, HostDescr, HostNetIo};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DatagramHead, Encoding, FlowValue, MetricValue,
    RtFlow, RtMetric,
};
use flowmote_engine::Arrival;
use flowmote_engine::events::EventLog;
use flowmote_engine::flowcache::FlowLog;
use flowmote_engine::source::Source;
use tempfile::TempDir;

use super::Recorder;
use crate::aws::cloudwatch::directory::Directories;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::period::{Period, Periods};
use crate::aws::cloudwatch::series::Series;
use crate::aws::testing::hub_of;
use crate::history::History;
use crate::hub::Hub;

pub(crate) struct Lab {
    pub(crate) hub: Hub,
    recorder: Recorder,
    directory: TempDir,
    threads: usize,
    /// A whole hour: milliseconds since 1970.
    pub(crate) start: i64,
}

/// A poll of an instance.
#[derive(Clone, Copy)]
pub(crate) struct Poll {
    pub(crate) thread: usize,
    /// The last byte of the address, and of the identity.
    pub(crate) instance: u16,
    pub(crate) kind: &'static str,
    /// Seconds after the start.
    pub(crate) second: u32,
}

/// Bytes that an instance receives in a second.
pub(crate) const BYTES: u64 = 600;

impl Lab {
    pub(crate) fn new(threads: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let hub = Self::open(&directory, threads);
        let now = hub.unix_ms(hub.now()).cast_signed();
        let start = now - now.rem_euclid(60_000) + 60_000;
        Self { hub, recorder: Recorder::default(), directory, threads, start }
    }

    fn open(directory: &TempDir, threads: usize) -> Hub {
        let hub = hub_of(threads, 64 << 20);
        let now = hub.unix_ms(hub.now());
        let history = History::new(directory.path(), 1 << 30, hub.history_memory);
        history.open(now.cast_signed());
        hub.aws.set_history(history, now);
        hub
    }

    /// Ends the program after it has recorded all, and starts another one.
    pub(crate) fn restart(&mut self) {
        self.record();
        if let Some(history) = self.hub.aws.history() {
            history.close();
        }
        self.hub = Self::open(&self.directory, self.threads);
        self.recorder = Recorder::default();
    }

    /// The time after the start of the first row of an instance that is in memory.
    pub(crate) fn begin(&self, instance: u16) -> i64 {
        let [high, low] = instance.to_be_bytes();
        let agent = flowmote_decoder::Address::V4([10, 0, high, low].into());
        let source =
            Source { agent, data_source: flowmote_decoder::DataSource { class: 2, index: 1 } };
        let first = self.hub.first(|analyzer| {
            let records = analyzer.metrics().past_records(&source);
            records.filter_map(|record| record.first()).min()
        });
        let first = first.flatten().map(|(time, _)| self.hub.unix_ms(time).cast_signed());
        first.map_or(i64::MAX, |first| first - self.start)
    }

    /// Records what has come.
    pub(crate) fn record(&mut self) {
        self.hub.aws.directory = Directories::default();
        let history = self.hub.aws.history().expect("a history");
        self.recorder.round(&self.hub, history);
    }

    pub(crate) fn history(&self) -> &History {
        self.hub.aws.history().expect("a history")
    }

    pub(crate) fn poll(&self, poll: Poll) {
        let unix = self.start + i64::from(poll.second) * 1000;
        let arrival = Arrival { time: self.hub.time(unix.unsigned_abs()), sender: None };
        let datagram = datagram(&poll);
        let mut thread = 0;
        self.hub.each(|analyzer| {
            if thread == poll.thread {
                analyzer.ingest(&arrival, &datagram);
            }
            thread += 1;
        });
    }

    /// Lets a second end in which nothing is reported.
    pub(crate) fn tick(&self, second: u32) {
        let time = self.hub.time((self.start + i64::from(second) * 1000).unsigned_abs());
        let (mut flows, mut events) = (FlowLog::new(16), EventLog::default());
        self.hub.each(|analyzer| analyzer.tick(time, &mut flows, &mut events));
    }

    /// Reports of a connection with so many bytes each second, to one of the threads.
    pub(crate) fn reports(&self, thread: usize, seconds: core::ops::Range<u32>, bytes: i64) {
        let (mut flows, mut events) = (FlowLog::new(16), EventLog::default());
        for second in seconds {
            let time = self.hub.time((self.start + i64::from(second) * 1000).unsigned_abs());
            let datagram = report(second, bytes);
            let mut number = 0;
            self.hub.each(|analyzer| {
                if number == thread {
                    analyzer.ingest(&Arrival { time, sender: None }, &datagram);
                }
                analyzer.tick(time, &mut flows, &mut events);
                number += 1;
            });
        }
    }

    /// Polls each ten seconds, from the first one to the last one.
    pub(crate) fn polls(&self, first: Poll, last: u32) {
        for second in (first.second..=last).step_by(10) {
            self.poll(Poll { second, ..first });
        }
    }

    pub(crate) fn find(&self, metric: &Metric, from: u32) -> Vec<Series> {
        let directory = Directories::default().get(&self.hub);
        let from = self.start + i64::from(from) * 1000;
        Series::find(&self.hub, &directory, metric, None, from)
    }

    /// The samples of a metric by periods, over the time between two seconds.
    pub(crate) fn read(
        &self,
        metric: &Metric,
        seconds: u32,
        (from, to): (u32, u32),
    ) -> BTreeMap<i64, Period> {
        let at = |second: u32| self.start + i64::from(second) * 1000;
        let periods = Periods::new(at(from), at(to), seconds, "Period").unwrap();
        let all = self.find(metric, from);
        let points = all.iter().flat_map(|series| series.points(&self.hub, &periods));
        let filled = periods.fill(points, false).into_iter();
        filled.map(|(begin, period)| ((begin - self.start) / 1000, period)).collect()
    }

    pub(crate) fn sum(&self, metric: &Metric, span: (u32, u32)) -> f64 {
        self.read(metric, 60, span).values().map(|period| period.sum).sum()
    }
}

fn report(second: u32, bytes: i64) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head([10, 1, 0, 1]));
    let fields = [
        ("local", FlowValue::Address([10, 0, 0, 1].into())),
        ("remote", FlowValue::Address([10, 0, 0, 2].into())),
        ("bytes_sent", FlowValue::Int64(bytes)),
        ("rtt", FlowValue::Int32(100 + bytes as i32)),
    ];
    let flow = RtFlow { datasource: "tcp", sampling_rate: 1, sample_pool: 0, fields: &fields };
    datagram.rt_flow(&flow).expect("room");
    datagram.finish(second + 1, second * 1000).to_vec()
}

fn head(address: [u8; 4]) -> DatagramHead {
    let (sub_agent_id, encoding) = (0, Encoding::Compact);
    DatagramHead { address: address.into(), sub_agent_id, encoding, max_bytes: 1400 }
}

fn datagram(poll: &Poll) -> Vec<u8> {
    let [high, low] = poll.instance.to_be_bytes();
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head([10, 0, high, low]));
    let (id, time) = (format!("i-{}", poll.instance), poll.second + 1);
    let host = format!("host{}", poll.instance);
    let cpu = HostCpu { cpu_user: time * 250, cpu_idle: time * 750, ..HostCpu::UNKNOWN };
    let net = HostNetIo { bytes_in: u64::from(time) * BYTES, ..HostNetIo::UNKNOWN };
    let name = HostDescr { hostname: &host, ..HostDescr::UNKNOWN };
    let sample = CounterSample { records: &[&name, &cpu, &net] };
    datagram.counter_sample(DataSource::HOST, time, &sample).expect("room");
    let identity = [
        ("cloud_instance_id", MetricValue::String(&id)),
        ("cloud_instance_type", MetricValue::String(poll.kind)),
    ];
    datagram.rt_metric(&RtMetric { datasource: "cloud", metrics: &identity }).expect("room");
    datagram.finish(time, time * 1000).to_vec()
}
