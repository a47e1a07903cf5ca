use super::*;

const ALL: RangeInclusive<i64> = 0..=i64::MAX;

fn one(store: &mut Store, group: &str, stream: &str, now: i64, timestamp: i64, message: &str) {
    assert!(store.append(group, stream, now, [(timestamp, message)].into_iter()));
}

fn forward(store: &Store, group: &str) -> Vec<(i64, String)> {
    let view = store.view(group, &ALL, 0).unwrap();
    let (from, to) = limits(&ALL);
    view.forward(from, to, 0).map(|event| (event.timestamp, event.message.to_owned())).collect()
}

/// Times in no order, the same for each run.
fn times(count: u64) -> impl Iterator<Item = i64> {
    (0..count).map(|n| ((n * 7919 + 13) % 1009).cast_signed() + (n / 50).cast_signed())
}

#[test]
fn events_are_read_in_the_order_of_time_both_ways() {
    let mut store = Store::new(1 << 20);
    for (at, time) in times(5000).enumerate() {
        one(&mut store, "g", &format!("s{}", at % 7), 5000 + at as i64, time, &format!("m{at}"));
    }
    let view = store.view("g", &(100..=900), 0).unwrap();
    let (from, to) = limits(&(100..=900));
    let mut expected: Vec<_> = (0..).zip(times(5000)).map(|(n, time)| (time, n)).collect();
    expected.retain(|(time, _)| (100..=900).contains(time));
    let mut scanned: Vec<_> = view.scan(&(100..=900)).map(|event| event.key()).collect();
    scanned.sort_unstable();
    expected.sort_unstable();
    assert_eq!(scanned, expected);
    assert_eq!(view.forward(from, to, 0).map(|it| it.key()).collect::<Vec<_>>(), expected);
    expected.reverse();
    assert_eq!(view.backward(from, to).map(|it| it.key()).collect::<Vec<_>>(), expected);
    for event in view.forward(from, to, 0) {
        assert_eq!(event.message, format!("m{}", event.sequence));
        assert_eq!(event.ingestion, 5000 + event.sequence as i64);
        assert_eq!(&**view.stream(event.stream).unwrap(), format!("s{}", event.sequence % 7));
    }
}

#[test]
fn view_has_what_was_there_and_pages_go_on_after_a_place() {
    let mut store = Store::new(1 << 20);
    times(3000).for_each(|time| one(&mut store, "g", "s", 1, time, "m"));
    let first = store.view("g", &ALL, 0).unwrap();
    let (mut from, to) = limits(&ALL);
    let mut seen = Vec::new();
    loop {
        // The chunks of the first page are closed meanwhile, and others come.
        times(100).for_each(|time| one(&mut store, "g", "s", 2, time, "later"));
        let view = store.view("g", &ALL, 0).unwrap();
        let page = view.forward(from, to, 0).filter(|it| it.sequence < first.end);
        let page: Vec<_> = page.take(170).map(|it| it.key()).collect();
        let Some((timestamp, sequence)) = page.last() else { break };
        from = (*timestamp, sequence + 1);
        seen.extend(page);
    }
    let (from, to) = limits(&ALL);
    assert_eq!(seen, first.forward(from, to, 0).map(|it| it.key()).collect::<Vec<_>>());
    assert_eq!(seen.len(), 3000);
    let news = store.view("g", &ALL, first.end).unwrap();
    assert!(news.scan(&ALL).filter(|it| it.sequence >= first.end).all(|it| it.message == "later"));
}

#[test]
fn full_memory_drops_the_oldest_events_of_the_largest_group() {
    let mut store = Store::new(1 << 20);
    one(&mut store, "small", "s", 0, 0, "stays");
    for now in 0..50_000 {
        one(&mut store, "large", "s", now, now, "a message of about forty bytes in a log");
        assert!(store.bytes() <= 1 << 20, "{}", store.bytes());
    }
    assert_eq!(forward(&store, "small"), [(0, "stays".to_owned())]);
    let kept = forward(&store, "large");
    assert_eq!(store.counts().dropped, 50_000 - kept.len() as u64);
    assert_eq!(store.counts().events, 50_001);
    // Little more than the texts.
    assert!(kept.len() > (1 << 20) / (39 + 32) * 7 / 8, "{}", kept.len());
    assert!(kept.iter().map(|(time, _)| *time).eq(50_000 - kept.len() as i64..50_000));
    assert_eq!(store.bytes, store.groups.values().map(Group::bytes).sum::<usize>());
}

