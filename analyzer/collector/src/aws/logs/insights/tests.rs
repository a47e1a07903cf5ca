use core::ops::RangeInclusive;
use core::sync::atomic::AtomicBool;
use core::time::Duration;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::bounds::{Bounds, Overrun};
use super::command::Query;
use super::record::{DEFAULT, Source};
use super::run::{Outcome, run};
use crate::aws::logs::store::Store;

const ALL: RangeInclusive<i64> = 0..=i64::MAX;
/// That of a flow log of a user.
const FORMAT: [&str; 4] = ["srcaddr", "pkt-srcaddr", "tcp-flags", "end"];
static NEVER: AtomicBool = AtomicBool::new(false);

const RECORDS: [&str; 6] = [
    "2 123456789010 eni-1 10.0.0.1 10.0.0.2 4000 80 6 20 4000 1800000000 1800000059 ACCEPT OK",
    "2 123456789010 eni-1 10.0.0.1 10.0.0.3 4001 443 6 2 500 1800000010 1800000059 ACCEPT OK",
    "2 123456789010 eni-1 10.0.0.1 10.0.0.2 4002 80 6 10 1500 1800000070 1800000119 ACCEPT OK",
    "2 123456789010 eni-2 10.0.9.9 10.0.0.2 53 53 17 1 90 1800000080 1800000119 REJECT OK",
    "2 123456789010 eni-2 2001:db8::1 2001:db8::2 1 2 17 1 10 1800000090 1800000119 ACCEPT OK",
    "2 123456789010 eni-2 - - - - - - - 1800000095 1800000119 - NODATA",
];

fn flows() -> Store {
    let mut store = Store::new(16 << 20);
    for record in RECORDS {
        let fields: Vec<_> = record.split(' ').collect();
        let time = fields[10].parse::<i64>().unwrap() * 1000;
        store.append(
            "/flowmote/vpc",
            &format!("{}-all", fields[2]),
            1_800_000_200_000,
            [(time, record)].into_iter(),
        );
    }
    store
}

fn outcome(
    store: &Store,
    group: &str,
    text: &str,
    memory: usize,
) -> Result<(Vec<String>, Outcome), Overrun> {
    let query = Query::parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
    let formats = vec![FORMAT.to_vec(), DEFAULT.to_vec()];
    let view = store.view(group, &ALL, 0).unwrap();
    let sources = [Source::new(view, "123456789010", formats)];
    let time = Duration::from_secs(60);
    let bounds = Bounds { memory, time, is_cancelled: &NEVER, limit: 10_000 };
    let outcome = run(&query, &sources, &ALL, &bounds)?;
    let names = query.columns.iter().map(|column| query.names[*column].clone()).collect();
    Ok((names, outcome))
}

/// The names of the columns, and the rows, with `-` for what is missing.
fn table(store: &Store, group: &str, text: &str) -> Vec<String> {
    let (names, outcome) = outcome(store, group, text, 1 << 20).unwrap();
    let is_shown: Vec<_> = names.iter().map(|name| name != "@ptr").collect();
    let line = |cells: Vec<String>| {
        let cells = cells.into_iter().zip(&is_shown).filter(|(_, shown)| **shown);
        cells.map(|(cell, _)| cell).collect::<Vec<_>>().join(" | ")
    };
    let rows = outcome.rows.iter().map(|row| {
        line(row.iter().cloned().map(|cell| cell.unwrap_or_else(|| "-".to_owned())).collect())
    });
    core::iter::once(line(names.clone())).chain(rows).collect()
}

fn of_flows(text: &str) -> Vec<String> {
    table(&flows(), "/flowmote/vpc", text)
}

