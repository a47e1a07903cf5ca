//! The table of services, containers and pods.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

use flowmote_core::{DataSource, Duration, Instant};
use foldhash::{HashMap, HashMapExt};
use uuid::Uuid;

use super::StableIndexes;

/// The services, containers and pods of the host.
#[derive(Debug)]
pub struct Entities {
    indexes: StableIndexes,
    /// By index of the data source.
    members: BTreeMap<u32, Member>,
    by_cgroup: HashMap<u64, DataSource>,
    /// `None`: several entities have the address.
    by_address: HashMap<IpAddr, Option<DataSource>>,
    host_uuid: [u8; 16],
}

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A unit of the service manager.
    Service,
    /// A container of Docker, containerd or another runtime.
    Container,
    /// A pod of Kubernetes.
    Pod,
}

/// An entity that was found on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// What it is called by the kernel and its manager, different from those of all others of its
    /// kind: name of the unit, id of the container, UID of the pod. Index and UUID follow from it.
    pub id: String,
    /// Name for the user.
    pub name: String,
    /// Id of its cgroup.
    pub cgroup: u64,
    /// Ids of all cgroups whose sockets are those of the entity; empty: its traffic is not marked.
    pub sockets: Vec<u64>,
    /// Addresses that only the entity has.
    pub addresses: Vec<IpAddr>,
    /// The id that its network namespace has in that of the agent; `None`: it has none of its own, or
    /// no interface of the agent's leads there.
    pub namespace: Option<i32>,
}

/// An entity of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its data source, `3:100000` to `3:149999`.
    pub source: DataSource,
    /// What it is.
    pub kind: Kind,
    /// Name for the user.
    pub name: String,
    /// The same on each start of the agent. All zero: unknown, for a service of a host without UUID.
    pub uuid: [u8; 16],
}

/// The data source of a [`Found`] entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its data source.
    pub source: DataSource,
    /// See [`Entity::uuid`].
    pub uuid: [u8; 16],
    /// It has another cgroup than at the last update, so that its counters start again at 0.
    pub restarted: bool,
}

#[derive(Debug)]
struct Member {
    entity: Entity,
    cgroup: u64,
    namespace: Option<i32>,
    /// When it was not found for the first time; `None`: it is there.
    gone: Option<Instant>,
}

impl Entities {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self {
            indexes: StableIndexes::new(FIRST_INDEX..=LAST_INDEX),
            members: BTreeMap::new(),
            by_cgroup: HashMap::new(),
            by_address: HashMap::new(),
            host_uuid: [0; 16],
        }
    }

    /// Returns the entity that the sockets of a cgroup belong to (INET_DIAG_CGROUP_ID), if its
    /// traffic is to be marked.
    #[must_use]
    pub fn of_cgroup(&self, id: u64) -> Option<DataSource> {
        self.by_cgroup.get(&id).copied()
    }

    /// Returns the entity that alone has this address, if its traffic is to be marked.
    #[must_use]
    pub fn of_address(&self, address: IpAddr) -> Option<DataSource> {
        self.by_address.get(&address).copied().flatten()
    }

    /// Returns the id of the network namespace of the entity that [has](Self::of_address) this address.
    #[must_use]
    pub fn namespace_of(&self, address: IpAddr) -> Option<i32> {
        let source = self.of_address(address)?;
        self.members.get(&source.index())?.namespace
    }

    /// The entities that are there, in the order of their indexes.
    pub fn iter(&self) -> impl Iterator<Item = &Entity> {
        let there = self.members.values().filter(|member| member.gone.is_none());
        there.map(|member| &member.entity)
    }

    /// Sets the UUID of the host, from which those of services are made.
    pub fn set_host_uuid(&mut self, uuid: [u8; 16]) {
        self.host_uuid = uuid;
    }

    /// Replaces the entities. The result has the place of each; `None`: the table is full. One that
    /// is not found any more keeps its index for the time `forget`.
    pub fn update(
        &mut self,
        now: Instant,
        found: &[Found],
        forget: Duration,
    ) -> Vec<Option<Place>> {
        self.by_cgroup.clear();
        self.by_address.clear();
        let mut there: HashMap<u32, Place> = HashMap::new();
        let places: Vec<Option<Place>> = found
            .iter()
            .map(|found| {
                let place = self.insert(found, there.len())?;
                there.insert(place.source.index(), place);
                Some(place)
            })
            .collect();
        self.forget(now, forget, &|index| there.contains_key(&index));
        places
    }

    /// Adds or updates an entity; `None` if there are too many.
    fn insert(&mut self, found: &Found, others: usize) -> Option<Place> {
        if others >= MAX_ENTITIES {
            return None;
        }
        let index = self.indexes.assign(&format!("{}/{}", found.kind, found.id))?;
        let source = DataSource::logical(index);
        let uuid = self.uuid(found);
        let entity = Entity { source, kind: found.kind, name: found.name.clone(), uuid };
        let Found { cgroup, namespace, .. } = *found;
        let member = Member { entity, cgroup, namespace, gone: None };
        let before = self.members.insert(index, member);
        let before = before.filter(|member| member.gone.is_none());
        self.by_cgroup.extend(found.sockets.iter().map(|id| (*id, source)));
        for address in &found.addresses {
            match self.by_address.entry(*address) {
                Entry::Vacant(vacant) => _ = vacant.insert(Some(source)),
                Entry::Occupied(mut shared) => _ = shared.insert(None),
            }
        }
        let restarted = before.is_some_and(|member| member.cgroup != found.cgroup);
        Some(Place { source, uuid, restarted })
    }

    /// Frees the indexes of those that are gone for so long, or gone the longest if they are many.
    fn forget(&mut self, now: Instant, after: Duration, is_there: &dyn Fn(u32) -> bool) {
        let mut gone = Vec::new();
        for (index, member) in &mut self.members {
            if !is_there(*index) {
                gone.push((*member.gone.get_or_insert(now), *index));
            }
        }
        gone.sort_unstable();
        let too_many = gone.len().saturating_sub(MAX_GONE);
        for (number, (since, index)) in gone.into_iter().enumerate() {
            if number < too_many || now.since(since) >= after {
                self.members.remove(&index);
                self.indexes.release(index);
            }
        }
    }

    fn uuid(&self, Found { kind, id, .. }: &Found) -> [u8; 16] {
        let named = |space: &Uuid| Uuid::new_v5(space, format!("{kind}/{id}").as_bytes());
        let uuid = match kind {
            // Other hosts have services of the same name.
            Kind::Service if self.host_uuid == [0; 16] => Uuid::nil(),
            Kind::Service => named(&Uuid::from_bytes(self.host_uuid)),
            Kind::Container => named(&NAMESPACE),
            // It is a UUID, except for pods that the node itself has made up from a file.
            Kind::Pod => Uuid::try_parse(id).unwrap_or_else(|_| named(&NAMESPACE)),
        };
        uuid.into_bytes()
    }
}

