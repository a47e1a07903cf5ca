//! A capture file of the test vectors for tshark.

/// A pcap file (draft-ietf-opsawg-pcap) of IPv4 packets without link layer.
pub(crate) fn pcap(vectors: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic, version 2.4, zone, accuracy, snapshot length, link type.
    for word in [0xa1b2_c3d4, 0x0002_0004, 0, 0, 0x0004_0000, LINKTYPE_IPV4] {
        file.extend(u32::to_be_bytes(word));
    }
    for (_, payload) in vectors {
        let packet = ipv4_udp(payload);
        let length = packet.len() as u32;
        for word in [0, 0, length, length] {
            file.extend(u32::to_be_bytes(word));
        }
        file.extend(packet);
    }
    file
}

/// From 192.0.2.1 to 192.0.2.2, port 6343, without checksums.
fn ipv4_udp(payload: &[u8]) -> Vec<u8> {
    let length = payload.len() as u16;
    let ([udp_0, udp_1], [ip_0, ip_1]) = ((length + 8).to_be_bytes(), (length + 28).to_be_bytes());
    let ip = [0x45, 0, ip_0, ip_1, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    let udp = [0x18, 0xc7, 0x18, 0xc7, udp_0, udp_1, 0, 0];
    [&ip[..], &udp, payload].concat()
}

const LINKTYPE_IPV4: u32 = 228;
