//! Lists of the metrics that have no new rows.
//!
//! Most metrics of the catalogue have new rows, and agents list these. To find the others takes a tenth of a
//! microsecond for each place in the catalogue, without any text. So it is done once for the requests of
//! some seconds, and the texts of those metrics only are read that a request may list.

use core::time::Duration;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use redb::{ReadableDatabase, ReadableTable};

use super::catalogue::{Kind, METRICS, TEXTS};
use super::store::{LAST, Result, Store};
use super::{Group, History};

/// A metric of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) name: Arc<str>,
    pub(crate) dimensions: Arc<str>,
    pub(crate) place: u64,
    pub(crate) groups: Vec<Group>,
}

/// Some of the metrics without new rows, in the order of the catalogue.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) metrics: Vec<Listed>,
    /// The place that the next part begins with; `None` after the last one.
    pub(crate) next: Option<u64>,
    /// Texts that were read.
    pub(crate) work: usize,
}

/// Places of metrics, and the times of their last rows.
type Places = Vec<(u64, i64)>;

/// The metrics without new rows.
#[derive(Debug)]
pub(super) struct Silent {
    /// The opening of the file that they are of.
    opening: u64,
    until: Instant,
    places: Places,
    /// The first place that was not looked at: those are as many as have room.
    end: Option<u64>,
}

impl History {
    /// A part of the metrics from a place on that have no new rows, but had one after a time, and whose name is
    /// one of those that are wanted, as their dimensions are. `live` returns the groups that have new rows.
    pub(crate) fn silent(
        &self,
        from: u64,
        since: i64,
        wanted: impl Fn(&str) -> bool,
        has: impl Fn(&str) -> bool,
        live: impl FnOnce() -> HashSet<Group>,
    ) -> Option<Part> {
        self.with(|store| {
            let mut cached = self.silent.lock();
            let opening = self.opening();
            let is_valid = |it: &&Arc<Silent>| it.opening == opening && it.until > Instant::now();
            let reaches = |it: &&Arc<Silent>| it.end.is_none_or(|end| from < end);
            let silent = match cached.as_ref().filter(is_valid).filter(reaches) {
                Some(silent) => silent.clone(),
                None => {
                    let is_next = cached.as_ref().filter(is_valid).is_some();
                    let silent =
                        Arc::new(self.scan(store, if is_next { from } else { 0 }, &live())?);
                    // What has no room is found again by each request for it.
                    if !is_next {
                        *cached = Some(silent.clone());
                    }
                    silent
                }
            };
            drop(cached);
            store.list(&silent, from, since, wanted, has)
        })
    }

    fn scan(&self, store: &Store, from: u64, live: &HashSet<Group>) -> Result<Silent> {
        let begin = Instant::now();
        let most = (self.memory / 8 / size_of::<(u64, i64)>()).max(PART);
        let (places, end) = store.silent(from, live, most)?;
        let pause = (begin.elapsed() * PAUSES).max(AGE);
        Ok(Silent { opening: self.opening(), until: Instant::now() + pause, places, end })
    }
}

impl Store {
    /// The places of metrics of none of these groups from one on, and the times of their last rows. At most so
    /// many, and the place after them if there may be more.
    fn silent(
        &self,
        from: u64,
        live: &HashSet<Group>,
        most: usize,
    ) -> Result<(Places, Option<u64>)> {
        let transaction = self.database.begin_read()?;
        let last = transaction.open_table(LAST)?;
        let mut lasts: HashMap<u32, i64> = HashMap::new();
        for entry in last.iter()? {
            let (group, time) = entry?;
            lasts.insert(group.value(), time.value());
        }
        // Rows of a group that has none in a chunk yet are a few minutes old.
        let last = |group: u32| lasts.get(&group).copied().unwrap_or(i64::MAX);
        let silent =
            |place: Option<(u64, Option<i64>)>| place.and_then(|(it, last)| Some((it, last?)));
        let mut places = Places::new();
        // `None` if one of its groups is live.
        let mut place: Option<(u64, Option<i64>)> = None;
        let (dimensions, name) = parts(from);
        for entry in transaction.open_table(METRICS)?.range((dimensions, name, 0, 0)..)? {
            let (dimensions, name, group, _) = entry?.0.value();
            let own = u64::from(dimensions) << 32 | u64::from(name);
            if place.is_none_or(|(place, _)| place != own) {
                places.extend(silent(place));
                if places.len() >= most {
                    return Ok((places, Some(own)));
                }
                place = Some((own, Some(i64::MIN)));
            }
            if let Some((_, newest)) = &mut place {
                *newest = newest.filter(|_| !live.contains(&Group(group)));
                *newest = newest.map(|newest| newest.max(last(group)));
            }
        }
        places.extend(silent(place));
        Ok((places, None))
    }

    /// A part of them from a place on.
    fn list(
        &self,
        silent: &Silent,
        from: u64,
        since: i64,
        wanted: impl Fn(&str) -> bool,
        has: impl Fn(&str) -> bool,
    ) -> Result<Part> {
        let transaction = self.database.begin_read()?;
        let (metrics, texts) = (transaction.open_table(METRICS)?, transaction.open_table(TEXTS)?);
        let text = |kind: Kind, number: u32| -> Result<Arc<str>> {
            let text = texts.get((kind as u8, number))?;
            Ok(text.map(|text| text.value().into()).unwrap_or_default())
        };
        let mut part = Part::default();
        let mut names: HashMap<u32, Option<Arc<str>>> = HashMap::new();
        let mut dimensions: Option<(u32, Option<Arc<str>>)> = None;
        let first = silent.places.partition_point(|(place, _)| *place < from);
        let rest = silent.places.get(first..).unwrap_or_default();
        for (place, _) in rest.iter().filter(|(_, last)| *last > since) {
            if part.metrics.len() >= PART || part.work >= WORK {
                part.next = Some(*place);
                return Ok(part);
            }
            let (of, number) = parts(*place);
            let name = match names.get(&number) {
                Some(name) => name.clone(),
                None => {
                    part.work += 1;
                    let name = Some(text(Kind::Name, number)?).filter(|name| wanted(name));
                    names.insert(number, name.clone());
                    name
                }
            };
            let Some(name) = name else { continue };
            let own = match &dimensions {
                Some((known, own)) if *known == of => own.clone(),
                _ => {
                    part.work += 1;
                    let own = Some(text(Kind::Dimensions, of)?).filter(|own| has(own));
                    dimensions.insert((of, own)).1.clone()
                }
            };
            let Some(own) = own else { continue };
            let range = (of, number, 0, 0)..=(of, number, u32::MAX, u32::MAX);
            let groups = metrics.range(range)?.map(|entry| Ok(Group(entry?.0.value().2)));
            let groups = groups.collect::<Result<_>>()?;
            part.metrics.push(Listed { name, dimensions: own, place: *place, groups });
        }
        part.next = silent.end;
        Ok(part)
    }
}

/// The numbers of the dimensions and the name of a place.
fn parts(place: u64) -> (u32, u32) {
    ((place >> 32) as u32, place as u32)
}

/// Metrics of a part.
const PART: usize = 500;
/// Texts of a part.
const WORK: usize = 2000;
/// The time for which places are kept at least; metrics fall silent hours after their last row.
const AGE: Duration = Duration::from_secs(10);
/// They are looked for in at most one part of so many of the time.
const PAUSES: u32 = 20;
