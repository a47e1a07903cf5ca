//! What a request states of its signature: the key, the time, the headers that are signed.

use std::collections::HashMap;

use axum::http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use time::{Date, Month, Time};

use super::{ALGORITHM, Message};
use crate::aws::fault::{Fault, Kind};

/// The statement of a request. Nothing of it is sure before the signature is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) key: String,
    /// The day for which the key was derived: `20150830`.
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    /// The names of the signed headers, in order, each once.
    pub(super) headers: Vec<String>,
    pub(super) signature: [u8; 32],
    /// Such as `20150830T123600Z`.
    pub(super) time: String,
    /// The same in seconds since 1970.
    seconds: i64,
    /// Seconds after this time for which the URL has the signature.
    expires: Option<i64>,
}

impl Claim {
    /// The claim of a request; `None` if it is not signed.
    pub(super) fn read(message: &Message<'_>) -> Result<Option<Self>, Fault> {
        let given = message.headers.get_all(header::AUTHORIZATION);
        let signed = given.iter().find(|value| value.as_bytes().starts_with(b"AWS"));
        match (signed, given.iter().nth(1)) {
            (Some(_), Some(_)) => Err(incomplete("There is more than one header Authorization.")),
            (Some(value), None) => {
                let text = value.to_str().map_err(|_| incomplete("Authorization is no text."))?;
                Self::of_header(text, message.headers).map(Some)
            }
            (None, _) => Self::of_query(message.query),
        }
    }

    /// Reads `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
    fn of_header(text: &str, headers: &HeaderMap) -> Result<Self, Fault> {
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        let mut parts = HashMap::new();
        for part in rest.split(',').map(str::trim) {
            let (name, value) = part
                .split_once('=')
                .ok_or_else(|| incomplete("A part of Authorization is no NAME=VALUE."))?;
            if parts.insert(name, value).is_some() {
                return Err(incomplete("A part of Authorization is given twice."));
            }
        }
        let part = |name: &str| {
            let text = || incomplete(&format!("Authorization has no part {name}."));
            parts.get(name).copied().ok_or_else(text)
        };
        let mut times = headers.get_all("x-amz-date").iter();
        let (Some(time), None) = (times.next().and_then(|time| time.to_str().ok()), times.next())
        else {
            return Err(incomplete("There must be one header X-Amz-Date."));
        };
        Self::new(algorithm, part("Credential")?, part("SignedHeaders")?, part("Signature")?, time)
    }

