//! Ping (RFC 792) and UDP echo (RFC 862): the answer is the question turned round.

use mps2_an385::station::{ADDRESS, ECHO_PORT};

/// Makes the answer to a frame in its place; `None` if it wants none.
///
/// Addresses and ports change sides, which no checksum notices; only the type of a ping has to be
/// put right in its own.
pub(crate) fn respond(mac: [u8; 6], frame: &mut [u8]) -> Option<&[u8]> {
    let (ethernet, packet) = frame.split_first_chunk_mut::<14>()?;
    let &mut [to @ .., a, b, c, d, e, f, 0x08, 0x00] = ethernet else { return None };
    let from = [a, b, c, d, e, f];
    if to != mac || a & 1 != 0 {
        return None;
    }
    let length = answer_ipv4(packet)?;
    ethernet.first_chunk_mut().into_iter().for_each(|to: &mut [u8; 6]| *to = from);
    ethernet.iter_mut().skip(6).zip(mac).for_each(|(byte, own)| *byte = own);
    frame.get(..ETHERNET + length)
}

/// Turns a packet round and returns its length, without the padding of Ethernet.
fn answer_ipv4(packet: &mut [u8]) -> Option<usize> {
    let (head, _) = packet.split_first_chunk::<20>()?;
    let &[0x45, _, high, low, _, _, fragment, offset, _, protocol, _, _, ref addresses @ ..] = head
    else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    let (source, target) = addresses.split_first_chunk::<4>()?;
    let whole = fragment & !DONT_FRAGMENT == 0 && offset == 0;
    if !whole || !is_sound(head) || *target != ADDRESS.octets() || !is_host(source) {
        return None;
    }
    let packet = packet.get_mut(..length)?;
    let (head, message) = packet.split_first_chunk_mut::<20>()?;
    match protocol {
        ICMP => answer_ping(message)?,
        UDP => answer_echo(message)?,
        _ => return None,
    }
    swap::<4>(head.get_mut(12..)?)?;
    Some(length)
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
    // The type goes from 8 to 0, so the sum falls by 0x0800 (RFC 1624).
    let (sum, carry) = u16::from_be_bytes([*high, *low]).overflowing_add(0x0800);
    [*kind, *high, *low] = {
        let [high, low] = sum.wrapping_add(u16::from(carry)).to_be_bytes();
        [ECHO_REPLY, high, low]
    };
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
    swap::<2>(segment)
}

/// Exchanges the first `N` bytes and the `N` behind them.
fn swap<const N: usize>(bytes: &mut [u8]) -> Option<()> {
    let (first, rest) = bytes.split_first_chunk_mut::<N>()?;
    core::mem::swap(first, rest.first_chunk_mut()?);
    Some(())
}

/// Not a multicast, broadcast, loopback or unknown source, which must not be answered.
fn is_host([first, .., last]: &[u8; 4]) -> bool {
    !matches!(*first, 0 | 127 | 224..) && *last != 255
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
const DONT_FRAGMENT: u8 = 0x40;
const ICMP: u8 = 1;
const UDP: u8 = 17;
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;