#[test]
fn statistics_of_flow_records_are_those_computed_by_hand() {
    assert_eq!(
        of_flows("stats sum(bytes) as b by srcAddr, dstAddr | sort b desc | limit 15"),
        [
            "srcAddr | dstAddr | b",
            "10.0.0.1 | 10.0.0.2 | 5500",
            "10.0.0.1 | 10.0.0.3 | 500",
            "10.0.9.9 | 10.0.0.2 | 90",
            "2001:db8::1 | 2001:db8::2 | 10",
            "- | - | 0",
        ]
    );
    assert_eq!(
        of_flows("filter protocol=17 | stats count(*) by srcAddr | sort srcAddr"),
        ["srcAddr | count(*)", "10.0.9.9 | 1", "2001:db8::1 | 1"]
    );
    assert_eq!(
        of_flows(
            "filter action in ['REJECT', 'DROP'] or bytes >= 1500 | stats avg(bytes) as a, min(bytes), max(bytes), count_distinct(dstAddr) as d, floor(stddev(packets) * 1000) as s"
        ),
        // 4000, 1500, 90; packets 20, 10, 1: mean 31/3, squares 9.67² + 0.33² + 9.33² = 180.67.
        [
            "a | min(bytes) | max(bytes) | d | s".to_owned(),
            format!("{} | 90 | 4000 | 1 | 9504", 5590.0 / 3.0),
        ]
    );
    assert_eq!(
        of_flows(
            "filter ispresent(bytes) | stats sum(bytes) / 1000 as kb, count(*) as n by bin(1m) as t | sort t"
        ),
        ["t | kb | n", "2027-01-15 08:00:00.000 | 4.5 | 2", "2027-01-15 08:01:00.000 | 1.6 | 3",]
    );
    assert_eq!(
        of_flows(
            "stats pct(bytes, 50) as p, pct(bytes, 100), earliest(dstPort), latest(action), sortsFirst(interfaceId)"
        ),
        [
            "p | pct(bytes, 100) | earliest(dstPort) | latest(action) | sortsFirst(interfaceId)",
            "500 | 4000 | 80 | ACCEPT | eni-1"
        ]
    );
    assert_eq!(
        of_flows("filter bytes > 1e9 | stats count(*), sum(bytes), avg(bytes)"),
        ["count(*) | sum(bytes) | avg(bytes)", "0 | 0 | -"]
    );
    assert_eq!(
        of_flows("stats count(*) by action | sort count(*) desc, action | limit 2"),
        ["action | count(*)", "ACCEPT | 4", "REJECT | 1"]
    );
    assert_eq!(
        of_flows("stats sum(bytes) as b by srcAddr | filter b > 400 | stats count(*) as n, max(b)"),
        ["n | max(b)", "1 | 6000"]
    );
}

#[test]
fn events_are_the_newest_first_with_the_fields_that_are_asked_for() {
    assert_eq!(
        of_flows("fields @timestamp, srcPort | filter logStatus = 'OK' | limit 2"),
        ["@timestamp | srcPort", "2027-01-15 08:01:30.000 | 1", "2027-01-15 08:01:20.000 | 53"]
    );
    assert_eq!(
        of_flows(
            "fields bytes * 8 as bits | sort bits desc | display interfaceId, bits, start, startTime | limit 1"
        ),
        ["interfaceId | bits | start | startTime", "eni-1 | 32000 | 1800000000 | 1800000000"]
    );
    assert_eq!(
        of_flows("fields endTime | sort @timestamp asc | limit 1"),
        ["endTime", "1800000059"]
    );
    // The prefix of Grafana.
    let rows = of_flows(
        "fields @timestamp,ltrim(@log) as __log__grafana_internal__,ltrim(@logStream) as __logstream__grafana_internal__|fields @message | limit 1",
    );
    assert_eq!(
        rows[0],
        "@timestamp | __log__grafana_internal__ | __logstream__grafana_internal__ | @message"
    );
    assert_eq!(
        rows[1],
        format!(
            "2027-01-15 08:01:35.000 | 123456789010:/flowmote/vpc | eni-2-all | {}",
            RECORDS[5]
        )
    );
    assert_eq!(
        of_flows("fields srcAddr | sort @timestamp | dedup srcAddr"),
        ["srcAddr", "10.0.0.1", "10.0.9.9", "2001:db8::1", "-",]
    );
    let (names, outcome) = outcome(&flows(), "/flowmote/vpc", "fields bytes", 1 << 20).unwrap();
    assert_eq!(names, ["bytes", "@ptr"]);
    assert_eq!((outcome.counts.records, outcome.counts.matched), (6, 6));
    assert_eq!(outcome.counts.bytes, RECORDS.iter().map(|it| it.len() as u64).sum::<u64>());
    assert!(outcome.rows.iter().all(|row| row[1].is_some()));
}