    /// Reads the parameters of a presigned URL.
    fn of_query(query: &str) -> Result<Option<Self>, Fault> {
        let mut parameters = HashMap::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name);
            if name.starts_with("X-Amz-") && parameters.insert(name, decoded(value)).is_some() {
                return Err(incomplete("A parameter of the signature is given twice."));
            }
        }
        if !["X-Amz-Algorithm", "X-Amz-Signature"].iter().any(|name| parameters.contains_key(*name))
        {
            return Ok(None);
        }
        let parameter = |name: &str| {
            let text = || incomplete(&format!("The URL has no parameter {name}."));
            parameters.get(name).map(String::as_str).ok_or_else(text)
        };
        let expires = parameter("X-Amz-Expires")?.parse().ok();
        let expires = expires.filter(|seconds| (1..=MAX_EXPIRES).contains(seconds));
        if expires.is_none() {
            let text =
                format!("X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}.");
            return Err(incomplete(&text));
        }
        let claim = Self::new(
            parameter("X-Amz-Algorithm")?,
            parameter("X-Amz-Credential")?,
            parameter("X-Amz-SignedHeaders")?,
            parameter("X-Amz-Signature")?,
            parameter("X-Amz-Date")?,
        )?;
        Ok(Some(Self { expires, ..claim }))
    }

    fn new(
        algorithm: &str,
        credential: &str,
        headers: &str,
        signature: &str,
        time: &str,
    ) -> Result<Self, Fault> {
        if algorithm != ALGORITHM {
            return Err(incomplete(&format!("The algorithm must be {ALGORITHM}.")));
        }
        let parts: Vec<&str> = credential.split('/').collect();
        let &[key, date, region, service, TERMINATION] = parts.as_slice() else {
            let form = "KEY/DATE/REGION/SERVICE/aws4_request";
            return Err(incomplete(&format!("The Credential must be {form}.")));
        };
        if key.len() > MAX_KEY {
            let text = format!("The access key has more than {MAX_KEY} characters.");
            return Err(incomplete(&text));
        }
        let seconds = seconds(time)
            .ok_or_else(|| incomplete("The date must be in the form 20150830T123600Z."))?;
        if time.get(..8) != Some(date) {
            let text = "The date in the Credential is not that of the request.";
            return Err(Fault::new(Kind::SignatureMismatch, text));
        }
        let headers: Vec<String> = headers.split(';').map(str::to_owned).collect();
        // So no name makes the text that is signed longer than the request.
        if !headers.is_sorted_by(|one, next| one < next) {
            return Err(incomplete("The names of SignedHeaders must be in order, each once."));
        }
        let [key, date, region, service] = [key, date, region, service].map(str::to_owned);
        let time = time.to_owned();
        let signature = bytes(signature)
            .ok_or_else(|| incomplete("The Signature must have 64 hexadecimal digits."))?;
        Ok(Self { key, date, region, service, headers, signature, time, seconds, expires: None })
    }

    /// What is signed besides the request.
    pub(super) fn scope(&self) -> String {
        format!("{}/{}/{}/{TERMINATION}", self.date, self.region, self.service)
    }

    /// Checks that the request was made at about this time, or that its URL holds still.
    pub(super) fn check_time(&self, now: i64) -> Result<(), Fault> {
        let valid = self.expires.unwrap_or(MAX_SKEW);
        if (self.seconds - MAX_SKEW..=self.seconds + valid).contains(&now) {
            return Ok(());
        }
        if self.expires.is_some() && now > self.seconds {
            return Err(Fault::new(Kind::Expired, "The time of the presigned URL is over."));
        }
        let text = format!(
            "The request has the time {}, which is {} seconds from that of the server: at most {MAX_SKEW} \
             are allowed.",
            self.time,
            now.abs_diff(self.seconds)
        );
        Err(Fault::new(Kind::Skewed, text))
    }

    /// Checks that what decides about the request is signed.
    pub(super) fn check_headers(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let is_signed = |name: &str| self.headers.iter().any(|own| own == name);
        let decides = |name: &&str| name.starts_with("x-amz-") && *name != "x-amz-user-agent";
        let names = headers.keys().map(|name| name.as_str()).filter(decides);
        match ["host"].into_iter().chain(names).find(|name| !is_signed(name)) {
            None => Ok(()),
            Some(name) => Err(Fault::new(
                Kind::SignatureMismatch,
                format!("The header {name} must be one of SignedHeaders."),
            )),
        }
    }
}

fn incomplete(text: &str) -> Fault {
    Fault::new(Kind::IncompleteSignature, text)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// A time such as `20150830T123600Z` in seconds since 1970.
fn seconds(text: &str) -> Option<i64> {
    let digits = |from: usize, to: usize| {
        let part = text.get(from..to).filter(|part| part.bytes().all(|it| it.is_ascii_digit()));
        part.and_then(|part| part.parse::<u16>().ok())
    };
    let byte = |from: usize, to: usize| digits(from, to).and_then(|it| u8::try_from(it).ok());
    if text.len() != 16 || text.get(8..9) != Some("T") || text.get(15..) != Some("Z") {
        return None;
    }
    let month = Month::try_from(byte(4, 6)?).ok()?;
    let date = Date::from_calendar_date(digits(0, 4)?.into(), month, byte(6, 8)?).ok()?;
    let time = Time::from_hms(byte(9, 11)?, byte(11, 13)?, byte(13, 15)?).ok()?;
    Some(date.with_time(time).assume_utc().unix_timestamp())
}

/// The 32 bytes of 64 hexadecimal digits.
fn bytes(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().as_chunks().0) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let [high, low] = *pair;
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(bytes)
}

pub(super) const TERMINATION: &str = "aws4_request";
/// Characters of an access key.
pub(super) const MAX_KEY: usize = 128;
/// Seconds between the clocks of client and server.
const MAX_SKEW: i64 = 300;
/// A week, as of the services.
const MAX_EXPIRES: i64 = 604_800;
