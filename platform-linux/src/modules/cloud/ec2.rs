//! Instance metadata of Amazon EC2, version 2 only: a token for all requests.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::http::{Client, Failure};
use super::identity::{Identity, Interface, MAX_INTERFACES, Values, mac, mac_text};
use crate::output::custom::metric_name;

/// Proof that requests come from the instance itself, valid for six hours.
#[derive(Debug)]
pub(super) struct Token {
    text: String,
    obtained: Instant,
}

/// `/latest/dynamic/instance-identity/document`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Document {
    account_id: Option<String>,
    availability_zone: Option<String>,
    image_id: Option<String>,
    instance_id: Option<String>,
    instance_type: Option<String>,
    region: Option<String>,
}

/// A session: the client with its token.
struct Session<'a> {
    client: &'a mut Client,
    token: &'a mut Option<Token>,
}

/// Queries everything.
///
/// # Errors
/// The failure of a request without which the instance is not identified.
pub(super) fn identity(
    client: &mut Client,
    token: &mut Option<Token>,
    tags: bool,
) -> Result<Identity, Failure> {
    let mut session = Session { client, token };
    let mut identity = Identity::default();
    session.instance(&mut identity.values)?;
    let primary = session.optional("mac")?.and_then(|text| mac(&text));
    for address in session.lines("network/interfaces/macs/")?.into_iter().take(MAX_INTERFACES) {
        // The address becomes a part of paths.
        let Some(address) = mac(address.trim_end_matches('/')) else { continue };
        let interface = session.interface(address)?;
        if Some(address) == primary {
            for name in ["cloud_vpc", "cloud_subnet"] {
                identity.values.set(name, interface.values.get(name).unwrap_or_default());
            }
        }
        identity.add(interface);
    }
    if tags {
        session.tags(&mut identity.values)?;
    }
    Ok(identity)
}

impl Session<'_> {
    fn instance(&mut self, values: &mut Values) -> Result<(), Failure> {
        let body = self.get("/latest/dynamic/instance-identity/document")?;
        let document: Document = serde_json::from_slice(&body).map_err(|_| Failure::Malformed)?;
        if document.instance_id.is_none() {
            return Err(Failure::Malformed);
        }
        values.set("cloud_provider", "ec2");
        for (name, value) in [
            ("cloud_instance_id", document.instance_id),
            ("cloud_instance_type", document.instance_type),
            ("cloud_region", document.region),
            ("cloud_zone", document.availability_zone),
            ("cloud_zone_id", self.optional("placement/availability-zone-id")?),
            ("cloud_account", document.account_id),
            ("cloud_image", document.image_id),
        ] {
            values.set(name, &value.unwrap_or_default());
        }
        Ok(())
    }

    fn interface(&mut self, mac: [u8; 6]) -> Result<Interface, Failure> {
        let mut interface = Interface { mac, values: Values::default() };
        for (name, path) in INTERFACE {
            let path = format!("network/interfaces/macs/{}/{path}", mac_text(mac));
            let lines = self.lines(&path)?;
            interface.values.set(name, &lines.join(" "));
        }
        Ok(interface)
    }

    /// Absent unless the instance's metadata options allow tags.
    fn tags(&mut self, values: &mut Values) -> Result<(), Failure> {
        for key in self.lines("tags/instance/")?.into_iter().take(MAX_TAGS) {
            // EC2 allows no others in metadata, and the key becomes a part of the request.
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                continue;
            }
            if let Some(value) = self.optional(&format!("tags/instance/{key}"))? {
                values.set(&metric_name("cloud_tag_", &key), &value);
            }
        }
        Ok(())
    }

    /// The lines of a list; none if it is absent.
    fn lines(&mut self, path: &str) -> Result<Vec<String>, Failure> {
        let text = self.optional(path)?.unwrap_or_default();
        Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// A value below `/latest/meta-data/`; `None` if it is absent.
    fn optional(&mut self, path: &str) -> Result<Option<String>, Failure> {
        match self.get(&format!("/latest/meta-data/{path}")) {
            Ok(body) => String::from_utf8(body).map(Some).map_err(|_| Failure::Malformed),
            Err(Failure::Status(404)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// A value. A token that the service no longer accepts is renewed once.
    fn get(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let outcome = self.get_with_token(path);
        if outcome != Err(Failure::Status(401)) {
            return outcome;
        }
        *self.token = None;
        self.get_with_token(path)
    }

    fn get_with_token(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let known = self.token.take().filter(|token| token.obtained.elapsed() < TOKEN_USE);
        let token = match known {
            Some(token) => token,
            None => obtain(self.client)?,
        };
        let outcome = self.client.request("GET", path, &[(TOKEN, &token.text)]);
        *self.token = Some(token);
        outcome
    }
}

fn obtain(client: &mut Client) -> Result<Token, Failure> {
    let ttl = TOKEN_SECONDS.to_string();
    let obtained = Instant::now();
    let body = client.request("PUT", "/latest/api/token", &[(TOKEN_TTL, &ttl)])?;
    let text = String::from_utf8(body).map_err(|_| Failure::Malformed)?;
    // It becomes a header.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if text.is_empty() || text.len() > MAX_TOKEN || !is_plain {
        return Err(Failure::Malformed);
    }
    Ok(Token { text, obtained })
}

/// Metrics of an interface and their paths below its MAC address.
const INTERFACE: [(&str, &str); 8] = [
    ("cloud_interface_id", "interface-id"),
    ("cloud_device_number", "device-number"),
    ("cloud_vpc", "vpc-id"),
    ("cloud_subnet", "subnet-id"),
    ("cloud_owner", "owner-id"),
    ("cloud_private_ipv4", "local-ipv4s"),
    ("cloud_public_ipv4", "public-ipv4s"),
    ("cloud_ipv6", "ipv6s"),
];
const TOKEN: &str = "X-aws-ec2-metadata-token";
const TOKEN_TTL: &str = "X-aws-ec2-metadata-token-ttl-seconds";
/// The longest that EC2 accepts.
const TOKEN_SECONDS: u64 = 21_600;
/// Renewed a minute before its end, so that it does not end between two requests.
const TOKEN_USE: Duration = Duration::from_secs(TOKEN_SECONDS - 60);
const MAX_TOKEN: usize = 1024;
const MAX_TAGS: usize = 50;