#[test]
fn conditions_compare_numbers_texts_and_addresses() {
    let count = |filter: &str| {
        let rows = of_flows(&format!("filter {filter} | stats count(*)"));
        rows[1].parse::<u64>().unwrap()
    };
    for (filter, expected) in [
        ("dstPort = 80", 2),
        ("dstPort != 80", 3),
        ("not (dstPort = 80)", 4),
        ("dstPort < 80 and dstPort >= 2", 2),
        ("dstPort in [80, 443]", 3),
        ("dstPort not in [80, 443]", 3),
        ("srcAddr like '10.0.0'", 3),
        ("srcAddr like /^10\\.0\\.[0-9]\\./", 4),
        ("srcAddr =~ /9$/", 1),
        ("srcAddr not like /^10/", 2),
        ("isIpv4InSubnet(srcAddr, '10.0.0.0/24')", 3),
        ("isIpv4InSubnet(srcAddr, '0.0.0.0/0')", 4),
        ("isIpv6InSubnet(srcAddr, '2001:db8::/32')", 1),
        ("isIpInSubnet(srcAddr, '2001:db8::/32') || isIpInSubnet(srcAddr, '10.0.9.0/24')", 2),
        ("isValidIp(srcAddr)", 5),
        ("ispresent(srcAddr)", 5),
        ("isblank(srcAddr)", 1),
        ("strcontains(action, 'REJ')", 1),
        ("srcPort + 1 = 4001 and bytes / packets = 200", 1),
        ("bytes % 7 = 3 and protocol = 17", 1),
        ("2 ^ 3 * 10 = dstPort", 2),
        ("-bytes < -3999", 1),
        ("strlen(srcAddr) = 8 and upper(lower(action)) = 'ACCEPT'", 3),
        ("substr(srcAddr, 5) = '9.9' or substr(srcAddr, 0, 4) = '2001'", 2),
        ("concat(srcPort, '-', dstPort) = '53-53'", 1),
        ("replace(srcAddr, '.', '') = '10001'", 3),
        ("coalesce(srcAddr, 'none') = 'none'", 1),
        ("ceil(1.2) + floor(1.8) + abs(-1) = 4", 6),
        ("datefloor(@timestamp, 1h) = fromMillis(1800000000000)", 6),
        ("dateceil(@timestamp, 1m) = fromMillis(1800000000000)", 1),
        ("toMillis(@timestamp) > 1800000080000", 2),
        ("trim('  x ') = 'x' and ltrim('xxa', 'x') = 'a' and rtrim('a ') = 'a'", 6),
        ("interfaceId = \"eni-1\" # and no more\n and action = 'ACCEPT'", 3),
    ] {
        assert_eq!(count(filter), expected, "{filter}");
    }
}

#[test]
fn members_of_json_and_parsed_texts_are_fields() {
    let mut store = Store::new(1 << 20);
    let lines = [
        r#"{"user": {"id": 7, "name": "ann"}, "tags": ["x", "y"], "ok": true, "gone": null, "a.b": 1}"#,
        r#"{"user": {"id": 12, "name": "bob"}, "latency": 1.5}"#,
        "25 May 2019 10:24:39,474 [ERROR] user=bob, method:get, latency := 20",
        "no fields",
        r#"{"cut": "#,
    ];
    let events = (0..).zip(lines);
    store.append("g", "s", 9, events);
    assert_eq!(
        table(
            &store,
            "g",
            "filter user.id > 1 | fields user.name, tags.1, `a.b`, latency, gone, ok | sort @timestamp"
        ),
        [
            "user.name | tags.1 | a.b | latency | gone | ok",
            "ann | y | 1 | - | - | 1",
            "bob | - | - | 1.5 | - | -"
        ]
    );
    assert_eq!(
        table(
            &store,
            "g",
            r#"parse @message "user=*, method:*, latency := *" as @user, @method, @latency | filter ispresent(@user) | display @user, @method, @latency"#
        ),
        ["@user | @method | @latency", "bob | get | 20"]
    );
    assert_eq!(
        table(
            &store,
            "g",
            r"parse @message /user=(?<who>.*?), method:(?<how>\w+)/ | stats count(*) by who, how | sort who"
        ),
        ["who | how | count(*)", "bob | get | 1", "- | - | 4"]
    );
    assert_eq!(
        table(&store, "g", "parse '[*]' as level | stats count(level)"),
        ["count(level)", "2"]
    );
}

#[test]
fn flow_records_have_the_fields_of_their_format() {
    let mut store = Store::new(1 << 20);
    store.append("g", "s", 0, [(5, "10.0.0.1 10.9.9.9 2 1800000000")].into_iter());
    let rows = table(&store, "g", "fields srcAddr, pktSrcAddr, tcpFlags, endTime, bytes");
    assert_eq!(rows[1], "10.0.0.1 | 10.9.9.9 | 2 | 1800000000 | -");
}

