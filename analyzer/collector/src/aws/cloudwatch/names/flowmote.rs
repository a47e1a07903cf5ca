//! `Flowmote`: all numbers of the engine under their published names, and what else follows from counters.

use std::sync::Arc;

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::source::Source;

use super::{COUNT, Formula, Found, NONE, PERCENT, newest, percent, sum, value};
use crate::aws::cloudwatch::metric::{Dimension, Metric};
use crate::aws::cloudwatch::series::{Part, Pick};

pub(super) const NAMESPACE: &str = "Flowmote";

pub(super) const FORMULAS: &[Formula] = &[
    value("disk_worst_used_percent", "host_disk_io", PERCENT, |row| row.value("part_max_used")),
    sum("tcp_retrans", TCP, COUNT, |row| row.difference("tcpRetransSegs")),
    value("tcp_retrans_percent", TCP, PERCENT, |row| {
        percent(row.difference("tcpRetransSegs")?, row.difference("tcpOutSegs")?)
    }),
    sum("tcp_active_opens", TCP, COUNT, |row| row.difference("tcpActiveOpens")),
    sum("tcp_passive_opens", TCP, COUNT, |row| row.difference("tcpPassiveOpens")),
    sum("tcp_attempt_fails", TCP, COUNT, |row| row.difference("tcpAttemptFails")),
    sum("tcp_estab_resets", TCP, COUNT, |row| row.difference("tcpEstabResets")),
];

/// Adds the metrics of a data source.
pub(super) fn read(
    found: &mut Found<'_>,
    analyzer: &Analyzer,
    at: Part,
    is_host: bool,
    port: Option<&Arc<str>>,
) {
    if !found.wanted.has_namespace(NAMESPACE) {
        return;
    }
    let dimensions = dimensions(found, &at.source, is_host, port);
    for record in analyzer.metrics().past_records(&at.source) {
        if is_host {
            found.formulas(NAMESPACE, FORMULAS, record, at, &dimensions);
        }
        let one = found.wanted.name.map(|name| (Arc::from(name), record.find(name)));
        let all = one.is_none().then(|| record.published()).into_iter().flatten();
        let one = one.and_then(|(name, metric)| Some((name, metric?)));
        for (name, metric) in all.chain(one) {
            if newest(record).any(|row| record.value(&row, metric).is_some()) {
                let unit = unit(&name, metric.rate);
                let metric = Metric::new(NAMESPACE, &name, dimensions.clone());
                found.add(metric, Pick::Published(name), unit, at);
            }
        }
    }
    for custom in analyzer.metrics().past_customs(&at.source) {
        if found.wanted.has(NAMESPACE, custom.name) && custom.is_known() {
            let metric = Metric::new(NAMESPACE, custom.name, dimensions.clone());
            let unit = if custom.counter { COUNT } else { NONE };
            found.add(metric, Pick::Custom(custom.name.clone()), unit, at);
        }
    }
}

/// The host and, for all others, the data source.
fn dimensions(
    found: &Found<'_>,
    source: &Source,
    is_host: bool,
    port: Option<&Arc<str>>,
) -> Vec<Dimension> {
    let mut dimensions = vec![("host".to_owned(), found.agent.host.to_string())];
    if let Some(port) = port {
        dimensions.push(("interface".to_owned(), port.to_string()));
    } else if !is_host {
        let label = found.hub.names.label(source.data_source).to_string();
        dimensions.push(("datasource".to_owned(), label));
    }
    dimensions
}

/// The unit of a published metric, as far as its name shows it.
pub(in crate::aws::cloudwatch) fn unit(name: &str, rate: bool) -> &'static str {
    match rate {
        true if name.contains("octets") || name.contains("bytes") => "Bytes/Second",
        true => "Count/Second",
        false if name.ends_with("utilization") => PERCENT,
        false => NONE,
    }
}

const TCP: &str = "mib2_tcp_group";
