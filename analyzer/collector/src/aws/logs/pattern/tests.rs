use super::*;

fn has(pattern: &str, message: &str) -> bool {
    Pattern::parse(pattern).unwrap_or_else(|wrong| panic!("{pattern}: {wrong:?}")).has(message)
}

/// The messages of a list that a pattern has, by their numbers from 1 on.
fn which(pattern: &str, messages: &[&str]) -> Vec<usize> {
    (1..).zip(messages).filter(|(_, message)| has(pattern, message)).map(|(at, _)| at).collect()
}

/// The examples of the user guide.
#[test]
fn terms_of_the_guide() {
    let fatal = ["[ERROR] A fatal exception has occurred", "Exiting with ERRORCODE: -1"];
    assert_eq!(which("ERROR", &fatal), [1, 2]);
    assert_eq!(which("ERROR -Exiting", &fatal), [1]);
    assert_eq!(which("\"ERROR\" - \"Exiting\"", &fatal), [1]);
    let or = ["ERROR WARN message", "ERROR message", "WARN message"];
    assert_eq!(which("ERROR", &or), [1, 2]);
    assert_eq!(which("?ERROR ?WARN", &or), [1, 2, 3]);
    assert_eq!(which("ERROR WARN", &or), [1]);
    assert_eq!(which("ERROR -WARN", &or), [2]);
    assert_eq!(which("[w1=ERROR, w2]", &or), [2]);
    assert_eq!(which("[w1=ERROR || w1=WARN, w2]", &or), [2, 3]);
    assert_eq!(which("[w1=!ERROR&&w1=!WARN, w2]", &["INFO message", "WARN message"]), [1]);
    assert_eq!(which("\"Failed to process\"", &["Failed to  process", "Failed to process"]), [2]);
    assert_eq!(which("", &or), [1, 2, 3]);
    assert_eq!(which("\" \"", &["one", "two words"]), [1, 2]);
    assert_eq!(which("error", &or), [0; 0]);
    assert_eq!(which("%AUTHORIZED%", &["[ERROR 401] UNAUTHORIZED", "authorized"]), [1]);
    assert_eq!(which("-%E.R%", &["EAR", "EARN", "YEAST"]), [3]);
    assert_eq!(which("?ERROR message", &["INFO message", "ERROR"]), [1]);
}

#[test]
fn fields_of_the_guide() {
    let lines = [
        r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534"#,
        r#"127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /apache_pb.html HTTP/1.0" 500 5324"#,
        r#"127.0.0.1 - frank [10/Oct/2000:13:50:35 -0700] "GET /apache_pb.gif HTTP/1.0" 403 4355"#,
    ];
    let all = "ip, user, username, timestamp, request";
    for (pattern, expected) in [
        (format!("[{all}, status_code, bytes]"), &[1, 2, 3][..]),
        ("[..., status_code, bytes]".to_owned(), &[1, 2, 3]),
        ("[ip, user, ..., status_code, bytes]".to_owned(), &[1, 2, 3]),
        ("[ip, user, ...]".to_owned(), &[1, 2, 3]),
        ("[...]".to_owned(), &[1, 2, 3]),
        (format!("[{all}, status_code]"), &[]),
        (format!("[{all}, status_code, bytes, more]"), &[]),
        (format!("[{all}, status_code, bytes > 1534]"), &[2, 3]),
        (format!("[{all}, status_code, bytes >= 1534]"), &[1, 2, 3]),
        (format!("[{all}, status_code = 200, bytes]"), &[1]),
        (format!("[{all}, status_code = 4*, bytes]"), &[3]),
        ("[a, b, c, d, request = *html*, status_code = 5*, bytes]".to_owned(), &[2]),
        (format!("[{all}, status_code = 4* && bytes > 1000]"), &[]),
        (format!("[{all}, status_code = 4* && status_code != 403, bytes]"), &[]),
        ("[..., request=*.gif*, status_code=4*,]".to_owned(), &[3]),
        ("[..., time = %Oct/2000:13:[23]5%, a, b, c]".to_owned(), &[1, 2]),
        ("[ip = 127.0.*, ...]".to_owned(), &[1, 2, 3]),
        ("[ip = \"127.0.0.2\", ...]".to_owned(), &[]),
    ] {
        match Pattern::parse(&pattern) {
            Ok(_) => assert_eq!(which(&pattern, &lines), expected, "{pattern}"),
            // `bytes` is compared in the place of `status_code`.
            Err(wrong) => assert!(pattern.contains("4* && bytes"), "{pattern}: {wrong:?}"),
        }
    }
}

#[test]
fn fields_of_flow_records() {
    let head = "version, account, eni, src, dst, sport";
    let lines = [
        "2 123456789010 eni-1 10.0.0.1 10.0.0.2 4000 80 6 20 4249 1418530010 1418530070 ACCEPT OK",
        "2 123456789010 eni-1 10.0.0.1 10.0.0.2 4000 8080 6 20 399 1418530010 1418530070 REJECT OK",
        "2 123456789010 eni-1 - - - - - - - 1431280876 1431280934 - NODATA",
    ];
    let pattern = |port: &str, tail: &str| format!("[{head}, {port}, proto, {tail}]");
    let tail = "packets, bytes, start, end, action, status";
    assert_eq!(which(&pattern("dport = 80 || dport = 8080", tail), &lines), [1, 2]);
    assert_eq!(which(&pattern("dport >= 100 && dport < 9000 || dport = 80", tail), &lines), [1, 2]);
    assert_eq!(which(&pattern("dport != 80", tail), &lines), [2, 3]);
    let tail = "packets, bytes >= 400, start, end, action = ACCEPT, status";
    assert_eq!(which(&pattern("dport", tail), &lines), [1]);
}