#[test]
fn wrong_queries_have_a_place() {
    let mut others = Vec::new();
    for (text, at) in [
        ("", 0),
        ("show tables", 0),
        ("fields a |", 10),
        ("fields a b", 9),
        ("fields", 6),
        ("filter a =", 10),
        ("filter a like /(/", 14),
        ("filter a like /x", 14),
        ("filter 'a", 7),
        ("filter a not = 1", 9),
        ("filter a in 1", 12),
        ("filter nothing(a)", 7),
        ("filter strlen()", 7),
        ("filter sum(a) > 1", 7),
        ("stats bytes", 6),
        ("stats sum()", 10),
        ("stats sum(sum(a))", 10),
        ("stats pct(a, 101)", 10),
        ("stats sum(a) as b, c", 19),
        ("stats sum(a) / c as b by d", 6),
        ("stats sum(a) as b, b / c as d by e", 19),
        ("stats count(*) by bin(0m)", 18),
        ("stats count(*) by bin(1mo)", 22),
        ("fields datefloor(@timestamp, 0)", 7),
        ("fields a | pattern @message", 11),
        ("diff", 0),
        ("SOURCE '/flowmote/vpc' | limit 1", 0),
        ("stats count(*) by bin(5x)", 22),
        ("limit 0", 6),
        ("limit 10001", 6),
        ("parse @message '*' as a, b", 15),
        ("parse @message /a/", 15),
        ("sort a up", 7),
    ] {
        let wrong = Query::parse(text).map(|_| ()).unwrap_err();
        if wrong.at != at {
            others.push((text, at, wrong));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
    assert!(Query::parse(&format!("filter {}1{}", "(".repeat(30), ")".repeat(30))).is_ok());
    assert!(Query::parse(&format!("filter {}1{}", "(".repeat(3000), ")".repeat(3000))).is_err());
    assert!(Query::parse(&format!("fields {}", "a".repeat(10_000))).is_err());
    let chain = |operators: usize| format!("filter {}", vec!["1"; operators + 1].join("+"));
    assert!(Query::parse(&chain(501)).is_err());
    assert_eq!(of_flows(&format!("{} | stats count(*)", chain(500)))[1], "6");
}

#[test]
fn rows_and_groups_that_take_too_much_memory_end_a_query() {
    let mut store = Store::new(16 << 20);
    let lines: Vec<_> = (0..5000).map(|n| format!("{{\"n\": {n}}}")).collect();
    store.append("g", "s", 0, (0..).zip(lines.iter().map(String::as_str)));
    let ends = |text: &str, memory| outcome(&store, "g", text, memory).map(|(_, it)| it.rows.len());
    assert_eq!(ends("stats count(*) by n", 4 << 20), Ok(5000));
    assert_eq!(ends("stats count(*) by n", 100_000), Err(Overrun::Memory));
    assert_eq!(ends("stats count_distinct(n) as d", 10_000), Err(Overrun::Memory));
    assert_eq!(ends("stats pct(n, 50) as d", 10_000), Err(Overrun::Memory));
    assert_eq!(ends("fields n | sort n | dedup n", 100_000), Err(Overrun::Memory));
    // With an order and a limit the others need no memory.
    assert_eq!(ends("fields n | sort n desc | limit 5", 100_000), Ok(5));
    assert_eq!(table(&store, "g", "fields n | sort n desc | limit 2"), ["n", "4999", "4998"]);
    assert_eq!(table(&store, "g", "sort n | limit 1 | display n"), ["n", "0"]);
    let query = Query::parse("stats count(*)").unwrap();
    let views = [Source::new(store.view("g", &ALL, 0).unwrap(), "", Vec::new())];
    let cancelled = AtomicBool::new(true);
    let bounds =
        Bounds { memory: 1 << 20, time: Duration::ZERO, is_cancelled: &cancelled, limit: 9 };
    assert_eq!(run(&query, &views, &ALL, &bounds).map(|_| ()), Err(Overrun::Cancelled));
    let bounds = Bounds { is_cancelled: &NEVER, ..bounds };
    assert_eq!(run(&query, &views, &ALL, &bounds).map(|_| ()), Err(Overrun::Time));
}

/// Any text is a query or wrong.
#[test]
fn no_text_makes_a_panic() {
    let parts = [
        "fields ",
        "filter ",
        "stats ",
        "sort ",
        "limit ",
        "dedup ",
        "parse ",
        "display ",
        " by ",
        " as ",
        " | ",
        "(",
        ")",
        "[",
        "]",
        ",",
        "*",
        "a",
        "@timestamp",
        "bytes",
        "1",
        "5m",
        "'x'",
        "\"",
        "/",
        "`",
        "count",
        "sum(bytes)",
        "bin(1m)",
        " like ",
        " in ",
        " not ",
        " and ",
        "=",
        "!=",
        "<",
        "+",
        "-",
        "%",
        "^",
        "#",
        "\n",
        "é",
        "\u{0}",
        "substr(",
        "replace(",
        "pct(bytes,50)",
        "datefloor(",
        "dateceil(",
        "fromMillis(",
        "1e300",
        "-1e300",
        "9223372036854775808",
        ",1w)",
        "unmask(",
        "filterIndex ",
        "@message",
        "latest(@message)",
        "/(?<a>.)/",
        ".",
    ];
    let (store, mut state) = (flows(), 1_u64);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize
    };
    let mut valid = 0;
    for _ in 0..30_000 {
        let text: String = (0..next() % 10).map(|_| parts[next() % parts.len()]).collect();
        if Query::parse(&text).is_ok() {
            valid += 1;
            drop(outcome(&store, "/flowmote/vpc", &text, 1 << 16));
        }
    }
    assert!(valid > 100, "{valid}");
}

fn processor_time() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).unwrap();
    let times = [usage.user_time(), usage.system_time()];
    times.map(|time| Duration::from_micros(time.num_microseconds() as u64)).iter().sum()
}

