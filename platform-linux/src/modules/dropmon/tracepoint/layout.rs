//! Where the types of the running kernel have the fields that the program reads.

use std::collections::BTreeMap;
use std::io;

use crate::kernel::btf::Btf;

/// Offsets in bytes, and what the tracepoint passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The tracepoint has the reason as its third argument (Linux 5.17).
    pub(super) has_reason: bool,
    // struct sk_buff
    pub(super) device: u32,
    pub(super) socket: u32,
    pub(super) input: u32,
    pub(super) protocol: u32,
    pub(super) mac_header: u32,
    pub(super) network_header: u32,
    pub(super) head: u32,
    pub(super) data: u32,
    pub(super) length: u32,
    pub(super) paged_length: u32,
    // struct net_device
    pub(super) device_index: u32,
    pub(super) device_net: u32,
    // struct sock
    pub(super) socket_net: u32,
    // struct net
    pub(super) net_number: u32,
}

/// Names of the reasons by their numbers, which differ from kernel to kernel.
#[derive(Debug, Default)]
pub(super) struct ReasonNames {
    by_number: BTreeMap<u32, Box<str>>,
}

impl Layout {
    /// Finds all fields.
    ///
    /// # Errors
    /// `Unsupported` for a kernel that lacks one of them.
    pub(super) fn of(btf: &Btf) -> io::Result<Self> {
        Self::find(btf).ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn find(btf: &Btf) -> Option<Self> {
        let skb = |field| btf.offset("sk_buff", &[field]);
        Some(Self {
            has_reason: btf.arguments("kfree_skb")? >= 3,
            device: skb("dev")?,
            socket: skb("sk")?,
            input: skb("skb_iif")?,
            protocol: skb("protocol")?,
            mac_header: skb("mac_header")?,
            network_header: skb("network_header")?,
            head: skb("head")?,
            data: skb("data")?,
            length: skb("len")?,
            paged_length: skb("data_len")?,
            device_index: btf.offset("net_device", &["ifindex"])?,
            device_net: btf.offset("net_device", &["nd_net", "net"])?,
            socket_net: btf.offset("sock", &["__sk_common", "skc_net", "net"])?,
            net_number: btf.offset("net", &["ns", "inum"])?,
        })
    }

    /// Bytes from the start of a sk_buff that have all of its fields.
    pub(super) fn skb_bytes(&self) -> u32 {
        let fields = [
            self.device,
            self.socket,
            self.input,
            self.protocol,
            self.mac_header,
            self.network_header,
            self.head,
            self.data,
            self.length,
            self.paged_length,
        ];
        // The longest is a pointer.
        fields.into_iter().max().unwrap_or_default().saturating_add(8)
    }
}

impl ReasonNames {
    /// Reads the enumerators.
    pub(super) fn of(btf: &Btf) -> Self {
        let mut by_number = BTreeMap::new();
        for list in ["skb_drop_reason", "qdisc_drop_reason"] {
            btf.enumerators(list, &mut |name, number| {
                let prefixes = ["SKB_DROP_REASON_", "SKB_"];
                let short = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
                by_number.insert(number, short.unwrap_or(name).into());
            });
        }
        Self { by_number }
    }

    /// The name of a reason without its prefix, such as `NO_SOCKET`.
    pub(super) fn get(&self, number: u32) -> Option<&str> {
        self.by_number.get(&number).map(AsRef::as_ref)
    }
}
