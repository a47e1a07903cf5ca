//! IEEE 802.11: the MAC header, and the two ways to aggregate frames.

use super::layer::layer;
use super::{Layer, Next, Read, skip, take};
use crate::packet::Ethernet;
use crate::value::MacAddress;

layer! {
    /// IEEE 802.11 MAC header.
    Ieee80211 {
        /// 0 management, 1 control, 2 data.
        frame_type: u8,
        /// Subtype of the frame, 0..=15.
        subtype: u8,
        /// True if the body is encrypted.
        protected: bool,
        /// Station that receives the frame over the air.
        receiver: MacAddress,
        /// Station that sends it over the air; control frames may lack it.
        transmitter: Option<MacAddress>,
        /// Destination of a data frame.
        dst: Option<MacAddress>,
        /// Source of a data frame.
        src: Option<MacAddress>,
        /// Bytes of this header.
        length: u8,
    }
}

pub(super) fn ieee80211<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let before = rest.len();
    let [control, flags, _, _] = take(rest)?;
    let receiver = take(rest).map(MacAddress)?;
    let (frame_type, subtype) = (control >> 2 & 3, control >> 4);
    let protected = flags & PROTECTED != 0;
    let (transmitter, dst, src, length) = (None, None, None, 0);
    let mut header =
        Ieee80211 { frame_type, subtype, protected, receiver, transmitter, dst, src, length };
    let next = match frame_type {
        DATA => data(&mut header, flags, rest)?,
        MANAGEMENT => {
            header.transmitter = Some(take(rest).map(MacAddress)?);
            // BSSID and sequence.
            skip(rest, 8).map(|()| Next::Payload)?
        }
        _ => Next::Payload,
    };
    header.length = (before - rest.len()) as u8;
    Some((Layer::Ieee80211(header), next))
}

/// Reads the rest of the header of a data frame (IEEE 802.11, 9.3.2).
fn data(header: &mut Ieee80211, flags: u8, rest: &mut &[u8]) -> Option<Next> {
    let second = take(rest).map(MacAddress)?;
    let third = take(rest).map(MacAddress)?;
    let [fragment, _] = take(rest)?;
    let first = header.receiver;
    let (dst, src) = match flags & (TO_DS | FROM_DS) {
        0 => (first, second),
        FROM_DS => (first, third),
        TO_DS => (third, second),
        _ => (third, take(rest).map(MacAddress)?),
    };
    (header.transmitter, header.dst, header.src) = (Some(second), Some(dst), Some(src));
    let mut aggregate = false;
    if header.subtype & QOS != 0 {
        let [qos, _] = take(rest)?;
        aggregate = qos & AMSDU != 0;
        if flags & ORDER != 0 {
            // HT control.
            skip(rest, 4)?;
        }
    }
    Some(match () {
        // Without a body, encrypted, or not the first fragment.
        () if header.subtype & NULL != 0 || header.protected || fragment & 0x0f != 0 => {
            Next::Payload
        }
        () if aggregate => Next::Amsdu,
        () => Next::Llc,
    })
}

/// Skips the delimiter before each frame of an A-MPDU (IEEE 802.11, 9.7.1).
pub(super) fn ampdu<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    skip(rest, 4)?;
    ieee80211(rest)
}

/// Reads the header of a subframe of an A-MSDU: addresses and length, like IEEE 802.3, but the length
/// may exceed 1500.
pub(super) fn amsdu<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let dst = take(rest).map(MacAddress)?;
    let src = take(rest).map(MacAddress)?;
    let ether_type = take(rest).map(u16::from_be_bytes)?;
    *rest = rest.get(..ether_type.into()).unwrap_or(rest);
    Some((Layer::Ethernet(Ethernet { dst, src, ether_type }), Next::Llc))
}

const MANAGEMENT: u8 = 0;
const DATA: u8 = 2;
/// Bits of the subtype of a data frame.
const NULL: u8 = 4;
const QOS: u8 = 8;
/// Flags of the frame control field.
const TO_DS: u8 = 1;
const FROM_DS: u8 = 2;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;
/// QoS control: the body is an A-MSDU.
const AMSDU: u8 = 0x80;
