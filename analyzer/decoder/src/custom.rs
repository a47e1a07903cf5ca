//! Samples of named values by InMon: `rtmetric` (4300:1002) and `rtflow` (4300:1003).

use core::marker::PhantomData;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::layout::Layout;
use crate::malformed::{Malformed, MalformedKind};
use crate::value::{MacAddress, Text};
use crate::visit::Value;
use crate::xdr::{Cursor, Span, Wire};

/// Custom metrics of one source: `rtmetric` (4300:1002).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RtMetric<'a> {
    /// Name of the source.
    pub datasource: Text<'a>,
    /// Declared number of metrics; [`values`](RtMetric::values) yields those present.
    pub num_values: u32,
    values: Span<'a>,
}

impl<'a> RtMetric<'a> {
    /// The metrics in order.
    pub fn values(&self) -> RtValues<'a, RtMetric<'a>> {
        RtValues::new(self.values, self.num_values)
    }

    pub(crate) fn read(span: Span<'a>) -> Option<Self> {
        let mut cursor = Cursor::new(span, Layout::VERSION_5);
        let datasource = Wire::read(&mut cursor)?;
        let num_values = Wire::read(&mut cursor)?;
        Some(Self { datasource, num_values, values: cursor.span() })
    }
}

/// A custom flow of one source: `rtflow` (4300:1003).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RtFlow<'a> {
    /// Name of the source.
    pub datasource: Text<'a>,
    /// Sampling rate: N of 1 in N.
    pub sampling_rate: u32,
    /// Total number of flows that could have been sampled; 0 if unused.
    pub sample_pool: u32,
    /// Declared number of attributes; [`values`](RtFlow::values) yields those present.
    pub num_values: u32,
    values: Span<'a>,
}

impl<'a> RtFlow<'a> {
    /// The attributes in order.
    pub fn values(&self) -> RtValues<'a, RtFlow<'a>> {
        RtValues::new(self.values, self.num_values)
    }

    /// The bytes of the attributes.
    pub fn bytes(&self) -> &'a [u8] {
        self.values.bytes()
    }

    /// A flow whose name and [bytes](RtFlow::bytes) were stored without the sample; its rate and pool
    /// are 0.
    pub fn stored(datasource: Text<'a>, num_values: u32, bytes: &'a [u8]) -> Self {
        let values = Span::new(bytes);
        Self { datasource, sampling_rate: 0, sample_pool: 0, num_values, values }
    }

    pub(crate) fn read(span: Span<'a>) -> Option<Self> {
        let mut cursor = Cursor::new(span, Layout::VERSION_5);
        let datasource = Wire::read(&mut cursor)?;
        let sampling_rate = Wire::read(&mut cursor)?;
        let sample_pool = Wire::read(&mut cursor)?;
        let num_values = Wire::read(&mut cursor)?;
        Some(Self { datasource, sampling_rate, sample_pool, num_values, values: cursor.span() })
    }
}

/// A named value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RtValue<'a> {
    /// Name of the metric or attribute.
    pub name: Text<'a>,
    /// Type number; its meaning depends on the sample, see [`ValueTypes`].
    pub type_code: u32,
    /// The value, read by its type.
    pub value: Value<'a>,
}

/// The values of an [`RtMetric`] or [`RtFlow`], in order.
///
/// Values have no length word. A value of unknown type hides all after it: the iterator yields the
/// fault and ends.
#[derive(Clone, Copy, Debug)]
pub struct RtValues<'a, K> {
    cursor: Cursor<'a>,
    left: u32,
    kind: PhantomData<K>,
}

impl<'a, K> RtValues<'a, K> {
    fn new(span: Span<'a>, left: u32) -> Self {
        Self { cursor: Cursor::new(span, Layout::VERSION_5), left, kind: PhantomData }
    }

    /// Number of bytes not walked over yet.
    pub fn remaining(&self) -> usize {
        self.cursor.remaining()
    }
}

impl<'a, K: ValueTypes> Iterator for RtValues<'a, K> {
    type Item = Result<RtValue<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let value = read_value::<K>(&mut self.cursor);
        if value.is_none() {
            self.left = 0;
        }
        value.map(Ok).or_else(|| self.cursor.fault().map(Err))
    }
}

/// The type numbers of a kind of sample, `rtmetric` or `rtflow`: the two differ.
pub trait ValueTypes {
    /// Reads a value of the type numbered `code`.
    fn read_value<'a>(code: u32, cursor: &mut Cursor<'a>) -> Option<Value<'a>>;
}

impl ValueTypes for RtMetric<'_> {
    fn read_value<'a>(code: u32, cursor: &mut Cursor<'a>) -> Option<Value<'a>> {
        match code {
            0 => Text::read(cursor).map(Value::Text),
            1 | 3 => u32::read(cursor).map(Value::U32),
            2 | 4 => u64::read(cursor).map(Value::U64),
            5 => cursor.array().map(f32::from_be_bytes).map(Value::F32),
            6 => cursor.array().map(f64::from_be_bytes).map(Value::F64),
            _ => unknown_type(cursor),
        }
    }
}

impl ValueTypes for RtFlow<'_> {
    fn read_value<'a>(code: u32, cursor: &mut Cursor<'a>) -> Option<Value<'a>> {
        match code {
            0 => Text::read(cursor).map(Value::Text),
            1 => MacAddress::read(cursor).map(Value::Mac),
            2 => Ipv4Addr::read(cursor).map(Value::Ipv4),
            3 => Ipv6Addr::read(cursor).map(Value::Ipv6),
            4 => i32::read(cursor).map(Value::I32),
            5 => cursor.array().map(i64::from_be_bytes).map(Value::I64),
            6 => cursor.array().map(f32::from_be_bytes).map(Value::F32),
            7 => cursor.array().map(f64::from_be_bytes).map(Value::F64),
            _ => unknown_type(cursor),
        }
    }
}

fn read_value<'a, K: ValueTypes>(cursor: &mut Cursor<'a>) -> Option<RtValue<'a>> {
    let name = Text::read(cursor)?;
    let type_code = u32::read(cursor)?;
    let value = K::read_value(type_code, cursor)?;
    if cursor.fault().is_some() {
        return None;
    }
    Some(RtValue { name, type_code, value })
}

fn unknown_type<'a>(cursor: &mut Cursor<'a>) -> Option<Value<'a>> {
    cursor.fail(MalformedKind::UnknownUnion);
    None
}
