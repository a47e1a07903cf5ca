//! The datagram: header, and walk over the samples.

use crate::format::DataFormat;
use crate::legacy;
use crate::malformed::{Error, Malformed, MalformedKind};
use crate::sample::{Sample, UnknownSample};
use crate::value::Address;
use crate::xdr::Span;

/// An sFlow datagram of version 2, 4 or 5, borrowed from the bytes of the UDP payload.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// 2, 4 or 5.
    pub version: u8,
    /// Address that identifies the agent; may differ from the source address of the UDP packet.
    pub agent_address: Address,
    /// Distinguishes the datagram streams of one agent; 0 in versions 2 and 4, which lack it.
    pub sub_agent_id: u32,
    /// Increases by 1 per datagram of this sub-agent; wraps.
    pub sequence_number: u32,
    /// Milliseconds since the start of the device (some agents: of the agent); wraps after 49.7
    /// days.
    pub uptime: u32,
    /// Declared number of samples; [`samples`](Datagram::samples) yields those present.
    pub num_samples: u32,
    samples: Span<'a>,
}

impl<'a> Datagram<'a> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// If no sample can be found: the header is incomplete, the version is none of 2, 4 and 5, or the
    /// address type is undefined, so that the length of the address is unknown.
    #[inline(always)]
    pub fn parse(payload: &'a [u8]) -> Result<Self, Error> {
        let mut span = Span::new(payload);
        let [version, address_type] = span.words().ok_or(Error::Short)?;
        if version != 5 {
            // Copied, so that the result of version 5 is not in memory for the sake of the call.
            let Self {
                version, agent_address, sequence_number, uptime, num_samples, samples, ..
            } = Self::other_version(payload)?;
            return Ok(Self {
                version,
                agent_address,
                sub_agent_id: 0,
                sequence_number,
                uptime,
                num_samples,
                samples,
            });
        }
        let agent_address = agent_address(address_type, &mut span)?;
        let [sub_agent_id, sequence_number, uptime, num_samples] =
            span.words().ok_or(Error::Short)?;
        Ok(Self {
            version: 5,
            agent_address,
            sub_agent_id,
            sequence_number,
            uptime,
            num_samples,
            samples: span,
        })
    }

    /// Reads the rest of a header of version 2 or 4 (RFC 3176).
    #[cold]
    #[inline(never)]
    fn other_version(payload: &'a [u8]) -> Result<Self, Error> {
        let mut span = Span::new(payload);
        let [version, address_type] = span.words().ok_or(Error::Short)?;
        if !matches!(version, 2 | 4) {
            return Err(Error::of_version(version, payload));
        }
        let agent_address = agent_address(address_type, &mut span)?;
        let [sequence_number, uptime, num_samples] = span.words().ok_or(Error::Short)?;
        Ok(Self {
            version: version as u8,
            agent_address,
            sub_agent_id: 0,
            sequence_number,
            uptime,
            num_samples,
            samples: span,
        })
    }

    /// The samples in order.
    #[inline]
    pub fn samples(&self) -> Samples<'a> {
        let count = i64::from(self.num_samples);
        let left = if self.version == 5 { count } else { -count };
        let (span, all, version) = (self.samples, self.samples, self.version);
        Samples { span, all, left, version, searched: false }
    }
}

#[inline(always)]
fn agent_address(kind: u32, span: &mut Span<'_>) -> Result<Address, Error> {
    Ok(match kind {
        0 => Address::Unknown,
        1 => Address::V4(span.array::<4>().ok_or(Error::Short)?.into()),
        2 => Address::V6(span.array::<16>().ok_or(Error::Short)?.into()),
        other => return Err(Error::AddressType(other)),
    })
}

/// The samples of a datagram, in order.
///
/// Yields an error for a sample that is too short for its kind and for bytes between samples, and
/// continues with the next. Yields an error where the walk cannot continue, and ends.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a> {
    span: Span<'a>,
    /// All samples.
    all: Span<'a>,
    /// Number of samples left: above 0 in version 5, below 0 in versions 2 and 4. One comparison with 0
    /// finds the end and the version.
    left: i64,
    version: u8,
    /// True after the first search for stray bytes. One per datagram bounds the work.
    searched: bool,
}

impl<'a> Samples<'a> {
    /// Bytes not walked over yet. At the end, surplus bytes of the datagram, to be ignored.
    pub fn remaining(&self) -> &'a [u8] {
        self.span.bytes()
    }

    fn fail(&mut self, kind: MalformedKind) -> Malformed {
        self.left = 0;
        self.span.malformed(kind)
    }
}

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let before = self.span.bytes().len();
        if self.left > 0 {
            self.left -= 1;
            if let Some([format, length]) = self.span.words()
                && let Some(body) = self.span.padded(length)
                && let Some(sample) = Sample::read(DataFormat(format), body)
            {
                return Some(Ok(sample));
            }
        } else if self.left == 0 {
            return None;
        }
        // On a copy, so that `self` stays in registers in all other steps.
        let mut copy = *self;
        let sample = copy.rare(before);
        *self = copy;
        Some(sample)
    }
}