/// `cargo test --release -p flowmote-analyzer --lib insights -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed_of_a_million_records() {
    let mut store = Store::new(1 << 30);
    for n in 0..1_000_000_i64 {
        let line = format!(
            "2 123456789010 eni-{} 10.0.{}.{} 10.1.0.{} {} 443 6 {} {} 1800000000 1800000059 ACCEPT OK",
            n % 50,
            n % 100,
            n % 17,
            n % 7,
            1024 + n % 5000,
            n % 30,
            n * 37 % 90_000
        );
        store.append("/flowmote/vpc", "s", n, [(n, line.as_str())].into_iter());
    }
    println!("{} bytes", store.bytes());
    for text in [
        "stats sum(bytes) as b by srcAddr, dstAddr | sort b desc | limit 15",
        "filter dstPort = 443 and isIpv4InSubnet(srcAddr, '10.0.3.0/24') | stats count(*) by bin(1m)",
        "fields @timestamp, @message | filter @message like /REJECT/",
        "fields @timestamp, @message | limit 100",
        "filter action = 'ACCEPT' and dstPort = 443 | stats sum(bytes) as b by interfaceId",
        "stats sum(bytes) by bin(1m)",
    ] {
        let (begin, before) = (Instant::now(), processor_time());
        let rows = outcome(&store, "/flowmote/vpc", text, 16 << 20).unwrap().1.rows.len();
        let used = processor_time() - before;
        println!("{used:?} of one core in {:?}, {rows} rows: {text}", begin.elapsed());
    }
}

#[test]
fn conditions_are_numbers() {
    let text = "stats sum(action = 'REJECT') as refused, avg(protocol = 17) * 6 as udp";
    assert_eq!(of_flows(text), ["refused | udp", "1 | 2"]);
}

#[test]
fn filter_after_a_sort_is_of_all_events() {
    let mut store = Store::new(16 << 20);
    for n in 0..1000 {
        let message = format!("{{\"n\":{n}}}");
        store.append("g", "s", 1, [(n, message.as_str())].into_iter());
    }
    let text = "fields n | sort @timestamp desc | filter n = 0 | display n | limit 1";
    let (_, found) = outcome(&store, "g", text, 20_000).unwrap();
    assert_eq!(found.rows[0][0].as_deref(), Some("0"));
    // A field that the order reads is set after it.
    let text = "fields n | sort n desc | fields -n as n | limit 1 | display n";
    let (_, found) = outcome(&store, "g", text, 1 << 20).unwrap();
    assert_eq!(found.rows[0][0].as_deref(), Some("-999"));
}

