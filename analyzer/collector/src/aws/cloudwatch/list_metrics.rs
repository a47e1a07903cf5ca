//! `ListMetrics`: the metrics that have points, in pages.

use core::net::IpAddr;

use flowmote_decoder::Address;

use super::directory::{Agent, Directory};
use super::metric::{Metric, filters, name, namespace};
use super::names::{Wanted, of_agent, of_several};
use super::token;
use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;
use crate::hub::Hub;

/// Which metrics are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Filter {
    namespace: Option<String>,
    name: Option<String>,
    /// Names with a value, or with any.
    dimensions: Vec<(String, Option<String>)>,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// The agent; `None` for the metrics of several agents together, which come first.
    agent: Option<Address>,
    /// Metrics of it that were listed before.
    skip: usize,
}

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let filter = Filter::read(&members)?;
    let place = match members.text("NextToken")? {
        None => Place { agent: None, skip: 0 },
        Some(token) => Place::parse(token::read(&filter, token)?).ok_or_else(Fault::next_token)?,
    };
    let (metrics, next) = filter.page(hub, &hub.aws.directory.get(hub), place);
    let metrics: Vec<_> = metrics.iter().map(Metric::document).collect();
    let token = next.map(|place| token::write(&filter, &place.text()));
    Ok(Document::new().with("Metrics", metrics).with_some("NextToken", token))
}

impl Filter {
    fn read(members: &Members<'_>) -> Result<Self, Fault> {
        if !matches!(members.text("RecentlyActive")?, None | Some("PT3H")) {
            return Err(Fault::value("RecentlyActive", "must be PT3H"));
        }
        Ok(Self {
            namespace: namespace(members)?.map(str::to_owned),
            name: name(members)?.map(str::to_owned),
            dimensions: filters(members)?,
        })
    }

    fn wanted(&self) -> Wanted<'_> {
        let interface = self.dimensions.iter().find(|(name, _)| name == "interface");
        Wanted {
            namespace: self.namespace.as_deref(),
            name: self.name.as_deref(),
            interface: interface.and_then(|(_, value)| value.as_deref()),
        }
    }

    /// A page of metrics, and the place where the next one begins.
    fn page(&self, hub: &Hub, directory: &Directory, from: Place) -> (Vec<Metric>, Option<Place>) {
        let mut page = Page { filter: self, metrics: Vec::new(), next: None };
        if from.agent.is_none() {
            page.add(of_several(directory, self.wanted()), from);
        }
        for agent in directory.from(from.agent).filter(|agent| self.may_have(agent)) {
            if page.next.is_some() {
                break;
            }
            let skip = if from.agent == Some(agent.address) { from.skip } else { 0 };
            let metrics = of_agent(hub, agent, self.wanted()).into_iter().map(|(metric, _)| metric);
            page.add(metrics.collect(), Place { agent: Some(agent.address), skip });
        }
        (page.metrics, page.next)
    }

    /// False if no metric of an agent has the dimensions.
    fn may_have(&self, agent: &Agent) -> bool {
        self.dimensions.iter().all(|(name, value)| match (name.as_str(), value) {
            ("InstanceId", Some(id)) => agent.instance.as_ref().is_some_and(|it| *it.id == **id),
            ("host", Some(host)) => *agent.host == **host,
            _ => true,
        })
    }

    fn passes(&self, metric: &Metric) -> bool {
        self.dimensions.iter().all(|(name, wanted)| {
            let value = metric.dimension(name);
            value.is_some_and(|value| wanted.as_ref().is_none_or(|wanted| wanted == value))
        })
    }
}

/// A page that is filled.
struct Page<'a> {
    filter: &'a Filter,
    metrics: Vec<Metric>,
    next: Option<Place>,
}

impl Page<'_> {
    /// Adds the metrics of a place that pass the filter, up to the end of the page.
    fn add(&mut self, metrics: Vec<Metric>, place: Place) {
        let filter = self.filter;
        let passing = metrics.into_iter().filter(|metric| filter.passes(metric));
        for (number, metric) in passing.enumerate().skip(place.skip) {
            if self.metrics.len() >= PAGE {
                self.next = Some(Place { skip: number, ..place });
                return;
            }
            self.metrics.push(metric);
        }
    }
}

impl Place {
    fn text(&self) -> String {
        let agent = self.agent.map(|agent| agent.to_string()).unwrap_or_default();
        format!("{}/{agent}", self.skip)
    }

    fn parse(text: &str) -> Option<Self> {
        let (skip, agent) = text.split_once('/')?;
        let agent = match agent {
            "" => None,
            "unknown" => Some(Address::Unknown),
            text => Some(match text.parse().ok()? {
                IpAddr::V4(address) => Address::V4(address),
                IpAddr::V6(address) => Address::V6(address),
            }),
        };
        Some(Self { agent, skip: skip.parse().ok()? })
    }
}

const PAGE: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back() {
        let addresses =
            [Address::Unknown, Address::V4([192, 0, 2, 1].into()), Address::V6(1.into())];
        for agent in addresses.map(Some).into_iter().chain([None]) {
            let place = Place { agent, skip: 17 };
            assert_eq!(Place::parse(&place.text()), Some(place));
        }
        assert_eq!(Place::parse("1/x"), None);
        assert_eq!(Place::parse("x/"), None);
    }
}
