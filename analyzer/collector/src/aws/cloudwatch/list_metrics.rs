//! `ListMetrics`: the metrics that have points, in pages.

use core::net::IpAddr;

use flowmote_decoder::Address;

use super::directory::{Agent, Directory};
use super::metric::{Metric, filters, name, namespace};
use super::names::{Wanted, find, of_agent, of_several};
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
    /// True for metrics with a value in the last three hours only.
    active: bool,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    of: Of,
    /// Metrics of these that were listed before.
    skip: usize,
}

/// Whose metrics are listed, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Several agents together.
    Several,
    Agent(Address),
    /// Programs that report them.
    Programs,
}

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let filter = Filter::read(&members)?;
    let place = match members.text("NextToken")? {
        None => Place { of: Of::Several, skip: 0 },
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
            active: members.text("RecentlyActive")?.is_some(),
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
        let skip = |of| if from.of == of { from.skip } else { 0 };
        if from.of == Of::Several {
            page.add(of_several(directory, self.wanted()), from);
        }
        let first = match from.of {
            Of::Several => Some(None),
            Of::Agent(address) => Some(Some(address)),
            Of::Programs => None,
        };
        let agents = first.into_iter().flat_map(|first| directory.from(first));
        for agent in agents.filter(|agent| self.may_have(agent)) {
            if page.next.is_some() {
                break;
            }
            let of = Of::Agent(agent.address);
            let metrics = of_agent(hub, agent, self.wanted()).into_iter().map(|(metric, _)| metric);
            page.add(metrics, Place { of, skip: skip(of) });
        }
        if page.next.is_none() {
            let now = hub.unix_ms(hub.now()).cast_signed();
            let since = if self.active { now - ACTIVE } else { i64::MIN };
            let reported = hub.aws.reported.lock();
            let wanted = self.wanted();
            let own = reported
                .metrics_after(None, since)
                .filter(|metric| wanted.has(&metric.namespace, &metric.name))
                // It is listed with its agent.
                .filter(|metric| find(hub, directory, metric).is_none());
            page.add(own.cloned(), Place { of: Of::Programs, skip: skip(Of::Programs) });
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
    fn add(&mut self, metrics: impl IntoIterator<Item = Metric>, place: Place) {
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
        let of = match self.of {
            Of::Several => String::new(),
            Of::Agent(address) => address.to_string(),
            Of::Programs => "*".to_owned(),
        };
        format!("{}/{of}", self.skip)
    }

    fn parse(text: &str) -> Option<Self> {
        let (skip, of) = text.split_once('/')?;
        let of = match of {
            "" => Of::Several,
            "*" => Of::Programs,
            "unknown" => Of::Agent(Address::Unknown),
            text => Of::Agent(match text.parse().ok()? {
                IpAddr::V4(address) => Address::V4(address),
                IpAddr::V6(address) => Address::V6(address),
            }),
        };
        Some(Self { of, skip: skip.parse().ok()? })
    }
}

const PAGE: usize = 500;
/// Milliseconds.
const ACTIVE: i64 = 3 * 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back() {
        let addresses =
            [Address::Unknown, Address::V4([192, 0, 2, 1].into()), Address::V6(1.into())];
        for of in addresses.map(Of::Agent).into_iter().chain([Of::Several, Of::Programs]) {
            let place = Place { of, skip: 17 };
            assert_eq!(Place::parse(&place.text()), Some(place));
        }
        assert_eq!(Place::parse("1/x"), None);
        assert_eq!(Place::parse("x/"), None);
    }
}