#[test]
fn copies_of_a_long_message_do_not_fit() {
    let mut store = Store::new(16 << 20);
    store.append("g", "s", 1, [(1, "x".repeat(100_000).as_str())].into_iter());
    let list = |form: fn(usize) -> String| (0..300).map(form).collect::<Vec<_>>().join(", ");
    for text in [
        format!("fields {}", list(|at| format!("@message as a{at}"))),
        format!("stats count(*) by {}", list(|_| "@message".to_owned())),
        format!("stats {}", list(|at| format!("max(@message) as a{at}"))),
    ] {
        let found = outcome(&store, "g", &text, 1 << 20).map(|_| ());
        assert_eq!(found, Err(Overrun::Memory), "{text:.40}");
    }
    let text = format!("dedup {}", list(|_| "@message".to_owned()));
    assert_eq!(outcome(&store, "g", &text, 1 << 20).unwrap().1.rows.len(), 1);
}

#[test]
fn query_has_a_limit_of_regular_expressions() {
    let query = |count: usize| vec!["a like /x/"; count].join(" or ");
    assert!(Query::parse(&format!("filter {}", query(20))).is_ok());
    assert!(Query::parse(&format!("filter {}", query(21))).is_err());
}

/// The list of the guide, "sort".
#[test]
fn values_are_sorted_as_the_service_sorts_them() {
    let sorted = [
        "!",
        "#",
        "*%04",
        "0#",
        "5A",
        "111A",
        "2345_",
        "@",
        "@_",
        "A",
        "A9876fghj",
        "a12345hfh",
        "0",
        "01",
        "1",
        "2",
        "3",
    ];
    let mut store = Store::new(1 << 20);
    for (at, text) in (0..).zip(sorted.iter().rev()) {
        let message = format!("{{\"v\": \"{text}\"}}");
        store.append("g", "s", 1, [(at * 7 % 17, message.as_str())].into_iter());
    }
    let of = |text: &str| table(&store, "g", text).split_off(1);
    assert_eq!(of("fields v | sort v"), sorted);
    let mut turned = sorted;
    turned.reverse();
    assert_eq!(of("fields v | sort v desc"), turned);
    assert_eq!(of("stats count(*) as n by v | sort v | display v"), sorted);
    assert_eq!(of("stats sortsFirst(v), sortsLast(v)"), ["! | 3"]);
    assert_eq!(
        of_flows(
            "stats count(*) by dstPort | filter ispresent(dstPort) | sort dstPort desc | limit 2"
        ),
        ["dstPort | count(*)", "443 | 1", "80 | 2"]
    );
}

/// `n` records of JSON with their number `n`, its half `m`, and a text.
fn numbered(count: i64) -> Store {
    let mut store = Store::new(256 << 20);
    let lines: Vec<_> =
        (0..count).map(|n| format!("{{\"n\":{n},\"m\":{},\"k\":{}}}", n / 2, n % 10)).collect();
    store.append("g", "s", 1, (0..).zip(lines.iter().map(String::as_str)));
    store
}

#[test]
fn no_row_is_lost_before_a_command_of_all_rows() {
    let store = numbered(120_000);
    let first = |text: &str, memory| {
        outcome(&store, "g", text, memory).map(|(names, found)| {
            let row = found.rows.first().cloned().unwrap_or_default();
            let cells = row.into_iter().zip(names).filter(|(_, name)| name != "@ptr");
            cells.map(|(cell, _)| cell.unwrap_or_default()).collect::<Vec<_>>().join(" ")
        })
    };
    // The order is no matter of statistics, which need memory for their groups only.
    let text = "sort n desc | stats count(*) as c, sum(k) as s";
    assert_eq!(first(text, 10_000), Ok("120000 540000".to_owned()));
    let text = "fields n | sort @timestamp desc | dedup k | stats count(*) as c, min(n) as m";
    assert_eq!(first(text, 20_000), Ok("10 119990".to_owned()));
    let text = "sort n | dedup k | sort n desc | limit 1 | display n, k";
    assert_eq!(first(text, 20_000), Ok("9 9".to_owned()));
    // Only as many different ones as are needed are kept.
    let text = "sort n | dedup m | limit 3 | sort n desc | display n";
    assert_eq!(first(text, 20_000), Ok("4".to_owned()));
    let text = "fields n | dedup m | stats count(*) as c";
    assert_eq!(first(text, 64 << 20), Ok("60000".to_owned()));
    // What does not fit is no result of a part.
    assert_eq!(first(text, 1 << 20), Err(Overrun::Memory));
    assert_eq!(
        first("sort n | limit 10000 | sort k | display n | limit 1", 8 << 20),
        Ok("0".to_owned())
    );
}

