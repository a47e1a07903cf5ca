//! The data sources of an agent, ports with their names.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowmote_decoder::Address;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::source::Source;
use foldhash::{HashMap, HashMapExt};

use super::{HOST, Wanted};

/// The data sources of an agent in an analyzer, ports with the names that they have of themselves.
#[derive(Debug)]
pub(in crate::aws::cloudwatch) struct Unnamed(Vec<(Source, Option<Arc<str>>)>);

/// The data sources of an agent in an analyzer.
#[derive(Clone, Debug)]
pub(in crate::aws::cloudwatch) struct Sources {
    pub(super) host: Option<Source>,
    /// The names of ports, `None` for other data sources.
    pub(super) all: BTreeMap<Source, Option<Arc<str>>>,
    /// Those that are no ports.
    others: Vec<Source>,
    /// Ports by name. One can have the ifIndex of another one as its name.
    ports: HashMap<Arc<str>, Vec<Source>>,
}

impl Unnamed {
    /// A port that has no name, or has that of another port too, has its ifIndex.
    pub(in crate::aws::cloudwatch) fn named(self) -> Sources {
        let is_port = |source: &Source| source.data_source.class == 0;
        let mut counts: HashMap<Arc<str>, usize> = HashMap::new();
        for name in self.0.iter().filter(|(it, _)| is_port(it)).filter_map(|(_, it)| it.clone()) {
            *counts.entry(name).or_default() += 1;
        }
        let name = |source: &Source, name: Option<Arc<str>>| {
            let own = name.filter(|name| counts.get(name) == Some(&1));
            own.unwrap_or_else(|| source.data_source.index.to_string().into())
        };
        let (mut all, mut others, mut ports) = (BTreeMap::new(), Vec::new(), HashMap::new());
        for (source, own) in self.0 {
            let port = is_port(&source).then(|| name(&source, own));
            match port.clone() {
                Some(port) => ports.entry(port).or_insert_with(Vec::new).push(source),
                None => others.push(source),
            }
            all.insert(source, port);
        }
        let host = all.keys().find(|source| source.data_source.class == HOST).copied();
        Sources { host, all, others, ports }
    }
}

impl Sources {
    /// The data sources of an agent in an analyzer.
    pub(in crate::aws::cloudwatch) fn read(analyzer: &Analyzer, agent: Address) -> Unnamed {
        let points = analyzer.metrics().points();
        let name = |source: &Source| points.text(source, "ifname").cloned();
        Unnamed(points.sources(agent).map(|source| (source, name(&source))).collect())
    }

    /// Those that can have what is wanted.
    pub(super) fn wanted(&self, wanted: &Wanted<'_>) -> Vec<Source> {
        let others = self.others.iter().copied();
        match wanted.interface {
            _ if wanted.no_ports => others.collect(),
            Some(name) => {
                let ports = self.ports.get(name).into_iter().flatten();
                others.chain(ports.copied()).collect()
            }
            None => self.all.keys().copied().collect(),
        }
    }
}
