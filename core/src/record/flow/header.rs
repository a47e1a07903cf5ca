//! The record of the first bytes of a packet.

use crate::record::codes::codes;
use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// `sampled_header` (0:1): the first bytes of the packet (rules A13 and A14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SampledHeader<'a> {
    /// Protocol at the start of `header`.
    pub protocol: HeaderProtocol,
    /// Length of the packet on the wire in bytes, with FCS and everything that was stripped,
    /// without preamble.
    pub frame_length: u32,
    /// Bytes removed from the packet before `header` was copied, at either end: at least the 4 of
    /// the FCS on Ethernet, 8 if the hardware also removed a VLAN tag.
    pub stripped: u32,
    /// The first bytes of the rest; for Ethernet, from the destination MAC on.
    pub header: &'a [u8],
}

impl SampledHeader<'_> {
    /// Returns the record with `header` cut to `bytes`.
    #[inline]
    pub(crate) fn cut(self, bytes: usize) -> Self {
        Self { header: self.header.get(..bytes).unwrap_or(self.header), ..self }
    }

    /// Writes the record with `data_format` and length.
    // Nearly every flow sample has this record, and its length is known in advance. One run of
    // words and one copy are cheaper than writing the record and patching its length.
    #[inline]
    pub(crate) fn encode_record(&self, xdr: &mut Encoder<'_>) {
        let header_length = self.header.len() as u32;
        let length = (header_length.wrapping_add(3) & !3).wrapping_add(16);
        let format = self.format().word();
        let [protocol, frame_length, stripped] = self.words();
        xdr.words([format, length, protocol, frame_length, stripped, header_length]);
        xdr.opaque_fixed(self.header);
    }

    fn words(&self) -> [u32; 3] {
        [self.protocol.code(), self.frame_length, self.stripped]
    }
}

impl FlowRecord for SampledHeader<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words(self.words());
        xdr.opaque(self.header);
    }
}

codes! {
    /// `header_protocol`: the protocol at the start of a [`SampledHeader`] (section 4.0).
    HeaderProtocol {
        /// Ethernet, from the destination MAC on.
        ETHERNET = 1 "ETHERNET-ISO88023",
        /// Token bus.
        TOKENBUS = 2 "ISO88024-TOKENBUS",
        /// Token ring.
        TOKENRING = 3 "ISO88025-TOKENRING",
        FDDI = 4 "FDDI",
        FRAME_RELAY = 5 "FRAME-RELAY",
        X25 = 6 "X25",
        PPP = 7 "PPP",
        SMDS = 8 "SMDS",
        /// ATM adaptation layer 5.
        AAL5 = 9 "AAL5",
        /// IP directly over ATM adaptation layer 5.
        AAL5_IP = 10 "AAL5-IP",
        /// IPv4 without link layer.
        IPV4 = 11 "IPv4",
        /// IPv6 without link layer.
        IPV6 = 12 "IPv6",
        /// MPLS, from the label stack on.
        MPLS = 13 "MPLS",
        /// PPP over SONET/SDH (RFC 1662, RFC 2615).
        POS = 14 "POS",
        /// Wi-Fi, from the MAC header on.
        IEEE80211_MAC = 15 "IEEE80211MAC",
        /// Wi-Fi, from the MPDU delimiter on.
        IEEE80211_AMPDU = 16 "IEEE80211-AMPDU",
        /// Wi-Fi, a subframe of an aggregate.
        IEEE80211_AMSDU_SUBFRAME = 17 "IEEE80211-AMSDU-Subframe",
        INFINIBAND = 18 "INFINIBAND",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing;

    const HEADER: SampledHeader<'_> = SampledHeader {
        protocol: HeaderProtocol::ETHERNET,
        frame_length: 50,
        stripped: 4,
        header: &[],
    };

    #[test]
    fn sampled_header() {
        let header = [
            2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 0x20, 0, 1, 0, 0, 0x40, 0x11,
            0xf6, 0xb8, 192, 0, 2, 1, 192, 0, 2, 2, 0, 0x35, 0, 0x35, 0, 0x0c, 0xff, 0xff, 0x41,
            0x42, 0x43,
        ];
        let record = SampledHeader { header: &header, ..HEADER };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-1.hex"),
        );
    }

    #[test]
    fn header_is_padded_with_zeros_that_its_length_excludes() {
        for len in 0..=5 {
            let record = SampledHeader { header: &[0xff; 5][..len], ..HEADER };
            let mut bytes = std::vec::Vec::from([0, 0, 0, 1, 0, 0, 0, 50, 0, 0, 0, 4, 0, 0, 0]);
            bytes.push(u8::try_from(len).unwrap());
            bytes.extend_from_slice(record.header);
            bytes.resize(16 + len.next_multiple_of(4), 0);
            testing::flow_bytes(&record, DataFormat::standard(1), &bytes);
        }
    }
}
