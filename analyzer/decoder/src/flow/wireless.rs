//! IEEE 802.11.

use crate::Flow;
use crate::record::NestedRecords;
use crate::structure::structures;
use crate::value::{MacAddress, Text};
use crate::xdr::List;

structures! { Flow:
    /// Flow record 0:1013, at least 8 bytes (source: sFlow 802.11 structures).
    ///
    /// As in the specification. The reference decoder reads a whole `sampled_header` in place of
    /// `data`.
    Extended80211Payload<'a> = 0:1013 as "extended_80211_payload" {
        /// `OUI << 8 | suite`: 000FAC-0 use group, -1 WEP-40, -2 TKIP, -4 CCMP, -5 WEP-104.
        Enumeration ciphersuite: u32,
        /// Unencrypted bytes from the 802.2 LLC on, no encryption trailer.
        Identity data: &'a [u8],
    }

    /// Flow record 0:1014, at least 40 bytes (source: sFlow 802.11 structures).
    Extended80211Rx<'a> = 0:1014 as "extended_80211_rx" {
        /// At most 32 bytes.
        Identity ssid: Text<'a>,
        /// BSSID.
        Identity bssid: MacAddress,
        /// 1 a, 2 b, 3 g, 4 n.
        Enumeration version: u32,
        /// Channel number.
        Identity channel: u32,
        /// bit/s (unit not given in the text).
        Gauge speed: u64,
        /// Received SNR indicator, dot11FrameRprtRSNI.
        Gauge rsni: u32,
        /// Received channel power indicator, dot11FrameRprtLastRCPI.
        Gauge rcpi: u32,
        /// Microseconds on air, 0 unknown.
        Time packet_duration: u32,
    }

    /// Flow record 0:1015, at least 44 bytes (source: sFlow 802.11 structures).
    Extended80211Tx<'a> = 0:1015 as "extended_80211_tx" {
        /// At most 32 bytes.
        Identity ssid: Text<'a>,
        /// BSSID.
        Identity bssid: MacAddress,
        /// 1 a, 2 b, 3 g, 4 n.
        Enumeration version: u32,
        /// 0 unknown, 1 first try, n>1 = n-1 retries.
        Gauge transmissions: u32,
        /// Microseconds, 0 unknown.
        Time packet_duration: u32,
        /// Microseconds of failed tries, 0 unknown.
        Time retrans_duration: u32,
        /// Channel.
        Identity channel: u32,
        /// In bit/s.
        Gauge speed: u64,
        /// In milliwatts.
        Gauge power: u32,
    }

    /// One `pdu` of `extended_80211_aggregation`.
    Pdu<'a> as "pdu" {
        /// Nested flow_record list: count, then count x (data_format, length, bytes).
        Identity flow_records: NestedRecords<'a, Flow>,
    }

    /// Flow record 0:1016, at least 4 bytes (source: sFlow 802.11 structures).
    Extended80211Aggregation<'a> = 0:1016 as "extended_80211_aggregation" {
        /// Count, then per PDU a nested flow_record list (recursive: bound the depth).
        Identity pdus: List<'a, Pdu<'a>>,
    }
}
