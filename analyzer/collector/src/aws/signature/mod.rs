//! Signature Version 4: requests that only the owner of an access key can have made.
//!
//! [`claim`] reads what a request states of its signature, in a header or in the URL, [`canonical`] makes the
//! bytes that the client signed of the request as it was sent, and [`keys`] has the secrets. Region and
//! service are those of the claim: they are part of what is signed.

mod canonical;
mod claim;
mod keys;
#[cfg(test)]
mod tests;

use axum::http::{HeaderMap, Method};
use clap::ValueEnum;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::fault::{Fault, Kind};
use claim::Claim;
pub(crate) use keys::Keys;

/// Which requests need a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// No signature is looked at.
    #[default]
    Off,
    /// A signature must be right; a request without one is as any other.
    Optional,
    /// Each request has a right signature, or the token of the server.
    Required,
}

/// What a request shows besides a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The server has no token, so that anyone may do what the mode permits.
    Anyone,
    /// It has the token of the server.
    Known,
    /// It lacks the token of the server.
    Unknown,
}

/// How signatures are checked.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    pub(crate) mode: Mode,
    pub(crate) keys: Keys,
}

/// A request as it was sent. Something before may have inflated nothing and parsed nothing of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) method: &'a Method,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl Signatures {
    /// Checks that a request may be worked on, at a time in seconds since 1970.
    pub(super) fn check(
        &self,
        message: &Message<'_>,
        caller: Caller,
        now: i64,
    ) -> Result<(), Fault> {
        match self.claim(message, caller, now)? {
            None => Ok(()),
            Some((claim, secret)) => verify(message, &claim, secret),
        }
    }

    /// Checks what the head of a request shows. The message needs no body.
    pub(super) fn admit(
        &self,
        message: &Message<'_>,
        caller: Caller,
        now: i64,
    ) -> Result<(), Fault> {
        self.claim(message, caller, now).map(drop)
    }

    /// The claim that is still to be verified, with the secret of its key.
    fn claim(
        &self,
        message: &Message<'_>,
        caller: Caller,
        now: i64,
    ) -> Result<Option<(Claim, &str)>, Fault> {
        if caller == Caller::Known {
            return Ok(None);
        }
        if self.mode != Mode::Off
            && let Some(claim) = Claim::read(message)?
        {
            let secret = self.keys.secret(&claim.key).ok_or_else(|| {
                let text = format!("There is no access key {} here.", claim.key);
                Fault::new(Kind::InvalidClient, text)
            })?;
            claim.check_time(now)?;
            claim.check_headers(message.headers)?;
            return Ok(Some((claim, secret)));
        }
        match (self.mode, caller) {
            (Mode::Off | Mode::Optional, Caller::Anyone) => Ok(None),
            (Mode::Off, _) => Err(Fault::new(
                Kind::MissingToken,
                "The header `Authorization: Bearer TOKEN` is missing or wrong.",
            )),
            _ => Err(Fault::new(Kind::MissingToken, "The request has no signature.")),
        }
    }
}

fn verify(message: &Message<'_>, claim: &Claim, secret: &str) -> Result<(), Fault> {
    let hash = payload(message)?;
    let canonical = Sha256::digest(canonical::request(message, claim, &hash));
    let text = format!("{ALGORITHM}\n{}\n{}\n{canonical:x}", claim.time, claim.scope());
    // Compares in constant time.
    let right = mac(&signing_key(secret, claim), &text).verify_slice(&claim.signature);
    right.map_err(|_| {
        let text = format!(
            "The signature is another one: the secret of {} differs, or something on the way has changed \
             the path, the body or one of the headers {}.",
            claim.key,
            claim.headers.join(";"),
        );
        Fault::new(Kind::SignatureMismatch, text)
    })
}

/// The hash of the body in what is signed.
fn payload(message: &Message<'_>) -> Result<String, Fault> {
    let hash = format!("{:x}", Sha256::digest(message.body));
    match message.headers.get("x-amz-content-sha256").map(|value| value.as_bytes()) {
        None => Ok(hash),
        Some(b"UNSIGNED-PAYLOAD") => Ok("UNSIGNED-PAYLOAD".to_owned()),
        Some(given) if given == hash.as_bytes() => Ok(hash),
        Some(_) => Err(Fault::new(
            Kind::SignatureMismatch,
            "The header X-Amz-Content-SHA256 is not that of the body.",
        )),
    }
}

fn signing_key(secret: &str, claim: &Claim) -> Vec<u8> {
    let parts = [&claim.date, &claim.region, &claim.service, claim::TERMINATION];
    parts.into_iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| {
        mac(&key, part).finalize().into_bytes().to_vec()
    })
}

fn mac(key: &[u8], text: &str) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(text.as_bytes());
    mac
}

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
