//! tmp
use crate::config::Config;
use crate::links::Links;
use flowmote_core::{CounterRecord, CounterSource, DataSource, Instant};
use std::io;
/// tmp
#[derive(Debug)]
pub(crate) struct Counters {}
impl Counters {
    /// tmp
    pub(crate) fn new(_config: &Config) -> io::Result<Self> {
        Ok(Self {})
    }
    /// tmp
    pub(crate) fn reconfigure(&mut self, _config: &Config) {}
    /// tmp
    pub(crate) fn at<'a>(&'a mut self, _now: Instant, _links: &'a Links) -> &'a mut Self {
        self
    }
}
impl CounterSource for Counters {
    fn counters(&mut self, _s: DataSource, _take: &mut dyn FnMut(&[&dyn CounterRecord])) {}
}
