//! Names of protocols, as tables that goflow2 fills have them.

/// The EtherTypes that have a name; an empty string for all others.
pub(super) fn ether_type(number: u32) -> &'static str {
    match number {
        0x0800 => "IPv4",
        0x86dd => "IPv6",
        0x0806 => "ARP",
        _ => "",
    }
}

/// The keyword of an IP protocol (registry "Protocol Numbers" of IANA). Numbers without a keyword have
/// a name in words.
pub(super) fn ip_protocol(number: u32) -> &'static str {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    match (PROTOCOLS.get(index), number) {
        (Some(name), _) => name,
        (None, 146..=252) => "unassigned",
        (None, 253..=254) => "experimental",
        (None, 255) => "reserved",
        (None, _) => "unknown",
    }
}

#[rustfmt::skip]
const PROTOCOLS: [&str; 146] = [
    "HOPOPT", "ICMP", "IGMP", "GGP", "IPv4", "ST", "TCP", "CBT", "EGP", "IGP", "BBN-RCC-MON",
    "NVP-II", "PUP", "ARGUS", "EMCON", "XNET", "CHAOS", "UDP", "MUX", "DCN-MEAS", "HMP", "PRM",
    "XNS-IDP", "TRUNK-1", "TRUNK-2", "LEAF-1", "LEAF-2", "RDP", "IRTP", "ISO-TP4", "NETBLT",
    "MFE-NSP", "MERIT-INP", "DCCP", "3PC", "IDPR", "XTP", "DDP", "IDPR-CMTP", "TP++", "IL", "IPv6",
    "SDRP", "IPv6-Route", "IPv6-Frag", "IDRP", "RSVP", "GRE", "DSR", "BNA", "ESP", "AH", "I-NLSP",
    "SWIPE", "NARP", "Min-IPv4", "TLSP", "SKIP", "IPv6-ICMP", "IPv6-NoNxt", "IPv6-Opts",
    "any-host-internal-protocol", "CFTP", "any-local-network", "SAT-EXPAK", "KRYPTOLAN", "RVD",
    "IPPC", "any-distributed-file-system", "SAT-MON", "VISA", "IPCV", "CPNX", "CPHB", "WSN", "PVP",
    "BR-SAT-MON", "SUN-ND", "WB-MON", "WB-EXPAK", "ISO-IP", "VMTP", "SECURE-VMTP", "VINES", "IPTM",
    "NSFNET-IGP", "DGP", "TCF", "EIGRP", "OSPFIGP", "Sprite-RPC", "LARP", "MTP", "AX.25", "IPIP",
    "MICP", "SCC-SP", "ETHERIP", "ENCAP", "any-private-encryption-scheme", "GMTP", "IFMP", "PNNI",
    "PIM", "ARIS", "SCPS", "QNX", "A/N", "IPComp", "SNP", "Compaq-Peer", "IPX-in-IP", "VRRP", "PGM",
    "any-0-hop-protocol", "L2TP", "DDX", "IATP", "STP", "SRP", "UTI", "SMP", "SM", "PTP",
    "ISIS over IPv4", "FIRE", "CRTP", "CRUDP", "SSCOPMCE", "IPLT", "SPS", "PIPE", "SCTP", "FC",
    "RSVP-E2E-IGNORE", "Mobility Header", "UDPLite", "MPLS-in-IP", "manet", "HIP", "Shim6", "WESP",
    "ROHC", "Ethernet", "AGGFRAG", "NSH",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_have_their_names() {
        for (number, name) in [
            (0, "HOPOPT"),
            (1, "ICMP"),
            (6, "TCP"),
            (17, "UDP"),
            (47, "GRE"),
            (58, "IPv6-ICMP"),
            (89, "OSPFIGP"),
            (132, "SCTP"),
            (145, "NSH"),
            (146, "unassigned"),
            (252, "unassigned"),
            (254, "experimental"),
            (255, "reserved"),
            (256, "unknown"),
            (u32::MAX, "unknown"),
        ] {
            assert_eq!(ip_protocol(number), name, "{number}");
        }
        assert_eq!([0x0800, 0x86dd, 0x0806, 0x88cc].map(ether_type), ["IPv4", "IPv6", "ARP", ""]);
    }
}