impl Default for Entities {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "service",
            Self::Container => "container",
            Self::Pod => "pod",
        })
    }
}

/// The range of hsflowd.
const FIRST_INDEX: u32 = 100_000;
const LAST_INDEX: u32 = 149_999;
/// Entities that are there. A node of Kubernetes has 110 pods unless it is configured otherwise.
const MAX_ENTITIES: usize = 1024;
/// Entities whose index is kept after their end.
const MAX_GONE: usize = 4096;
/// Drawn once at random. Another one would change the UUID of every container.
const NAMESPACE: Uuid = Uuid::from_u128(0x5b0c_7d4e_3f91_4a26_8e57_c1d8_096a_b342);

#[cfg(test)]
mod tests {
    use super::*;

    const FORGET: Duration = Duration::from_secs(180);

    fn at(secs: u64) -> Instant {
        Instant::from_millis(secs * 1000)
    }

    fn service(id: &str, cgroup: u64) -> Found {
        Found {
            kind: Kind::Service,
            id: id.into(),
            name: id.into(),
            cgroup,
            sockets: Vec::new(),
            addresses: Vec::new(),
            namespace: None,
        }
    }

    fn sources(entities: &mut Entities, now: Instant, found: &[Found]) -> Vec<DataSource> {
        let places = entities.update(now, found, FORGET);
        places.into_iter().map(|place| place.unwrap().source).collect()
    }

    /// hsflowd numbers entities in the order in which it finds them.
    #[test]
    fn index_and_uuid_are_the_same_after_a_restart() {
        let found = [service("ssh.service", 1), service("cron.service", 2)];
        let mut first = Entities::new();
        first.set_host_uuid([7; 16]);
        let places = first.update(at(0), &found, FORGET);
        let mut second = Entities::new();
        second.set_host_uuid([7; 16]);
        let swapped = [found[1].clone(), found[0].clone()];
        let again = second.update(at(0), &swapped, FORGET);
        assert_eq!(places, [again[1], again[0]]);
        let [ssh, cron] = [places[0].unwrap(), places[1].unwrap()];
        assert!((FIRST_INDEX..=LAST_INDEX).contains(&ssh.source.index()));
        assert_ne!(ssh.uuid, cron.uuid);
        assert_eq!(Uuid::from_bytes(ssh.uuid).get_version_num(), 5);
        second.set_host_uuid([8; 16]);
        let other = second.update(at(1), &found, FORGET)[0].unwrap();
        assert!(other.source == ssh.source && other.uuid != ssh.uuid, "a service of another host");
        second.set_host_uuid([0; 16]);
        assert_eq!(second.update(at(2), &found, FORGET)[0].unwrap().uuid, [0; 16]);
    }

