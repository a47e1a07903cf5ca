//! The names of what is recorded: texts of groups, and the metrics of the catalogue.

use std::sync::Arc;

use flowmote_decoder::DataSource;
use flowmote_engine::points::Points;
use flowmote_engine::source::Source;

use crate::aws::cloudwatch::directory::Agent;
use crate::aws::cloudwatch::metric::Metric;
use crate::aws::cloudwatch::names::{Wanted, of_agent, of_several_with};
use crate::history::{History, Stored};
use crate::hub::Hub;

/// All names that metrics of a data source have. With another one, it is another series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Names {
    host: Arc<str>,
    instance: [Option<Arc<str>>; 3],
    source: DataSource,
    port: Option<Arc<str>>,
    driver: Option<Arc<str>>,
}

impl Names {
    pub(super) fn of(points: &Points, agent: &Agent, source: &Source) -> Self {
        let instance = agent.instance.as_ref();
        let id = instance.map(|it| it.id.clone());
        let image = instance.and_then(|it| it.image.clone());
        let kind = instance.and_then(|it| it.kind.clone());
        Self {
            host: agent.host.clone(),
            instance: [id, image, kind],
            source: source.data_source,
            port: points.text(source, "ifname").cloned(),
            driver: points.text(source, "ethtool_driver").cloned(),
        }
    }

    /// The text of the group of a record.
    pub(super) fn group(&self, record: &str) -> String {
        let Self { host, instance, source, port, driver } = self;
        let [id, image, kind] = instance.each_ref().map(|it| it.as_deref().unwrap_or_default());
        let (port, driver) = (port.as_deref(), driver.as_deref());
        let (port, driver) = (port.unwrap_or_default(), driver.unwrap_or_default());
        let source = format!("{}:{}", source.class, source.index);
        [host, id, image, kind, &source, port, driver, record].join("\0")
    }
}

/// Puts the metrics of an agent into the catalogue.
pub(super) fn register(hub: &Hub, history: &History, agent: &Agent) {
    let all = of_agent(hub, agent, Wanted::default(), None).flat_map(|(_, found)| found);
    for (metric, series) in all {
        for (group, column) in series.places(hub) {
            let unit: Arc<str> = series.unit.as_ref().into();
            let stored = Stored { group, column, unit };
            add(history, &metric, &stored);
            for together in of_several_with(agent, &metric) {
                add(history, &together, &stored);
            }
        }
    }
}

fn add(history: &History, metric: &Metric, stored: &Stored) {
    let (name, dimensions) = metric.texts();
    history.add_metric(&name, &dimensions, stored);
}
