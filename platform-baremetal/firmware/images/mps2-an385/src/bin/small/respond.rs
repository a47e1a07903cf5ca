//! Replies to ping (RFC 792) and UDP echo (RFC 862), made in place by swapping addresses.

use mps2_an385::settings::{ADDRESS, ECHO_PORT};

/// Turns a request into its reply in place; `None` if the frame is not a request.
///
/// Swapping addresses and ports leaves the checksums unchanged; only the new type of a ping has to
/// be corrected in its own. A unicast frame is for this station, because the controller filters
/// others.
#[inline(never)]
pub(crate) fn respond(frame: &mut [u8]) -> Option<&[u8]> {
    let (ethernet, packet) = frame.split_first_chunk_mut::<ETHERNET>()?;
    let &mut [to, _, _, _, _, _, from, .., 0x08, 0x00] = ethernet else { return None };
    if (to | from) & GROUP != 0 {
        return None;
    }
    let (head, _) = packet.split_first_chunk_mut::<IPV4>()?;
    let &mut [0x45, _, high, low, _, _, fragment, offset, _, protocol, ..] = head else {
        return None;
    };
    let whole = fragment & !DONT_FRAGMENT == 0 && offset == 0;
    if !whole || !is_sound(head) || !is_to_us(head) {
        return None;
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    let message = packet.get_mut(IPV4..length)?;
    match protocol {
        ICMP => answer_ping(message)?,
        UDP => answer_echo(message)?,
        _ => return None,
    }
    swap(6, frame)?;
    swap(4, frame.get_mut(ETHERNET + 12..)?)?;
    // Without the padding of the request.
    frame.get(..ETHERNET + length)
}

fn answer_ping(message: &mut [u8]) -> Option<()> {
    if !is_sound(message) {
        return None;
    }
    let (&mut [ref mut kind, 0, ref mut high, ref mut low], _) = message.split_first_chunk_mut()?
    else {
        return None;
    };
    if *kind != ECHO_REQUEST {
        return None;
    }
    *kind = ECHO_REPLY;
    // The type changes from 8 to 0, so the sum falls by 0x0800 (RFC 1624).
    let (sum, carry) = u16::from_be_bytes([*high, *low]).overflowing_add(0x0800);
    [*high, *low] = sum.wrapping_add(u16::from(carry)).to_be_bytes();
    Some(())
}

/// Swaps the ports, which leaves the UDP checksum unchanged.
fn answer_echo(segment: &mut [u8]) -> Option<()> {
    let (&[a, b, c, d, high, low, ..], _) = segment.split_first_chunk::<8>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let ours = [c, d] == ECHO_PORT.to_be_bytes();
    // Two echo services would answer each other without end.
    if !ours || [a, b] == ECHO_PORT.to_be_bytes() || length != segment.len() {
        return None;
    }
    swap(2, segment)
}

/// Swaps the first `count` bytes with the next `count`.
fn swap(count: usize, bytes: &mut [u8]) -> Option<()> {
    let (first, rest) = bytes.split_at_mut_checked(count)?;
    first.iter_mut().zip(rest).for_each(|(one, other)| core::mem::swap(one, other));
    Some(())
}

/// Returns true for packets to our address, except from multicast, broadcast, loopback or
/// unspecified sources, which must not be answered.
fn is_to_us(
    &[_, _, _, _, _, _, _, _, _, _, _, _, first, _, _, last, ref to @ ..]: &[u8; IPV4],
) -> bool {
    !matches!(first, 0 | 127 | 224..) && last != 255 && *to == ADDRESS.octets()
}

/// Returns true if the Internet checksum over all bytes is correct (RFC 1071).
fn is_sound(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let last = rest.first().map_or(0, |byte| u32::from(*byte) << 8);
    let add = |sum: u32, word: &[u8; 2]| sum.wrapping_add(u16::from_be_bytes(*word).into());
    let sum = words.iter().fold(last, add);
    let folded = (sum >> 16) + (sum & 0xffff);
    (folded >> 16) + (folded & 0xffff) == 0xffff
}

const ETHERNET: usize = 14;
const IPV4: usize = 20;
/// The group bit of a MAC address, in its first byte.
const GROUP: u8 = 1;
const DONT_FRAGMENT: u8 = 0x40;
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