#[test]
fn statistics_are_computed_of_others() {
    assert_eq!(
        of_flows(
            "stats sum(bytes) as b, sum(packets) as p, b / p as size, size * 2 as twice by srcAddr | sort b desc | limit 1"
        ),
        ["srcAddr | b | p | size | twice", "10.0.0.1 | 6000 | 32 | 187.5 | 375"]
    );
    assert_eq!(
        of_flows("stats sum(bytes) / protocol as x by protocol | sort protocol desc | limit 1"),
        ["protocol | x", "17 | 5.882352941176471"]
    );
    // Also if there are no rows before.
    assert_eq!(
        of_flows("filter action = 'none' | sort action | stats count(*) as n | fields n * 2 as m"),
        ["n | m", "0 | 0"]
    );
    assert_eq!(
        of_flows("filter action = 'none' | limit 5 | stats count(*) as n | fields n + 1 as m"),
        ["n | m", "0 | 1"]
    );
}

#[test]
fn periods_have_the_units_of_the_service() {
    for (unit, milliseconds) in [
        ("1ms", 1),
        ("500msecs", 500),
        ("1s", 1000),
        ("30secs", 30_000),
        ("2m", 120_000),
        ("5mins", 300_000),
        ("1hr", 3_600_000),
        ("1hrs", 3_600_000),
        ("2hours", 7_200_000),
        ("1d", 86_400_000),
        ("1days", 86_400_000),
        ("1w", 604_800_000),
    ] {
        let text = format!(
            "filter datefloor(fromMillis({milliseconds} * 3 + 1), {unit}) = fromMillis({milliseconds} * 3) or {milliseconds} = 1 | stats count(*)"
        );
        assert_eq!(of_flows(&text)[1], "6", "{unit}");
    }
    // Times that are far away make no panic.
    of_flows("fields datefloor(fromMillis(-1e300), 7), dateceil(fromMillis(1e300), 1w) | limit 1");
}

#[test]
fn whole_numbers_keep_their_digits() {
    let mut store = Store::new(1 << 20);
    let ids =
        ["9007199254740992", "9007199254740993", "18446744073709551615", "-9223372036854775807"];
    for (at, id) in (0..).zip(ids) {
        let message = format!("{{\"id\": {id}, \"x\": 0.5}}");
        store.append("g", "s", 1, [(at, message.as_str())].into_iter());
    }
    let of = |text: &str| table(&store, "g", text).split_off(1);
    assert_eq!(of("fields id | sort id"), [ids[3], ids[0], ids[1], ids[2]]);
    assert_eq!(of("stats count(*) as n by id | filter n = 1 | stats count(*) as ids"), ["4"]);
    for condition in
        ["id = 9007199254740993", "id in [9007199254740993]", "id > 9007199254740992 and id < 1e19"]
    {
        assert_eq!(of(&format!("filter {condition} | display id")), [ids[1]], "{condition}");
    }
    assert_eq!(of("filter x = 0.50 | stats count(*)"), ["4"]);
}

#[test]
fn columns_have_the_names_and_the_order_of_the_query() {
    for (text, columns) in [
        ("stats count(*) # all\nby action", "action | count(*)"),
        (
            "stats count(*) # all\nby action | sort count(*) # desc\n desc | limit 1",
            "action | count(*)",
        ),
        ("stats sum(bytes)  as  b , max( bytes )\n by  bin(1h) ", "bin(1h) | b | max( bytes )"),
        ("fields bytes * 8 # bits\n, action", "bytes * 8 | action | @ptr"),
        ("display srcAddr | fields bytes * 8 as bits | filter bits > 5", "srcAddr | @ptr"),
        ("fields bytes | display srcAddr, action | display action", "action | @ptr"),
        ("display action | stats count(*) as n by action | fields n * 2 as m", "action | n | m"),
        ("filter action = 'REJECT'", "@timestamp | @message | @ptr"),
        ("fields @ptr, action", "action | @ptr"),
    ] {
        let (names, _) = outcome(&flows(), "/flowmote/vpc", text, 1 << 20).unwrap();
        assert_eq!(names.join(" | "), columns, "{text}");
    }
}

