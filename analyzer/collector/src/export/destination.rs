//! Where samples are sent, as options name it.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clap::Args;
use ureq::http::{HeaderName, HeaderValue, Uri};

use super::queue::{Counts, Queue};
use crate::args::parse_seconds;
use crate::client::{Client, check_scheme};

/// Systems that get all metrics.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Send all metrics to this URL by Prometheus remote write, such as
    /// http://prometheus:9090/api/v1/write. Repeatable
    #[arg(long, value_name = "URL")]
    remote_write: Vec<Url>,
    /// File with headers of these requests, one a line: `Authorization: Bearer TOKEN`. As many as there
    /// are URLs, in the same order, or none
    #[arg(long, value_name = "FILE")]
    remote_write_headers: Vec<PathBuf>,
    /// Send all metrics to this URL by OpenTelemetry (OTLP over HTTP), such as http://collector:4318.
    /// Repeatable
    #[arg(long, value_name = "URL")]
    otlp: Vec<Url>,
    /// File with headers of these requests, as of --remote-write-headers
    #[arg(long, value_name = "FILE")]
    otlp_headers: Vec<PathBuf>,
    /// Interval at which new samples are sent
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
    pub(super) export_interval: Duration,
    /// Certificates (PEM) of the authorities that https servers must have, instead of those of Mozilla
    #[arg(long, value_name = "FILE")]
    tls_ca: Option<PathBuf>,
}

/// A receiver of samples.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) protocol: Protocol,
    pub(super) url: String,
    /// The URL without its query, which may have a secret.
    pub(crate) name: String,
    pub(super) headers: Option<Headers>,
    pub(super) client: Client,
    pub(super) queue: Queue,
}

/// How samples are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    RemoteWrite,
    Otlp,
}

/// An absolute URL of http or https.
#[derive(Clone, Debug, PartialEq)]
struct Url(Uri);

/// A file with headers.
#[derive(Clone, Debug)]
pub(super) struct Headers(PathBuf);

impl ExportArguments {
    /// What makes clients, which accept the certificates that the user has named.
    pub(crate) fn client(&self) -> Result<Client, String> {
        Client::new(self.tls_ca.as_deref())
    }

    /// All destinations, whose requests take `memory` bytes at most.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub(super) fn destinations(&self, memory: usize) -> Result<Vec<Destination>, String> {
        let client = self.client()?;
        let memory = memory / (self.remote_write.len() + self.otlp.len()).max(1);
        let remote_write = (Protocol::RemoteWrite, &self.remote_write, &self.remote_write_headers);
        let otlp = (Protocol::Otlp, &self.otlp, &self.otlp_headers);
        let mut all = Vec::new();
        for (protocol, urls, files) in [remote_write, otlp] {
            if !files.is_empty() && files.len() != urls.len() {
                return Err(format!(
                    "--{protocol}-headers: {} files for {} URLs; expected one for each",
                    files.len(),
                    urls.len()
                ));
            }
            for (at, url) in urls.iter().enumerate() {
                let headers = files.get(at).map(|file| Headers::open(file)).transpose()?;
                let (url, name) = (protocol.url(url)?, url.name());
                if all.iter().any(|it: &Destination| it.protocol == protocol && it.name == name) {
                    return Err(format!("--{protocol} {name} is given twice"));
                }
                let (client, queue) = (client.clone(), Queue::new(memory));
                all.push(Destination { protocol, url, name, headers, client, queue });
            }
        }
        Ok(all)
    }
}

impl Destination {
    pub(crate) fn counts(&self) -> &Counts {
        &self.queue.counts
    }

    /// Samples that wait, or are being sent.
    pub(crate) fn pending(&self) -> u64 {
        self.queue.pending()
    }
}

impl Protocol {
    /// The complete URL.
    fn url(self, url: &Url) -> Result<String, String> {
        match (self, url.0.path()) {
            // The paths of the specification, below the base.
            (Self::Otlp, "/") if url.0.query().is_none() => {
                Ok(format!("{}/v1/metrics", url.0.to_string().trim_end_matches('/')))
            }
            (Self::RemoteWrite, "/") => Err(format!(
                "--remote-write {}: the path is missing; that of Prometheus is /api/v1/write",
                url.name()
            )),
            _ => Ok(url.0.to_string()),
        }
    }

