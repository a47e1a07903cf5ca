//! Routes as users define them.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

use flowmote_decoder::{Address, MacAddress};
use flowmote_relaxed::lenient;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::tenant::Filters;
use super::{Choice, Kind, Tenant};
use crate::receive::PORT;
use crate::state::Settings;

/// A definition of a route.
pub(crate) trait RouteSetting: Clone + Serialize + DeserializeOwned {
    const KIND: Kind;
    /// The word for it in messages, and its key in those of the start.
    const WORD: &'static str;

    /// The definitions of this kind by name.
    fn all(settings: &Settings) -> &BTreeMap<String, Self>;
    /// The same, to be changed.
    fn all_mut(settings: &mut Settings) -> &mut BTreeMap<String, Self>;

    /// The destination, and what is sent to it.
    ///
    /// # Errors
    /// What cannot be used.
    fn route(&self) -> Result<(SocketAddr, Choice), String>;
}

/// Datagrams to another collector.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ForwardSetting {
    address: IpAddr,
    #[serde(default = "usual_port", deserialize_with = "port")]
    port: u16,
    /// The agents whose datagrams are sent; all if empty.
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    agents: Vec<String>,
}

/// Samples of a tenant to its collector.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TenantSetting {
    collector_address: IpAddr,
    #[serde(default = "usual_port", deserialize_with = "port")]
    collector_port: u16,
    filters: FilterSetting,
}

#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct FilterSetting {
    #[serde(deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    ifindex: Vec<String>,
    #[serde(deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    ifname: Vec<String>,
    #[serde(deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    cidr: Vec<String>,
    #[serde(deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    mac: Vec<String>,
}

fn usual_port() -> u16 {
    PORT
}

/// A port, also as a text; 0 for a number that is none, so that a stored one is refused alone.
fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let number = lenient::number(deserializer)?.unwrap_or(PORT.into());
    let valid = number.fract() == 0.0 && (1.0..=65_535.0).contains(&number);
    Ok(if valid { number as u16 } else { 0 })
}

impl RouteSetting for ForwardSetting {
    const KIND: Kind = Kind::Forwarding;
    const WORD: &'static str = Self::KIND.word();

    fn all(settings: &Settings) -> &BTreeMap<String, Self> {
        &settings.forwarding
    }

    fn all_mut(settings: &mut Settings) -> &mut BTreeMap<String, Self> {
        &mut settings.forwarding
    }

    fn route(&self) -> Result<(SocketAddr, Choice), String> {
        let address = |text: &String| match text.parse::<IpAddr>() {
            Ok(address) => Ok(address.into()),
            Err(_) => Err(format!("{text:?} is not the address of an agent")),
        };
        let agents: Vec<Address> = self.agents.iter().map(address).collect::<Result<_, _>>()?;
        let agents = (!agents.is_empty()).then_some(agents);
        Ok((destination(self.address, self.port)?, Choice::Datagrams(agents)))
    }
}

impl RouteSetting for TenantSetting {
    const KIND: Kind = Kind::Tenant;
    const WORD: &'static str = Self::KIND.word();

    fn all(settings: &Settings) -> &BTreeMap<String, Self> {
        &settings.tenants
    }

    fn all_mut(settings: &mut Settings) -> &mut BTreeMap<String, Self> {
        &mut settings.tenants
    }

    fn route(&self) -> Result<(SocketAddr, Choice), String> {
        let FilterSetting { ifindex, ifname, cidr, mac } = &self.filters;
        let index = |text: &String| text.parse().map_err(|_| format!("{text:?} is no ifIndex"));
        let network = |text: &String| text.parse().map_err(|error| format!("{text:?}: {error}"));
        let address =
            |text: &String| self::mac(text).ok_or_else(|| format!("{text:?} is no MAC address"));
        let filters = Filters {
            indexes: ifindex.iter().map(index).collect::<Result<_, _>>()?,
            names: ifname.iter().cloned().collect(),
            networks: cidr.iter().map(network).collect::<Result<_, String>>()?,
            macs: mac.iter().map(address).collect::<Result<_, _>>()?,
        };
        if filters == Filters::default() {
            return Err("a tenant needs a filter: ifindex, ifname, cidr or mac".to_owned());
        }
        let address = destination(self.collector_address, self.collector_port)?;
        Ok((address, Choice::Samples(Box::new(Tenant::new(filters)))))
    }
}

fn destination(address: IpAddr, port: u16) -> Result<SocketAddr, String> {
    match port {
        0 => Err("the port must be from 1 to 65535".to_owned()),
        port => Ok(SocketAddr::new(address, port)),
    }
}

/// `0200000000AB`, `02:00:00:00:00:ab` or `02-00-00-00-00-ab`.
fn mac(text: &str) -> Option<MacAddress> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    let hex = digits.len() == 12 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = hex.then(|| u64::from_str_radix(&digits, 16).ok())??;
    let [_, _, address @ ..] = number.to_be_bytes();
    Some(MacAddress(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_have_any_separators() {
        let expected = Some(MacAddress([2, 0, 0, 0, 0, 0xab]));
        for text in ["0200000000AB", "02:00:00:00:00:ab", "02-00-00-00-00-ab"] {
            assert_eq!(mac(text), expected);
        }
        for text in ["", "0200000000A", "0200000000ABC", "02000000000g", "+200000000AB"] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