/// Those of "Sample queries" of the guide for flow logs, and others of its pages.
#[test]
fn queries_of_the_guide_have_results() {
    for (text, expected) in [
        (
            "stats sum(packets) as packetsTransferred by srcAddr, dstAddr | sort packetsTransferred desc | limit 2",
            &["10.0.0.1 | 10.0.0.2 | 30", "10.0.0.1 | 10.0.0.3 | 2"][..],
        ),
        (
            "filter isIpv4InSubnet(srcAddr, \"10.0.0.0/24\")\n| stats sum(bytes) as bytesTransferred by dstAddr\n| sort bytesTransferred desc\n| limit 15",
            &["10.0.0.2 | 5500", "10.0.0.3 | 500"],
        ),
        ("filter protocol=17 | stats count(*) by srcAddr", &["2001:db8::1 | 1", "10.0.9.9 | 1"]),
        (
            "filter logStatus=\"NODATA\" | stats count(*) by bin(1h) as t | sort t",
            &["2027-01-15 08:00:00.000 | 1"],
        ),
        (
            "fields @timestamp, srcAddr, dstAddr, srcPort, dstPort, protocol, bytes | filter @logStream = 'eni-1-all' and interfaceId = 'eni-1' | sort @timestamp desc | dedup srcAddr, dstAddr, dstPort | limit 20",
            &[
                "2027-01-15 08:01:10.000 | 10.0.0.1 | 10.0.0.2 | 4002 | 80 | 6 | 1500",
                "2027-01-15 08:00:10.000 | 10.0.0.1 | 10.0.0.3 | 4001 | 443 | 6 | 500",
            ],
        ),
        (
            "filter (dstAddr like '10.0.0.2' and srcAddr like '10.0.') | stats sum(bytes) as bytesTransferred by srcAddr, dstAddr | sort bytesTransferred desc | limit 10",
            &["10.0.0.1 | 10.0.0.2 | 5500", "10.0.9.9 | 10.0.0.2 | 90"],
        ),
        ("filterIndex action = 'REJECT' | display srcAddr", &["10.0.9.9"]),
        (
            "fields unmask(@message) as m | parse m '* * * *' as a, b, c, d | limit 1 | display c",
            &["eni-2"],
        ),
        (
            "parse @message /(?<verdict>ACCEPT|REJECT) (?<status>\\w+)$/ | stats count(*) as n by verdict, status | sort n desc, verdict | limit 1",
            &["ACCEPT | OK | 4"],
        ),
        (
            "stats sum(bytes/1000) as kB by srcAddr as Src, dstAddr as Dst | filter Src like /(?i)2001:DB8/",
            &["2001:db8::1 | 2001:db8::2 | 0.01"],
        ),
        (
            "stats count(*) as n by bin(5m) as t | sort t desc | limit 1",
            &["2027-01-15 08:00:00.000 | 6"],
        ),
        (
            "fields ispresent(bytes) as has, strlen(action) as length | filter has = 1 | stats max(length)",
            &["6"],
        ),
    ] {
        let mut rows = of_flows(text).split_off(1);
        if !text.contains("sort") {
            rows.sort_by(|one, other| other.cmp(one));
        }
        assert_eq!(rows, expected, "{text}");
    }
}

#[test]
fn texts_that_a_row_makes_are_bounded() {
    let mut store = Store::new(16 << 20);
    store.append("g", "s", 1, [(1, "x".repeat(100_000).as_str())].into_iter());
    let list = |form: fn(usize) -> String| (0..300).map(form).collect::<Vec<_>>().join(", ");
    let names = list(|at| format!("b{at}"));
    for text in [
        format!("fields {} | display a1", list(|at| format!("upper(@message) as a{at}"))),
        format!("limit 1 | fields {} | display a1", list(|at| format!("upper(@message) as a{at}"))),
        format!("sort {}", list(|_| "upper(@message)".to_owned())),
        format!("limit 1 | sort {}", list(|_| "upper(@message)".to_owned())),
        format!("stats latest(@message) as m, {}", list(|at| format!("upper(m) as a{at}"))),
    ] {
        let found = outcome(&store, "g", &text, 1 << 20).map(|_| ());
        assert_eq!(found, Err(Overrun::Memory), "{text:.60}");
    }
    // A group becomes a row with all fields.
    let text = format!("fields {names} | stats count(*) by n");
    assert_eq!(outcome(&numbered(2000), "g", &text, 4 << 20).map(|_| ()), Err(Overrun::Memory));
}