    pub(super) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::RemoteWrite => &[
                ("Content-Type", "application/x-protobuf"),
                ("Content-Encoding", "snappy"),
                ("X-Prometheus-Remote-Write-Version", "0.1.0"),
            ],
            Self::Otlp => &[("Content-Type", "application/json"), ("Content-Encoding", "gzip")],
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RemoteWrite => "remote-write",
            Self::Otlp => "otlp",
        })
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
        check_scheme(uri.scheme_str().unwrap_or_default())?;
        let authority = uri.authority().map(|it| it.as_str()).unwrap_or_default();
        if authority.contains('@') {
            return Err("a URL is seen by others: put the password into a file of headers, as \
                        `Authorization: Basic USER:PASSWORD`"
                .to_owned());
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err("the host is missing".to_owned());
        }
        Ok(Self(uri))
    }
}

impl Url {
    /// The URL without its query.
    fn name(&self) -> String {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map(|it| it.as_str()).unwrap_or_default();
        format!("{scheme}://{authority}{}", self.0.path())
    }
}

impl Headers {
    /// Headers of a file that can be read now.
    fn open(path: &Path) -> Result<Self, String> {
        let headers = Self(path.to_owned());
        headers.read()?;
        Ok(headers)
    }

    /// The headers: `Name: value` on each line that has no `#` in front.
    pub(super) fn read(&self) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
        let path = self.0.display();
        let text = fs::read_to_string(&self.0)
            .map_err(|error| format!("cannot read the headers in {path}: {error}"))?;
        let lines = text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#')
        });
        // The value may be a secret and is not shown.
        lines
            .map(|(at, line)| header(line).map_err(|error| format!("{path}:{}: {error}", at + 1)))
            .collect()
    }
}

fn header(line: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = line.split_once(':').ok_or("expected `Name: value`")?;
    let name: HeaderName = name
        .trim()
        .parse()
        .map_err(|_| "the name of the header has other characters than allowed")?;
    if RESERVED.contains(&name.as_str()) {
        return Err(format!("the header {name} is set already"));
    }
    let value = value.trim();
    let value = match value.split_once(' ') {
        // base64 has no colon.
        Some((scheme, user)) if scheme.eq_ignore_ascii_case("basic") && user.contains(':') => {
            format!("Basic {}", BASE64_STANDARD.encode(user.trim()))
        }
        _ => value.to_owned(),
    };
    let mut value = HeaderValue::from_str(&value)
        .map_err(|_| format!("the value of {name} has other characters than allowed"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Headers that the protocol has.
const RESERVED: [&str; 6] = [
    "content-type",
    "content-encoding",
    "content-length",
    "transfer-encoding",
    "host",
    "x-prometheus-remote-write-version",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        for (text, part) in [
            ("prometheus:9090", "http://"),
            ("ftp://prometheus/x", "http://"),
            ("/api/v1/write", "http://"),
            ("http://user:password@prometheus/api/v1/write", "file of headers"),
            ("http://", "not a URL"),
            ("http://a b/", "not a URL"),
        ] {
            let error = text.parse::<Url>().expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
        let url: Url = "http://[2001:db8::1]:9090/api/v1/write?token=x".parse().expect("a URL");
        assert_eq!(url.name(), "http://[2001:db8::1]:9090/api/v1/write");
    }

    #[test]
    fn paths_are_those_of_the_protocol() {
        let of = |protocol: Protocol, text: &str| protocol.url(&text.parse().expect("a URL"));
        assert_eq!(of(Protocol::Otlp, "http://a:4318").unwrap(), "http://a:4318/v1/metrics");
        assert_eq!(of(Protocol::Otlp, "http://a/otel").unwrap(), "http://a/otel");
        assert!(of(Protocol::RemoteWrite, "http://a:9090").unwrap_err().contains("/api/v1/write"));
    }

    #[test]
    fn headers_are_lines() {
        let value = |line: &str| header(line).map(|(_, value)| value.to_str().unwrap().to_owned());
        assert_eq!(value("Authorization: Bearer a:b"), Ok("Bearer a:b".to_owned()));
        // RFC 7617, section 2.
        let encoded = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(value("Authorization: Basic Aladdin:open sesame"), Ok(encoded.to_owned()));
        assert_eq!(value(&format!("Authorization: {encoded}")), Ok(encoded.to_owned()));
        assert_eq!(value("X-Scope-OrgID: team1"), Ok("team1".to_owned()));
        for line in ["Bearer x", "Content-Type: x", "a b: c", "X: \u{7f}"] {
            assert!(value(line).is_err(), "{line}");
        }
    }
}
