//! The form of a request that is signed, the same for client and server whatever the way of writing it.
//! Source: "Create a canonical request" in the guide to AWS Signature Version 4.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::Message;
use super::claim::Claim;

/// The request with the headers of the claim, and with a hash for its body.
pub(super) fn request(message: &Message<'_>, claim: &Claim, hash: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in [message.method.as_str(), &path(message.path), &query(message.query)] {
        bytes.extend(line.as_bytes());
        bytes.push(b'\n');
    }
    for name in &claim.headers {
        bytes.extend(name.as_bytes());
        bytes.push(b':');
        let values = message.headers.get_all(name).into_iter();
        bytes.extend(values.map(|value| trimmed(value.as_bytes())).collect::<Vec<_>>().join(&b','));
        bytes.push(b'\n');
    }
    for line in [&*claim.headers.join(";"), hash] {
        bytes.push(b'\n');
        bytes.extend(line.as_bytes());
    }
    bytes
}

/// The path as it was sent, without empty and relative segments, each byte escaped once more.
fn path(sent: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in sent.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let end = if sent.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", percent_encode(segments.join("/").as_bytes(), SEGMENTS))
}

/// The parameters in order, without the signature of a presigned URL.
fn query(sent: &str) -> String {
    let escaped = |text: &str| {
        let bytes: Vec<u8> = percent_decode_str(text).collect();
        percent_encode(&bytes, TEXT).to_string()
    };
    let pairs = sent.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (escaped(name), escaped(value)))
        .filter(|(name, _)| name != "X-Amz-Signature")
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// A value without spaces around it, and with one for each that are together.
fn trimmed(value: &[u8]) -> Vec<u8> {
    let words = value.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

/// All but the unreserved characters (RFC 3986, 2.3).
const TEXT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const SEGMENTS: &AsciiSet = &TEXT.remove(b'/');