const EVENT: &str = r#"{"user": {"id": 1, "email": "John.Stiles@example.com"},
    "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
    "actions": ["GET", "PUT", "DELETE"], "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]],
    "sourceIPAddress": "111.111.111.111", "SomeObject": null, "ThisFlag": true, "a b": 1,
    "latency": 1.5e3}"#;

#[test]
fn members_of_the_guide() {
    for (pattern, expected) in [
        (r#"{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }"#, true),
        (r#"{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }"#, false),
        (
            r#"{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }"#,
            true,
        ),
        (
            r#"{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }"#,
            false,
        ),
        ("{ $.sourceIPAddress != 123.123.* }", true),
        ("{ $.sourceIPAddress = 111.111.* }", true),
        ("{ $.actions[0] = \"GET\" }", true),
        ("{ $.users[1].id = 3 }", true),
        ("{ $.users[*].id = 3 }", true),
        ("{ $.user.* = 1 }", true),
        ("{ $.SomeObject IS NULL }", true),
        ("{ $.Other IS NULL }", false),
        ("{ $.SomeOtherObject NOT EXISTS }", true),
        ("{ $.SomeObject NOT EXISTS }", false),
        ("{ $.ThisFlag IS TRUE }", true),
        ("{ $.ThisFlag is false }", false),
        ("{ $.users = 1 }", false),
        ("{ $.users != 1 }", false),
        ("{ $.latency >= 1500 && $.latency < 10e3 && $.latency > +1000 }", true),
        ("{ $.latency > 1500 }", false),
        ("{ $.user.email = %^John.*com$% }", true),
        ("{ $['a b'] = 1 }", true),
        ("{ $.latency = * }", true),
        ("{ $.none = * }", false),
    ] {
        assert_eq!(has(pattern, EVENT), expected, "{pattern}");
    }
    assert!(!has("{ $.a NOT EXISTS }", "no JSON"));
}

#[test]
fn wrong_patterns_have_a_place() {
    for (pattern, at) in [
        ("a \"b", 2),
        ("ERROR (x)", 6),
        ("-", 1),
        ("%a(%", 0),
        ("%a", 0),
        ("[a, b", 5),
        ("[a, ..., ...]", 9),
        ("[a b]", 3),
        ("[a = ]", 5),
        ("[a > x]", 5),
        ("[a = 1 || b = 2]", 10),
        ("[(a = 1)]", 1),
        ("[a] b", 4),
        ("{ $.a }", 6),
        ("{ $.a = 1", 9),
        ("{ $ = 1 }", 3),
        ("{ a = 1 }", 2),
        ("{ $.a IS 5 }", 9),
        ("{ $.a NOT 5 }", 10),
        ("{ $.a[x] = 1 }", 6),
        ("{ ($.a = 1 }", 11),
    ] {
        let wrong = Pattern::parse(pattern).unwrap_err();
        assert_eq!(wrong.at, at, "{pattern}: {wrong:?}");
    }
    assert!(Pattern::parse(&"a".repeat(1025)).is_err());
    let nested = |depth| format!("{{ {}$.a = 1{} }}", "(".repeat(depth), ")".repeat(depth));
    assert!(Pattern::parse(&nested(32)).is_ok() && Pattern::parse(&nested(33)).is_err());
    // Its program would take more memory than a pattern may.
    assert!(Pattern::parse("%(?:(?:(?:a{100}){100}){100})%").is_err());
}

/// Any text is a pattern or wrong.
#[test]
fn no_text_makes_a_panic() {
    let parts = [
        "[", "]", "{", "}", "(", ")", "$", ".", "a", "=", "!", "<", "%", "\"", "\\", "*", "?", "-",
        " ", ",", "...", "&&", "||", "0", "IS", "NOT", "é", "\u{0}", "'",
    ];
    let mut state = 1_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..state % 12 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(parts[(state >> 33) as usize % parts.len()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        if let Ok(pattern) = Pattern::parse(&text) {
            pattern.has(&text);
            pattern.has(EVENT);
        }
    }
}

#[test]
fn words_and_long_numbers_in_messages_are_what_they_look_like() {
    let has = |pattern: &str, message: &str| Pattern::parse(pattern).unwrap().has(message);
    for word in ["Infinity", "inf", "+inf", "nan", "NaN"] {
        assert!(!has("[a, bytes > 100]", &format!("x {word}")), "{word}");
        assert!(!has("[a, bytes <= 100]", &format!("x {word}")), "{word}");
        assert!(has("[a, bytes != 100]", &format!("x {word}")), "{word}");
    }
    assert!(has("[a, bytes > 100]", "x 1e3"));
    let id = "{ $.id = 9007199254740993 }";
    assert!(has(id, r#"{"id": 9007199254740993}"#) && !has(id, r#"{"id": 9007199254740992}"#));
}

/// The quota of the service.
#[test]
fn pattern_has_two_regular_expressions() {
    assert!(Pattern::parse("%a% -%b%").is_ok() && Pattern::parse("%a% ?%b% %c%").is_err());
    assert!(Pattern::parse("[a = %x%, b = %y%, c]").is_ok());
    assert!(Pattern::parse("[a = %x%, b = %y%, c = %z%]").is_err());
    assert!(Pattern::parse("{ $.a = %x% || $.b = %y% || $.c = %z% }").is_err());
}