    /// hsflowd aborts on an id that it cannot parse.
    #[test]
    fn pod_has_its_own_uuid_and_any_id_has_one() {
        let entities = Entities::new();
        let uuid = |kind, id: &str| entities.uuid(&Found { kind, ..service(id, 1) });
        let text = "5d1ff72a-7a4e-4b6c-9d58-0d1f2f1f7a10";
        assert_eq!(Uuid::from_bytes(uuid(Kind::Pod, text)).to_string(), text);
        let ids = ["", "x", "\n", "5d1ff72a", &"f".repeat(64)];
        let mut uuids: Vec<_> = ids.iter().map(|id| uuid(Kind::Pod, id)).collect();
        uuids.extend(ids.iter().map(|id| uuid(Kind::Container, id)));
        uuids.sort_unstable();
        uuids.dedup();
        assert_eq!(uuids.len(), 2 * ids.len());
    }

    #[test]
    fn sockets_and_addresses_belong_to_an_entity_while_it_is_there() {
        let mut entities = Entities::new();
        let own: IpAddr = "10.0.0.1".parse().unwrap();
        let shared: IpAddr = "fd00::1".parse().unwrap();
        let a = Found { sockets: vec![1, 2], addresses: vec![own, shared], ..service("a", 1) };
        let b = Found { addresses: vec![shared], ..service("b", 9) };
        let found = sources(&mut entities, at(0), &[a.clone(), b]);
        assert_eq!(entities.of_cgroup(2), Some(found[0]));
        assert_eq!(entities.of_cgroup(9), None, "its traffic is not marked");
        assert_eq!(entities.of_address(own), Some(found[0]));
        assert_eq!(entities.of_address(shared), None);
        assert_eq!(entities.iter().count(), 2);
        sources(&mut entities, at(1), &[a]);
        assert_eq!(entities.of_address(shared), Some(found[0]));
        sources(&mut entities, at(2), &[]);
        assert_eq!((entities.of_cgroup(1), entities.of_address(own)), (None, None));
        assert_eq!(entities.iter().count(), 0);
    }

    #[test]
    fn new_cgroup_of_an_entity_that_is_there_restarts_its_counters() {
        let mut entities = Entities::new();
        let mut restarted = |now, cgroup| {
            let found: Vec<_> =
                Option::map(cgroup, |cgroup| service("a", cgroup)).into_iter().collect();
            let place = entities.update(at(now), &found, FORGET).first().copied().flatten();
            place.map(|place| place.restarted)
        };
        assert_eq!(restarted(0, Some(1)), Some(false));
        assert_eq!(restarted(1, Some(1)), Some(false));
        assert_eq!(restarted(2, Some(2)), Some(true));
        assert_eq!(restarted(3, None), None);
        assert_eq!(restarted(4, Some(3)), Some(false), "its data source is new for the agent");
    }

    #[test]
    fn index_is_kept_until_the_entity_is_forgotten() {
        let mut entities = Entities::new();
        sources(&mut entities, at(0), &[service("a", 1)]);
        sources(&mut entities, at(10), &[]);
        sources(&mut entities, at(189), &[]);
        assert_eq!(entities.members.len(), 1);
        sources(&mut entities, at(190), &[]);
        assert_eq!(entities.members.len(), 0);
    }

    #[test]
    fn entities_that_come_and_go_leave_nothing() {
        let mut entities = Entities::new();
        for batch in 0..100 {
            let numbers = (0..100).map(|number| batch * 100 + number);
            let found: Vec<_> = numbers
                .map(|id| Found { sockets: vec![id], ..service(&id.to_string(), id) })
                .collect();
            assert_eq!(sources(&mut entities, at(batch), &found).len(), 100);
            assert!(entities.members.len() <= MAX_GONE + 100);
        }
        sources(&mut entities, at(100), &[]);
        sources(&mut entities, at(280), &[]);
        assert!(entities.members.is_empty() && entities.by_cgroup.is_empty());
        // No index is in use: the first ones are free again.
        let again: Vec<_> = (0..1000).map(|number| service(&number.to_string(), number)).collect();
        let mut fresh = Entities::new();
        assert_eq!(sources(&mut entities, at(300), &again), sources(&mut fresh, at(300), &again));
    }

    #[test]
    fn full_table_leaves_the_rest_out() {
        let mut entities = Entities::new();
        let found: Vec<_> = (0..1030).map(|number| service(&number.to_string(), number)).collect();
        let places = entities.update(at(0), &found, FORGET);
        assert_eq!(places.iter().flatten().count(), MAX_ENTITIES);
        assert!(places[..MAX_ENTITIES].iter().all(Option::is_some));
        assert_eq!(entities.iter().count(), MAX_ENTITIES);
    }
}
