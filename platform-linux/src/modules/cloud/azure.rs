//! Instance metadata of Microsoft Azure: one document.

use serde::Deserialize;

use super::http::{Client, Failure};
use super::identity::{Identity, Interface, Values, mac};
use crate::output::custom::metric_name;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    compute: Compute,
    network: Network,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Compute {
    vm_id: Option<String>,
    name: Option<String>,
    vm_size: Option<String>,
    location: Option<String>,
    zone: Option<String>,
    subscription_id: Option<String>,
    resource_group_name: Option<String>,
    storage_profile: StorageProfile,
    tags_list: Vec<Tag>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct StorageProfile {
    image_reference: Image,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Image {
    id: Option<String>,
    offer: Option<String>,
    sku: Option<String>,
    version: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    name: String,
    value: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Network {
    interface: Vec<Nic>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Nic {
    mac_address: String,
    ipv4: Addresses,
    ipv6: Addresses,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Addresses {
    ip_address: Vec<Address>,
    subnet: Vec<Subnet>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Address {
    private_ip_address: String,
    public_ip_address: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Subnet {
    address: String,
    prefix: String,
}

/// Queries the document.
///
/// # Errors
/// The failure of the request.
pub(super) fn identity(client: &mut Client, tags: bool) -> Result<Identity, Failure> {
    let body = client.request("GET", PATH, &[("Metadata", "true")])?;
    let document: Document = serde_json::from_slice(&body).map_err(|_| Failure::Malformed)?;
    let Document { compute, network } = document;
    let id = compute.vm_id.filter(|id| !id.is_empty()).ok_or(Failure::Malformed)?;
    let mut identity = Identity::default();
    let values = &mut identity.values;
    values.set("cloud_provider", "azure");
    for (name, value) in [
        ("cloud_instance_id", Some(id)),
        ("cloud_instance_name", compute.name),
        ("cloud_instance_type", compute.vm_size),
        ("cloud_region", compute.location),
        ("cloud_zone", compute.zone),
        ("cloud_account", compute.subscription_id),
        ("cloud_resource_group", compute.resource_group_name),
        ("cloud_image", Some(image(compute.storage_profile.image_reference))),
    ] {
        values.set(name, &value.unwrap_or_default());
    }
    for Tag { name, value } in compute.tags_list.into_iter().filter(|_| tags) {
        values.set(&metric_name("cloud_tag_", &name), &value);
    }
    network.interface.into_iter().for_each(|nic| add(nic, &mut identity));
    Ok(identity)
}

fn add(nic: Nic, identity: &mut Identity) {
    let Some(mac) = mac(&nic.mac_address) else { return };
    let Nic { ipv4, ipv6, .. } = nic;
    let join = |addresses: &[Address], of: fn(&Address) -> &str| {
        let texts: Vec<_> = addresses.iter().map(of).filter(|text| !text.is_empty()).collect();
        texts.join(" ")
    };
    let mut values = Values::default();
    if let Some(Subnet { address, prefix }) = ipv4.subnet.first() {
        values.set("cloud_subnet", &format!("{address}/{prefix}"));
        if identity.interfaces.is_empty() {
            identity.values.set("cloud_subnet", &format!("{address}/{prefix}"));
        }
    }
    let private: fn(&Address) -> &str = |address| &address.private_ip_address;
    values.set("cloud_private_ipv4", &join(&ipv4.ip_address, private));
    values.set("cloud_public_ipv4", &join(&ipv4.ip_address, |address| &address.public_ip_address));
    values.set("cloud_ipv6", &join(&ipv6.ip_address, private));
    identity.add(Interface { mac, values });
}

/// The id of an image of the user, or `offer:sku:version` of one of the marketplace.
fn image(Image { id, offer, sku, version }: Image) -> String {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => id,
        None => {
            let parts = [offer, sku, version].into_iter().flatten();
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":")
        }
    }
}

const PATH: &str = "/metadata/instance?api-version=2021-02-01&format=json";
