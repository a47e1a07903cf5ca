//! Instance metadata of Google Compute Engine: one value a path.

use serde::Deserialize;

use super::http::{Client, Failure};
use super::identity::{Identity, Interface, Values, mac};

/// `instance/network-interfaces/?recursive=true`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Nic {
    mac: String,
    ip: Option<String>,
    network: Option<String>,
    access_configs: Vec<AccessConfig>,
    ipv6s: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct AccessConfig {
    external_ip: Option<String>,
}

/// Queries everything.
///
/// # Errors
/// The failure of a request without which the instance is not identified.
pub(super) fn identity(client: &mut Client, tags: bool) -> Result<Identity, Failure> {
    let mut identity = Identity::default();
    let values = &mut identity.values;
    let id = get(client, "instance/id")?.ok_or(Failure::Malformed)?;
    values.set("cloud_provider", "gcp");
    values.set("cloud_instance_id", &id);
    for (name, path) in [
        ("cloud_instance_name", "instance/name"),
        ("cloud_instance_type", "instance/machine-type"),
        ("cloud_zone", "instance/zone"),
        ("cloud_image", "instance/image"),
        ("cloud_account", "project/project-id"),
    ] {
        values.set(name, last(&get(client, path)?.unwrap_or_default()));
    }
    let region = values.get("cloud_zone").and_then(|zone| zone.rsplit_once('-'));
    let region = region.map(|(region, _)| region.to_owned());
    values.set("cloud_region", &region.unwrap_or_default());
    if tags && let Some(list) = get(client, "instance/tags")? {
        let list: Vec<String> = serde_json::from_str(&list).map_err(|_| Failure::Malformed)?;
        values.set("cloud_tags", &list.join(" "));
    }
    interfaces(client, &mut identity)?;
    Ok(identity)
}

fn interfaces(client: &mut Client, identity: &mut Identity) -> Result<(), Failure> {
    let path = "instance/network-interfaces/?recursive=true";
    let list = get(client, path)?.unwrap_or_else(|| "[]".to_owned());
    let list: Vec<Nic> = serde_json::from_str(&list).map_err(|_| Failure::Malformed)?;
    for (number, nic) in list.into_iter().enumerate() {
        let Some(mac) = mac(&nic.mac) else { continue };
        let network = last(nic.network.as_deref().unwrap_or_default());
        let external = nic.access_configs.into_iter().filter_map(|config| config.external_ip);
        let mut values = Values::default();
        values.set("cloud_device_number", &number.to_string());
        values.set("cloud_vpc", network);
        values.set("cloud_private_ipv4", &nic.ip.unwrap_or_default());
        values.set("cloud_public_ipv4", &external.collect::<Vec<_>>().join(" "));
        values.set("cloud_ipv6", &nic.ipv6s.join(" "));
        if number == 0 {
            identity.values.set("cloud_vpc", network);
        }
        identity.add(Interface { mac, values });
    }
    Ok(())
}

/// A value; `None` if it is absent.
fn get(client: &mut Client, path: &str) -> Result<Option<String>, Failure> {
    let path = format!("/computeMetadata/v1/{path}");
    match client.request("GET", &path, &[("Metadata-Flavor", "Google")]) {
        Ok(body) => String::from_utf8(body).map(Some).map_err(|_| Failure::Malformed),
        Err(Failure::Status(404)) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The last part of a resource name, `projects/1/zones/us-central1-a`.
fn last(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, last)| last)
}
