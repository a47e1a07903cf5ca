//! Queries: each is worked on when it is started, and its rows are kept for those who read them later.

use std::collections::VecDeque;
use std::sync::Arc;

use super::contributors::{Category, Metric, Wanted, rows};
use super::monitors::{check, limit};
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::aws::request_id;
use crate::hub::Hub;

/// The last queries, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Queries(VecDeque<Query>);

#[derive(Debug)]
struct Query {
    id: String,
    unit: &'static str,
    rows: Arc<Vec<Document>>,
}

impl Queries {
    fn add(&mut self, query: Query) {
        let rows = |all: &VecDeque<Query>| all.iter().map(|it| it.rows.len()).sum::<usize>();
        while self.0.len() >= MAX_QUERIES || rows(&self.0) + query.rows.len() > MAX_KEPT {
            if self.0.pop_front().is_none() {
                break;
            }
        }
        self.0.push_back(query);
    }

    fn find(&self, id: &str) -> Result<&Query, Fault> {
        let found = self.0.iter().find(|query| query.id == id);
        found.ok_or_else(|| {
            let id: String = id.chars().take(64).collect();
            let text =
                format!("The query {id} does not exist. The last queries are kept: {MAX_QUERIES}, with {MAX_KEPT} rows.");
            Fault::new(Kind::ResourceNotFound, text)
        })
    }
}

pub(super) fn start(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    check(&members)?;
    let wanted = read(&members)?;
    let (id, unit, rows) = (request_id(), wanted.metric.unit(), Arc::new(rows(hub, &wanted)?));
    hub.aws.queries.lock().add(Query { id: id.clone(), unit, rows });
    Ok(Document::new().with("queryId", id))
}

fn read(members: &Members<'_>) -> Result<Wanted, Fault> {
    let (from, to) = (members.required_time("startTime")?, members.required_time("endTime")?);
    if from >= to {
        return Err(Fault::validation("startTime must be before endTime."));
    }
    let metric = members.required("metricName")?;
    let metric = Metric::parse(metric)
        .ok_or_else(|| Fault::validation(format!("metricName has {metric:?}, which is none.")))?;
    let category = members.required("destinationCategory")?;
    let category = Category::parse(category).ok_or_else(|| {
        Fault::validation(format!("destinationCategory has {category:?}, which is none."))
    })?;
    Ok(Wanted { from, to, metric, category, limit: limit(members, "limit", MAX_ROWS)? })
}

pub(super) fn status(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    check(&members)?;
    hub.aws.queries.lock().find(members.required("queryId")?)?;
    Ok(Document::new().with("status", "SUCCEEDED"))
}

/// A query has ended when its id is known, so that nothing is left to stop.
pub(super) fn stop(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    status(hub, document).map(|_| Document::new())
}

pub(super) fn results(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    check(&members)?;
    let most = limit(&members, "maxResults", MAX_ROWS)?;
    let (unit, rows) = {
        let queries = hub.aws.queries.lock();
        let query = queries.find(members.required("queryId")?)?;
        (query.unit, query.rows.clone())
    };
    let from = match members.text("nextToken")? {
        None => 0,
        Some(token) => token
            .parse()
            .ok()
            .filter(|from| (1..rows.len()).contains(from))
            .ok_or_else(Fault::next_token)?,
    };
    let end = rows.len().min(from + most);
    let page = rows.get(from..end).unwrap_or_default();
    Ok(Document::new()
        .with("unit", unit)
        .with("topContributors", page.to_vec())
        .with_some("nextToken", (end < rows.len()).then(|| end.to_string())))
}

/// Queries whose rows are kept.
const MAX_QUERIES: usize = 32;
/// Rows of all of them, about two kilobytes each.
const MAX_KEPT: usize = 2000;
/// Rows of a query, and of a page.
const MAX_ROWS: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_their_rows_have_a_limit() {
        let mut queries = Queries::default();
        let mut add = |id: usize, rows: usize| {
            let rows = Arc::new(vec![Document::Null; rows]);
            queries.add(Query { id: id.to_string(), unit: "Bytes", rows });
            let known = (0..100).filter(|id| queries.find(&id.to_string()).is_ok());
            known.collect::<Vec<usize>>()
        };
        for id in 0..4 {
            add(id, 500);
        }
        assert_eq!(add(4, 0), [0, 1, 2, 3, 4]);
        assert_eq!(add(5, 501), [2, 3, 4, 5]);
        for id in 6..40 {
            add(id, 1);
        }
        assert_eq!(add(40, 1), (9..=40).collect::<Vec<_>>());
    }
}
