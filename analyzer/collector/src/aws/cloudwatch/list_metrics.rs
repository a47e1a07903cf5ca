//! `ListMetrics`: the metrics that have points, in pages.

use core::net::IpAddr;

use flowmote_decoder::{Address, DataSource};
use flowmote_engine::source::Source;

use super::directory::{Agent, Directory};
use super::metric::{Metric, filters, name, namespace};
use super::names::{Wanted, find, of_agent, of_several};
use super::series::past;
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
    /// Metrics of these that the pages before are about.
    skip: u64,
}

/// Whose metrics are listed, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// Several agents together.
    Several,
    /// A data source of an agent.
    Source(Source),
    /// Programs that report them.
    Programs,
    /// Agents and programs that are silent, so that only the history has them.
    Silent,
}

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let filter = Filter::read(&members)?;
    let place = match token::place(&members, &filter)? {
        None => Place { of: Of::Several, skip: 0 },
        Some(place) => Place::parse(place).ok_or_else(Fault::next_token)?,
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
            no_ports: false,
        }
    }

    /// A page of metrics, and the place where the next one begins.
    fn page(&self, hub: &Hub, directory: &Directory, from: Place) -> (Vec<Metric>, Option<Place>) {
        let mut page = Page { filter: self, from, metrics: Vec::new(), next: None };
        match from.of {
            Of::Several => {
                page.add(numbered(of_several(directory, self.wanted())), Of::Several);
                self.add_agents(hub, directory, &mut page, None);
                self.add_reported(hub, directory, &mut page, 0);
                self.add_silent(hub, &mut page, 0);
            }
            Of::Source(source) => {
                self.add_agents(hub, directory, &mut page, Some(source));
                self.add_reported(hub, directory, &mut page, 0);
                self.add_silent(hub, &mut page, 0);
            }
            Of::Programs => {
                self.add_reported(hub, directory, &mut page, from.skip);
                self.add_silent(hub, &mut page, 0);
            }
            Of::Silent => self.add_silent(hub, &mut page, from.skip),
        }
        (page.metrics, page.next)
    }

    /// Adds the metrics of agents, from a data source on. A page for which many were read is shorter.
    fn add_agents(
        &self,
        hub: &Hub,
        directory: &Directory,
        page: &mut Page<'_>,
        from: Option<Source>,
    ) {
        let agents = directory.from(from.map(|source| source.agent));
        let agents = agents.filter(|agent| self.may_have(agent));
        let sources = agents.flat_map(|agent| of_agent(hub, agent, self.wanted(), from));
        for (read, (source, metrics)) in sources.enumerate() {
            if read >= SOURCES {
                page.next = Some(Place { of: Of::Source(source), skip: 0 });
                return;
            }
            let metrics = numbered(metrics.into_iter().map(|(metric, _)| metric));
            page.add(metrics, Of::Source(source));
            if page.next.is_some() {
                return;
            }
        }
    }

    /// Adds the metrics of programs, from a number on. One that an agent has too is listed there.
    fn add_reported(&self, hub: &Hub, directory: &Directory, page: &mut Page<'_>, from: u64) {
        let now = hub.unix_ms(hub.now()).cast_signed();
        let since = if self.active { now - ACTIVE } else { i64::MIN };
        let mut next = from;
        while page.next.is_none() {
            let reported = hub.aws.reported.lock();
            let rest = (0..)
                .zip(reported.metrics_after(None, since))
                .skip(usize::try_from(next).unwrap_or(usize::MAX));
            let passing = rest.filter(|(_, metric)| self.passes(metric));
            let part: Vec<_> = passing.take(PAGE).map(|(at, it)| (at, it.clone())).collect();
            // Agents are looked at without it.
            drop(reported);
            let Some((last, _)) = part.last() else { return };
            next = last + 1;
            let own = part.into_iter().filter(|(_, it)| find(hub, directory, it).is_none());
            page.add(own, Of::Programs);
        }
    }

    /// Adds the metrics that only the history has, from a place on. A page for which much was read is shorter.
    fn add_silent(&self, hub: &Hub, page: &mut Page<'_>, from: u64) {
        let now = hub.unix_ms(hub.now()).cast_signed();
        let since = now - if self.active { ACTIVE } else { LISTED };
        let (mut next, mut work) = (Some(from), 0);
        while page.next.is_none()
            && let Some(skip) = next
        {
            if work >= WORK {
                page.next = Some(Place { of: Of::Silent, skip });
                return;
            }
            let Some(part) = past::silent(hub, skip, since, &self.wanted(), &self.dimensions)
            else {
                return;
            };
            page.add(part.metrics.into_iter(), Of::Silent);
            (next, work) = (part.next, work + part.work);
        }
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
        let named = self.wanted().has(&metric.namespace, &metric.name);
        named
            && self.dimensions.iter().all(|(name, wanted)| {
                let value = metric.dimension(name);
                value.is_some_and(|value| wanted.as_ref().is_none_or(|wanted| wanted == value))
            })
    }
}