#[test]
fn streams_go_with_their_last_event_unless_they_were_made() {
    let mut store = Store::new(256 << 10);
    store.create("g", 0).unwrap();
    store.create_stream("g", "made", 0).unwrap();
    for now in 0..100 {
        let stream = format!("s{now}");
        one(&mut store, "g", &stream, now, now, &"x".repeat(20_000));
    }
    let group = store.group("g").unwrap();
    let names: Vec<_> = group.streams().map(|(name, _)| &**name).collect();
    assert!(names.contains(&"made") && names.contains(&"s99") && !names.contains(&"s0"));
    assert!(names.len() < 20, "{names:?}");
    assert_eq!(group.names.len(), names.len());
    assert_eq!(group.stream("s99").unwrap().first, Some(99));
    assert!(store.bytes() <= 256 << 10);
}

#[test]
fn message_larger_than_the_memory_leaves_nothing() {
    let mut store = Store::new(64 << 10);
    one(&mut store, "g", "s", 0, 0, &"x".repeat(100_000));
    assert_eq!((forward(&store, "g").len(), store.counts().dropped), (0, 1));
    one(&mut store, "g", "s", 0, 0, "x");
    assert_eq!(forward(&store, "g").len(), 1);
}

#[test]
fn deleted_groups_and_streams_are_not_returned() {
    let mut store = Store::new(1 << 20);
    assert_eq!(store.create("g", 0), Ok(()));
    assert_eq!(store.create("g", 0), Err(Refusal::Exists));
    assert_eq!(store.create_stream("none", "s", 0), Err(Refusal::NoGroup));
    assert_eq!(store.create_stream("g", "s", 0), Ok(()));
    assert_eq!(store.create_stream("g", "s", 0), Err(Refusal::Exists));
    one(&mut store, "g", "s", 0, 0, "m");
    assert_eq!(store.delete_stream("g", "s"), Ok(()));
    assert_eq!(store.delete_stream("g", "s"), Err(Refusal::NoStream));
    let view = store.view("g", &ALL, 0).unwrap();
    assert!(view.scan(&ALL).all(|event| view.stream(event.stream).is_none()));
    assert_eq!(store.delete("g"), Ok(()));
    assert_eq!((store.delete("g"), store.bytes()), (Err(Refusal::NoGroup), 0));
}

#[test]
fn groups_and_streams_have_limits_and_what_they_refuse_is_counted() {
    let mut store = Store::new(64 << 20);
    (0..MAX_GROUPS).for_each(|at| store.create(&format!("g{at}"), 0).unwrap());
    assert_eq!(store.create("more", 0), Err(Refusal::TooMany));
    assert!(!store.append("more", "s", 0, [(0, "a"), (0, "b")].into_iter()));
    (0..MAX_STREAMS).for_each(|at| store.create_stream("g0", &format!("s{at}"), 0).unwrap());
    assert_eq!(store.create_stream("g0", "more", 0), Err(Refusal::TooMany));
    assert!(!store.append("g0", "more", 0, [(0, "a")].into_iter()));
    assert_eq!(store.counts().refused, 3);
}

#[test]
fn streams_that_are_kept_leave_room_for_events() {
    let mut store = Store::new(256 << 10);
    store.create("g", 0).unwrap();
    let made = (0..10_000).take_while(|at| store.create_stream("g", &format!("s{at}"), 0).is_ok());
    assert!((100..1000).contains(&made.count()));
    one(&mut store, "g", "s0", 1, 1, "an event");
    assert_eq!(forward(&store, "g"), [(1, "an event".to_owned())]);
    store.delete_stream("g", "s1").unwrap();
    assert_eq!(store.create_stream("g", "another", 0), Ok(()));
    store.delete("g").unwrap();
    assert_eq!((store.bytes, store.kept), (0, 0));
}
