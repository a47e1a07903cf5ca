use axum::http::{HeaderName, HeaderValue};

use super::*;

/// A request that can be changed.
#[derive(Clone, Debug)]
struct Request {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    fn new(method: Method, uri: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let (path, query) = (path.to_owned(), query.to_owned());
        Self { method, path, query, headers: map, body: body.as_bytes().to_vec() }
    }

    fn message(&self) -> Message<'_> {
        let Self { method, path, query, headers, body } = self;
        Message { method, path, query, headers, body }
    }

    /// The same with a header Authorization, for the service of the test suite.
    fn signed(mut self, signature: &str) -> Self {
        let mut names: Vec<_> = self.headers.keys().map(|name| name.as_str().to_owned()).collect();
        names.sort();
        let text = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={}, Signature={signature}",
            names.join(";")
        );
        self.headers.insert("authorization", text.parse().unwrap());
        self
    }
}

fn signatures(mode: Mode) -> Signatures {
    let keys = Keys::parse("AKIDEXAMPLE wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    Signatures { mode, keys: keys.unwrap() }
}

fn check(request: &Request, now: i64) -> Result<(), Kind> {
    let checked = signatures(Mode::Required).check(&request.message(), Caller::Anyone, now);
    checked.map_err(|fault| fault.kind)
}

/// 2015-08-30T12:36:00Z, the time of the examples.
const THEN: i64 = 1_440_938_160;
const HOST: (&str, &str) = ("host", "example.amazonaws.com");
const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");

/// Requests of the test suite of AWS, with their signatures.
fn suite() -> Vec<(Request, &'static str)> {
    let get = |uri: &str, signature| (Request::new(Method::GET, uri, &[HOST, DATE], ""), signature);
    let with = |headers: &[(&str, &str)], signature| {
        let headers = [&[HOST, DATE], headers].concat();
        (Request::new(Method::GET, "/", &headers, ""), signature)
    };
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let form = ("content-type", "application/x-www-form-urlencoded");
    vec![
        get("/", vanilla),
        get("/example/..", vanilla),
        get("/./", vanilla),
        get("//", vanilla),
        get(
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        get("/\u{1234}", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        get("/?\u{1234}=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        with(
            &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
            "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
        ),
        with(
            &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            Request::new(Method::POST, "/", &[HOST, DATE], ""),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            Request::new(Method::POST, "/", &[HOST, DATE, form], "Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ]
}

#[test]
fn signatures_of_the_test_suite_are_right() {
    for (request, signature) in suite() {
        let request = request.signed(signature);
        assert_eq!(check(&request, THEN), Ok(()), "{request:?}");
    }
}

/// The example of a presigned URL in the documentation.
fn presigned() -> Request {
    let uri = "/?Action=ListUsers&Version=2010-05-08&X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fiam%2Faws4_request\
        &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=content-type%3Bhost\
        &X-Amz-Signature=37ac2f4fde00b0ac9bd9eadeb459b1bbee224158d66e7ae5fcadb70b2d181d02";
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    Request::new(Method::GET, uri, &[("host", "iam.amazonaws.com"), ("content-type", form)], "")
}

#[test]
fn presigned_urls_hold_for_a_time() {
    for (now, expected) in [
        (THEN - 301, Err(Kind::Skewed)),
        (THEN - 300, Ok(())),
        (THEN + 60, Ok(())),
        (THEN + 61, Err(Kind::Expired)),
    ] {
        assert_eq!(check(&presigned(), now), expected, "{now}");
    }
    for (from, to) in [
        ("Expires=60", "Expires=61"),
        ("Expires=60", "Expires=0"),
        ("Expires=60", "Expires=604801"),
        ("Expires=60", "Expires=x"),
        ("ListUsers", "ListMetrics"),
        ("&Version", "&Extra=1&Version"),
        ("&X-Amz-Date=20150830T123600Z", ""),
        ("&X-Amz-Date=", "&X-Amz-Date=20150830T123600Z&X-Amz-Date="),
        ("X-Amz-Signature=37", "X-Amz-Signature=38"),
    ] {
        let mut request = presigned();
        assert!(request.query.contains(from));
        request.query = request.query.replace(from, to);
        assert!(check(&request, THEN).is_err(), "{from} {to}");
    }
}

#[test]
fn clocks_may_differ_by_five_minutes() {
    let (request, signature) = suite().remove(0);
    let request = request.signed(signature);
    for (now, expected) in [
        (THEN - 301, Err(Kind::Skewed)),
        (THEN - 300, Ok(())),
        (THEN + 300, Ok(())),
        (THEN + 301, Err(Kind::Skewed)),
    ] {
        assert_eq!(check(&request, now), expected, "{now}");
    }
}

/// Each text that differs in one character.
fn changed(text: &str) -> impl Iterator<Item = String> {
    (0..text.len()).filter_map(|at| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1;
        String::from_utf8(bytes).ok()
    })
}

#[test]
fn request_that_differs_in_one_character_is_refused() {
    let form = ("content-type", "application/x-www-form-urlencoded");
    let original = Request::new(Method::POST, "/", &[HOST, DATE, form], "Param1=value1");
    let original =
        original.signed("ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
    assert_eq!(check(&original, THEN), Ok(()));
    let mut others = Vec::new();
    let mut add = |change: &dyn Fn(&mut Request)| {
        let mut other = original.clone();
        change(&mut other);
        others.push(other);
    };
    add(&|it| it.method = Method::GET);
    add(&|it| it.path = "/aws".to_owned());
    add(&|it| it.query = "a=b".to_owned());
    add(&|it| it.body.clear());
    add(&|it| _ = it.headers.append("content-type", HeaderValue::from_static("text/plain")));
    add(&|it| drop(it.headers.insert("x-amz-target", HeaderValue::from_static("A.B"))));
    add(&|it| _ = it.headers.append("x-amz-date", HeaderValue::from_static("20150830T123600Z")));
    for body in changed("Param1=value1") {
        add(&|it| it.body = body.clone().into_bytes());
    }
    for name in ["host", "x-amz-date", "content-type", "authorization"] {
        add(&|it| drop(it.headers.remove(name)));
        let value = original.headers[name].to_str().unwrap();
        for value in changed(value) {
            let Ok(value) = HeaderValue::from_str(&value) else { continue };
            add(&|it| drop(it.headers.insert(name, value.clone())));
        }
    }
    assert!(others.len() > 250, "{}", others.len());
    for other in others {
        let unsigned = !other.headers.contains_key("authorization");
        let result = check(&other, THEN);
        assert!(result.is_err(), "{other:?}");
        assert_eq!(result == Err(Kind::MissingToken), unsigned || !is_signed(&other), "{other:?}");
    }
}

fn is_signed(request: &Request) -> bool {
    request.headers["authorization"].as_bytes().starts_with(b"AWS")
}

#[test]
fn hash_of_the_body_may_be_left_out_of_the_signature() {
    let hash = |value| {
        let headers = [HOST, DATE, ("x-amz-content-sha256", value)];
        let mut request = Request::new(Method::POST, "/", &headers, "body").signed(&"0".repeat(64));
        let claim = Claim::read(&request.message()).unwrap().unwrap();
        let Ok(hash) = payload(&request.message()) else { return request };
        let canonical = Sha256::digest(canonical::request(&request.message(), &claim, &hash));
        let text = format!("{ALGORITHM}\n{}\n{}\n{canonical:x}", claim.time, claim.scope());
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let signature = mac(&signing_key(secret, &claim), &text).finalize().into_bytes();
        request.headers.remove("authorization");
        request.signed(&format!("{signature:x}"))
    };
    let right = format!("{:x}", Sha256::digest("body"));
    for (value, other_body) in [(right.as_str(), false), ("UNSIGNED-PAYLOAD", true)] {
        let mut request = hash(value);
        assert_eq!(check(&request, THEN), Ok(()), "{value}");
        request.body = b"other".to_vec();
        assert_eq!(check(&request, THEN).is_ok(), other_body, "{value}");
    }
    let other = format!("{:x}", Sha256::digest("other"));
    for value in [other.as_str(), "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", ""] {
        assert_eq!(check(&hash(value), THEN), Err(Kind::SignatureMismatch), "{value}");
    }
}

#[test]
fn claims_that_cannot_be_checked_have_their_reason() {
    let good = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
        SignedHeaders=host;x-amz-date, \
        Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let with = |text: &str| {
        let request = Request::new(Method::GET, "/", &[HOST, DATE, ("authorization", text)], "");
        check(&request, THEN)
    };
    assert_eq!(with(good), Ok(()));
    assert_eq!(with(&good.replace(", ", ",")), Ok(()));
    for (from, to, kind) in [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", Kind::IncompleteSignature),
        ("AWS4-HMAC-SHA256 ", "AWS ", Kind::IncompleteSignature),
        ("Credential=", "Credentials=", Kind::IncompleteSignature),
        ("Signature=", "SignedHeaders=", Kind::IncompleteSignature),
        ("/aws4_request", "", Kind::IncompleteSignature),
        ("/aws4_request", "/aws4_request/", Kind::IncompleteSignature),
        ("AKIDEXAMPLE/", "AKIDNOBODY/", Kind::InvalidClient),
        ("/20150830/", "/20150831/", Kind::SignatureMismatch),
        ("us-east-1", "us-east-2", Kind::SignatureMismatch),
        ("/service/", "/other/", Kind::SignatureMismatch),
        ("host;x-amz-date", "x-amz-date;host", Kind::IncompleteSignature),
        ("host;x-amz-date", "host;host;x-amz-date", Kind::IncompleteSignature),
        ("host;x-amz-date", "host", Kind::SignatureMismatch),
        ("host;x-amz-date", "x-amz-date", Kind::SignatureMismatch),
        ("Signature=5f", "Signature=+f", Kind::IncompleteSignature),
        ("Signature=5f", "Signature=f", Kind::IncompleteSignature),
        ("AWS4-HMAC-SHA256 ", "Basic ", Kind::MissingToken),
    ] {
        assert!(good.contains(from));
        assert_eq!(with(&good.replacen(from, to, 1)), Err(kind), "{from} {to}");
    }
    for date in ["20150830T123600", "20150832T123600Z", "20150830T246000Z", "2015-08-30T1236Z", ""]
    {
        let headers = [HOST, ("x-amz-date", date), ("authorization", good)];
        let request = Request::new(Method::GET, "/", &headers, "");
        assert_eq!(check(&request, THEN), Err(Kind::IncompleteSignature), "{date}");
    }
}

#[test]
fn modes_differ_in_what_may_lack() {
    let (unsigned, signature) = suite().remove(0);
    let (right, wrong) =
        (unsigned.clone().signed(signature), unsigned.clone().signed(&"0".repeat(64)));
    let [missing, mismatch] = [Kind::MissingToken, Kind::SignatureMismatch].map(Err);
    for (mode, caller, expected) in [
        (Mode::Off, Caller::Anyone, [Ok(()), Ok(()), Ok(())]),
        (Mode::Off, Caller::Known, [Ok(()), Ok(()), Ok(())]),
        (Mode::Off, Caller::Unknown, [missing, missing, missing]),
        (Mode::Optional, Caller::Anyone, [Ok(()), Ok(()), mismatch]),
        (Mode::Optional, Caller::Known, [Ok(()), Ok(()), Ok(())]),
        (Mode::Optional, Caller::Unknown, [missing, Ok(()), mismatch]),
        (Mode::Required, Caller::Anyone, [missing, Ok(()), mismatch]),
        (Mode::Required, Caller::Known, [Ok(()), Ok(()), Ok(())]),
        (Mode::Required, Caller::Unknown, [missing, Ok(()), mismatch]),
    ] {
        let signatures = signatures(mode);
        let results = [&unsigned, &right, &wrong].map(|request| {
            let checked = signatures.check(&request.message(), caller, THEN);
            checked.map_err(|fault| fault.kind)
        });
        assert_eq!(results, expected, "{mode:?} {caller:?}");
    }
}

/// What a head shows needs no body, of which anybody could send much.
#[test]
fn head_alone_refuses_who_is_unknown() {
    let admits = |mode, request: &Request, caller, now| {
        let message = Message { body: b"", ..request.message() };
        signatures(mode).admit(&message, caller, now).map_err(|fault| fault.kind)
    };
    let (signed, _) = suite().remove(0);
    let signed = signed.signed(&"0".repeat(64));
    let mut other = signed.clone();
    let value =
        signed.headers["authorization"].to_str().unwrap().replace("AKIDEXAMPLE", "AKIDOTHER");
    other.headers.insert("authorization", value.parse().unwrap());
    let mut unsigned = signed.clone();
    unsigned.headers.remove("authorization");
    for (mode, request, caller, expected) in [
        // Whether the signature is right needs the body.
        (Mode::Required, &signed, Caller::Anyone, Ok(())),
        (Mode::Required, &other, Caller::Anyone, Err(Kind::InvalidClient)),
        (Mode::Optional, &other, Caller::Anyone, Err(Kind::InvalidClient)),
        (Mode::Required, &unsigned, Caller::Anyone, Err(Kind::MissingToken)),
        (Mode::Required, &unsigned, Caller::Known, Ok(())),
        (Mode::Optional, &unsigned, Caller::Anyone, Ok(())),
        (Mode::Optional, &unsigned, Caller::Unknown, Err(Kind::MissingToken)),
        (Mode::Off, &unsigned, Caller::Unknown, Err(Kind::MissingToken)),
        (Mode::Off, &other, Caller::Anyone, Ok(())),
    ] {
        assert_eq!(admits(mode, request, caller, THEN), expected, "{mode:?} {caller:?}");
    }
    assert_eq!(admits(Mode::Required, &signed, Caller::Anyone, THEN + 301), Err(Kind::Skewed));
    let mut long = signed.clone();
    let value = format!(
        "AWS4-HMAC-SHA256 Credential={}/20150830/a/b/aws4_request, SignedHeaders=host, \
         Signature={}",
        "K".repeat(129),
        "0".repeat(64)
    );
    long.headers.insert("authorization", value.parse().unwrap());
    let refused = admits(Mode::Required, &long, Caller::Anyone, THEN);
    assert_eq!(refused, Err(Kind::IncompleteSignature));
}