/// A page that is filled.
struct Page<'a> {
    filter: &'a Filter,
    from: Place,
    metrics: Vec<Metric>,
    next: Option<Place>,
}

impl Page<'_> {
    /// Adds metrics that pass the filter, up to the end of the page. Where the page begins, those with
    /// smaller numbers are left out.
    fn add(&mut self, metrics: impl Iterator<Item = (u64, Metric)>, of: Of) {
        if self.next.is_some() {
            return;
        }
        let first = if self.from.of == of { self.from.skip } else { 0 };
        for (skip, metric) in metrics.skip_while(|(number, _)| *number < first) {
            if !self.filter.passes(&metric) {
                continue;
            }
            if self.metrics.len() >= PAGE {
                self.next = Some(Place { of, skip });
                return;
            }
            self.metrics.push(metric);
        }
    }
}

fn numbered(metrics: impl IntoIterator<Item = Metric>) -> impl Iterator<Item = (u64, Metric)> {
    (0..).zip(metrics)
}

impl Place {
    fn text(&self) -> String {
        let of = match self.of {
            Of::Several => String::new(),
            Of::Source(Source { agent, data_source: DataSource { class, index } }) => {
                format!("{class}/{index}/{agent}")
            }
            Of::Programs => "*".to_owned(),
            Of::Silent => "+".to_owned(),
        };
        format!("{}/{of}", self.skip)
    }

    fn parse(text: &str) -> Option<Self> {
        let (skip, of) = text.split_once('/')?;
        let of = match of {
            "" => Of::Several,
            "*" => Of::Programs,
            "+" => Of::Silent,
            source => Of::Source(source_of(source)?),
        };
        Some(Self { of, skip: skip.parse().ok()? })
    }
}

/// The data source of `0/7/192.0.2.1`.
fn source_of(text: &str) -> Option<Source> {
    let (class, rest) = text.split_once('/')?;
    let (index, agent) = rest.split_once('/')?;
    let agent = match agent {
        "unknown" => Address::Unknown,
        agent => agent.parse::<IpAddr>().ok()?.into(),
    };
    let data_source = DataSource { class: class.parse().ok()?, index: index.parse().ok()? };
    Some(Source { agent, data_source })
}

const PAGE: usize = 500;
/// Data sources that are read for a page.
const SOURCES: usize = 20_000;
/// Texts of the history that are read for a page.
const WORK: usize = 20_000;
/// Milliseconds.
const ACTIVE: i64 = 3 * 3_600_000;
/// A metric without a point for two weeks is not listed.
pub(super) const LISTED: i64 = 14 * 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_back() {
        let addresses =
            [Address::Unknown, Address::V4([192, 0, 2, 1].into()), Address::V6(1.into())];
        let data_source = DataSource { class: 0, index: u32::MAX };
        let sources = addresses.map(|agent| Of::Source(Source { agent, data_source }));
        for of in sources.into_iter().chain([Of::Several, Of::Programs, Of::Silent]) {
            let place = Place { of, skip: 17 };
            assert_eq!(Place::parse(&place.text()), Some(place));
        }
        assert_eq!(Place::parse("1/x"), None);
        assert_eq!(Place::parse("1/0/1/x"), None);
        assert_eq!(Place::parse("x/"), None);
    }
}
