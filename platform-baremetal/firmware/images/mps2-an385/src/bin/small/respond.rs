//! Ping (RFC 792) and UDP echo (RFC 862): the answer is the question turned round.

use mps2_an385::settings::{ADDRESS, ECHO_PORT};

/// Makes the answer to a frame in its place; `None` if it wants none.
///
/// Addresses and ports change sides, which no checksum notices; only the type of a ping has to be
/// put right in its own. A frame to a single station is to this one: the controller takes no other.
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
    // Without the padding of Ethernet.
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
    // The type goes from 8 to 0, so the sum falls by 0x0800 (RFC 1624).
    let (sum, carry) = u16::from_be_bytes([*high, *low]).overflowing_add(0x0800);
    [*high, *low] = sum.wrapping_add(u16::from(carry)).to_be_bytes();
    Some(())
}

/// The checksum of UDP stays right, or as wrong as it was.
fn answer_echo(segment: &mut [u8]) -> Option<()> {
    let (&[a, b, c, d, high, low, ..], _) = segment.split_first_chunk::<8>()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let ours = [c, d] == ECHO_PORT.to_be_bytes();
    // Two that echo would never stop.
    if !ours || [a, b] == ECHO_PORT.to_be_bytes() || length != segment.len() {
        return None;
    }
    swap(2, segment)
}

/// Exchanges the first `count` bytes and the `count` behind them.
fn swap(count: usize, bytes: &mut [u8]) -> Option<()> {
    let (first, rest) = bytes.split_at_mut_checked(count)?;
    first.iter_mut().zip(rest).for_each(|(one, other)| core::mem::swap(one, other));
    Some(())
}

/// Whether it is to our address, and not from a multicast, broadcast, loopback or unknown one,
/// which must not be answered.
fn is_to_us(
    &[_, _, _, _, _, _, _, _, _, _, _, _, first, _, _, last, ref to @ ..]: &[u8; IPV4],
) -> bool {
    !matches!(first, 0 | 127 | 224..) && last != 255 && *to == ADDRESS.octets()
}

/// Whether the Internet checksum over all of it is right (RFC 1071).
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
/// The bit of a first byte that says: not a single station.
const GROUP: u8 = 1;
const DONT_FRAGMENT: u8 = 0x40;
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