impl<'a> Samples<'a> {
    /// The next sample if it is neither a flow nor a counters sample of version 5, or not whole, or
    /// without its pad. Out of line, so that other samples pay for none of it. `before` is the number of
    /// bytes that were left at the start of the sample.
    #[cold]
    #[inline(never)]
    fn rare(&mut self, before: usize) -> Result<Sample<'a>, Malformed> {
        if self.left < 0 {
            self.left += 1;
            return self.next_legacy();
        }
        self.span = self.all.last(before);
        let mut span = self.span;
        if let Some([format, length]) = span.words()
            && let Some(body) = span.opaque(length)
            && let Some(sample) = Sample::read_any(DataFormat(format), body)
        {
            self.span = span;
            return Ok(sample);
        }
        self.unusual().map(Sample::Unknown)
    }

    /// A sample of unknown number, or longer than the datagram.
    ///
    /// 0:0 is the number of no sample, so it is a fault even if the next sample cannot be found.
    fn unusual(&mut self) -> Result<UnknownSample<'a>, Malformed> {
        let start = self.span;
        let Some([format, length]) = self.span.words() else {
            return Err(self.fail(MalformedKind::SamplesMissing));
        };
        let (format, body) = (DataFormat(format), self.span.opaque(length));
        if let Some(skipped) = self.skip_stray(start, format) {
            return Err(skipped);
        }
        match body {
            Some(body) if Sample::is_known(format) => {
                Err(body.malformed(MalformedKind::SampleShort))
            }
            None => Err(self.fail(MalformedKind::SampleOverrun)),
            Some(_) if format == DataFormat(0) => Err(start.malformed(MalformedKind::StrayBytes)),
            Some(body) => Ok(UnknownSample::new(format, body)),
        }
    }

    fn next_legacy(&mut self) -> Result<Sample<'a>, Malformed> {
        let sample = legacy::next(self.version, &mut self.span);
        // Without lengths no fault can be skipped.
        if sample.is_err() {
            self.left = 0;
        }
        sample
    }

    /// Skips words between samples that belong to none, which some agents send. `start` is where a
    /// sample should begin.
    ///
    /// Done only if it is safe: after them all samples that are left end exactly with the datagram, and
    /// from `start` they do not.
    fn skip_stray(&mut self, start: Span<'a>, format: DataFormat) -> Option<Malformed> {
        if Sample::is_known(format) || core::mem::replace(&mut self.searched, true) {
            return None;
        }
        let left = self.left + 1;
        if end_exactly(start, left) {
            return None;
        }
        let mut after = start;
        for _ in 0..MAX_STRAY_WORDS {
            let [_] = after.words()?;
            if begins_with_known(after) && end_exactly(after, left) {
                (self.span, self.left) = (after, left);
                return Some(start.malformed(MalformedKind::StrayBytes));
            }
        }
        None
    }
}

/// True if `count` samples use up the span, by their lengths.
fn end_exactly(mut span: Span<'_>, count: i64) -> bool {
    for _ in 0..count {
        // Each step takes eight bytes or ends the loop.
        let Some([_, length]) = span.words() else { return false };
        if span.opaque(length).is_none() {
            return false;
        }
    }
    span.bytes().is_empty()
}

fn begins_with_known(mut span: Span<'_>) -> bool {
    span.words().is_some_and(|[format]| Sample::is_known(DataFormat(format)))
}

const MAX_STRAY_WORDS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_with_ipv4_agent_is_read() {
        let payload = [
            0, 0, 0, 5, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 3, 0xe8, 0, 0, 0, 0,
        ];
        let datagram = Datagram::parse(&payload).unwrap();
        assert_eq!(datagram.agent_address, Address::V4([10, 0, 0, 1].into()));
        assert_eq!((datagram.sub_agent_id, datagram.sequence_number), (7, 8));
        assert_eq!((datagram.uptime, datagram.num_samples), (1000, 0));
        assert!(datagram.samples().next().is_none());
    }

    #[test]
    fn incomplete_header_wrong_version_and_address_type_are_refused() {
        assert_eq!(Datagram::parse(&[]).unwrap_err(), Error::Short);
        assert_eq!(Datagram::parse(&[0, 0, 0, 3, 0, 0, 0, 1]).unwrap_err(), Error::Version(3));
        assert_eq!(Datagram::parse(&[0, 0, 0, 5, 0, 0, 0, 3]).unwrap_err(), Error::AddressType(3));
        assert_eq!(Datagram::parse(&[0, 0, 0, 5, 0, 0, 0, 1, 10]).unwrap_err(), Error::Short);
    }

    #[test]
    fn count_without_samples_is_one_fault() {
        let mut payload = [0u8; 28];
        payload[3] = 5;
        payload[7] = 1;
        payload[24..].fill(0xff);
        let mut samples = Datagram::parse(&payload).unwrap().samples();
        let fault = samples.next().unwrap().unwrap_err();
        assert_eq!(fault, Malformed { kind: MalformedKind::SamplesMissing, offset: 28 });
        assert!(samples.next().is_none());
    }
}
