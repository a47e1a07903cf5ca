//! Counters of a switch chip behind SPI: the Microchip KSZ9477 family.

use embedded_hal::spi::{Operation, SpiDevice};
use flowmote_core::record::counter::{EthernetCounters, IfCounters, IfDirection, IfType};

use crate::chip::mib::MibCounter;

/// Reads the MIB counters of a KSZ9477, KSZ9567, KSZ9897 or KSZ9893 over SPI.
///
/// A transfer starts with 3 bits of command, 24 bits of address and 5 turn-around bits, followed by
/// 4 data bytes, high byte first. Writing an index to the port's MIB control and status register
/// (0xN500) requests a counter; bit 25 clears when the value is in the MIB data register (0xN504).
/// Reading the value clears the counter. Source: the data sheet, and Linux
/// `drivers/net/dsa/microchip/ksz9477.c`, `ksz9477_r_mib_cnt`.
#[derive(Debug)]
pub struct Ksz9477<S> {
    spi: S,
}

/// The counters of one port, accumulated to 64 bits.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ksz9477Port {
    /// Port number on the chip, from 1.
    port: u8,
    counters: [MibCounter; COUNT],
}

/// Error of a counter read. Counters read before it keep their values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Ksz9477Error<E> {
    /// The SPI transfer failed.
    Spi(E),
    /// The chip did not deliver the counter within 16 status reads.
    Timeout,
}

impl<S: SpiDevice> Ksz9477<S> {
    /// Creates a reader for the chip on `spi` (mode 0 or 3, at most 50 MHz).
    #[must_use]
    pub const fn new(spi: S) -> Self {
        Self { spi }
    }

    /// Reads every counter of a port: 22 counters in at least 66 transfers of 8 bytes, half a
    /// millisecond at 10 MHz. Call it every 12 minutes at least: that is how long a 30-bit packet
    /// counter lasts with minimum-size frames at 1 Gbit/s.
    ///
    /// # Errors
    /// [`Ksz9477Error`]. Counters that were not read continue to count on the chip, so the next
    /// call includes them.
    pub fn update(&mut self, port: &mut Ksz9477Port) -> Result<(), Ksz9477Error<S::Error>> {
        let number = port.port;
        for (index, counter) in INDEXES.iter().zip(port.counters.iter_mut()) {
            counter.add(self.counter(number, *index)?);
        }
        Ok(())
    }

    /// Reads one counter, which clears it.
    fn counter(&mut self, port: u8, index: u8) -> Result<u64, Ksz9477Error<S::Error>> {
        let control = (u32::from(port) << 12) | MIB_CONTROL;
        self.write(control, MIB_READ | (u32::from(index) << 16))?;
        for _ in 0..MAX_STATUS_READS {
            let status = self.read(control)?;
            if status & MIB_READ == 0 {
                let low = self.read((u32::from(port) << 12) | MIB_DATA)?;
                return Ok((u64::from(status & MIB_DATA_HIGH) << 32) | u64::from(low));
            }
        }
        Err(Ksz9477Error::Timeout)
    }

    fn read(&mut self, address: u32) -> Result<u32, Ksz9477Error<S::Error>> {
        let mut value = [0; 4];
        let command = command(READ, address);
        let operations = &mut [Operation::Write(&command), Operation::Read(&mut value)];
        self.spi.transaction(operations).map_err(Ksz9477Error::Spi)?;
        Ok(u32::from_be_bytes(value))
    }

    fn write(&mut self, address: u32, value: u32) -> Result<(), Ksz9477Error<S::Error>> {
        let (command, value) = (command(WRITE, address), value.to_be_bytes());
        let operations = &mut [Operation::Write(&command), Operation::Write(&value)];
        self.spi.transaction(operations).map_err(Ksz9477Error::Spi)
    }
}

impl Ksz9477Port {
    /// Creates the counters of a port, numbered from 1.
    #[must_use]
    pub const fn new(port: u8) -> Self {
        Self { port, counters: [MibCounter::clear_on_read(); COUNT] }
    }

    /// Returns the generic interface counters. Speed, duplex and status are in the PHY, not in the
    /// chip's counters: set `if_speed`, `if_direction` and `if_status` of the result.
    #[must_use]
    pub fn if_counters(&self, if_index: u32) -> IfCounters {
        let errors = [
            Mib::RxUndersize,
            Mib::RxFragments,
            Mib::RxOversize,
            Mib::RxJabbers,
            Mib::RxSymbolErr,
            Mib::RxCrcErr,
            Mib::RxAlignErr,
        ];
        IfCounters {
            if_index,
            if_type: IfType::ETHERNET_CSMACD,
            if_direction: IfDirection::UNKNOWN,
            if_in_octets: self.total(Mib::RxTotal),
            if_in_ucast_pkts: self.low(Mib::RxUcast),
            if_in_multicast_pkts: self.low(Mib::RxMcast),
            if_in_broadcast_pkts: self.low(Mib::RxBcast),
            if_in_discards: self.low(Mib::RxDiscards),
            if_in_errors: errors.iter().fold(0, |sum, mib| sum.wrapping_add(self.low(*mib))),
            if_out_octets: self.total(Mib::TxTotal),
            if_out_ucast_pkts: self.low(Mib::TxUcast),
            if_out_multicast_pkts: self.low(Mib::TxMcast),
            if_out_broadcast_pkts: self.low(Mib::TxBcast),
            if_out_discards: self.low(Mib::TxDiscards),
            if_out_errors: self.low(Mib::TxExcCol).wrapping_add(self.low(Mib::TxLateCol)),
            ..IfCounters::UNKNOWN
        }
    }

    /// Returns the Ethernet counters. Those that the chip does not have stay unknown.
    #[must_use]
    pub fn ethernet_counters(&self) -> EthernetCounters {
        let too_long = self.low(Mib::RxOversize).wrapping_add(self.low(Mib::RxJabbers));
        EthernetCounters {
            dot3_stats_alignment_errors: self.low(Mib::RxAlignErr),
            dot3_stats_fcs_errors: self.low(Mib::RxCrcErr),
            dot3_stats_single_collision_frames: self.low(Mib::TxSingleCol),
            dot3_stats_multiple_collision_frames: self.low(Mib::TxMultCol),
            dot3_stats_deferred_transmissions: self.low(Mib::TxDeferred),
            dot3_stats_late_collisions: self.low(Mib::TxLateCol),
            dot3_stats_excessive_collisions: self.low(Mib::TxExcCol),
            dot3_stats_frame_too_longs: too_long,
            dot3_stats_symbol_errors: self.low(Mib::RxSymbolErr),
            ..EthernetCounters::UNKNOWN
        }
    }

    fn total(&self, mib: Mib) -> u64 {
        let at = INDEXES.iter().position(|index| *index == mib as u8);
        at.and_then(|at| self.counters.get(at)).map_or(0, MibCounter::total)
    }

    /// The total modulo 2^32, as the 32-bit counters of sFlow are.
    fn low(&self, mib: Mib) -> u32 {
        self.total(mib) as u32
    }
}

/// Indices of the MIB counters that map to sFlow counters.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Mib {
    RxUndersize = 0x01,
    RxFragments = 0x02,
    RxOversize = 0x03,
    RxJabbers = 0x04,
    RxSymbolErr = 0x05,
    RxCrcErr = 0x06,
    RxAlignErr = 0x07,
    RxBcast = 0x0A,
    RxMcast = 0x0B,
    RxUcast = 0x0C,
    TxLateCol = 0x16,
    TxBcast = 0x18,
    TxMcast = 0x19,
    TxUcast = 0x1A,
    TxDeferred = 0x1B,
    TxExcCol = 0x1D,
    TxSingleCol = 0x1E,
    TxMultCol = 0x1F,
    RxTotal = 0x80,
    TxTotal = 0x81,
    RxDiscards = 0x82,
    TxDiscards = 0x83,
}

const INDEXES: [u8; COUNT] = [
    Mib::RxUndersize as u8,
    Mib::RxFragments as u8,
    Mib::RxOversize as u8,
    Mib::RxJabbers as u8,
    Mib::RxSymbolErr as u8,
    Mib::RxCrcErr as u8,
    Mib::RxAlignErr as u8,
    Mib::RxBcast as u8,
    Mib::RxMcast as u8,
    Mib::RxUcast as u8,
    Mib::TxLateCol as u8,
    Mib::TxBcast as u8,
    Mib::TxMcast as u8,
    Mib::TxUcast as u8,
    Mib::TxDeferred as u8,
    Mib::TxExcCol as u8,
    Mib::TxSingleCol as u8,
    Mib::TxMultCol as u8,
    Mib::RxTotal as u8,
    Mib::TxTotal as u8,
    Mib::RxDiscards as u8,
    Mib::TxDiscards as u8,
];

const COUNT: usize = 22;

fn command(operation: u32, address: u32) -> [u8; 4] {
    ((operation << 29) | ((address & 0x00FF_FFFF) << 5)).to_be_bytes()
}

const READ: u32 = 0b011;
const WRITE: u32 = 0b010;
const MIB_CONTROL: u32 = 0x0500;
const MIB_DATA: u32 = 0x0504;
const MIB_READ: u32 = 1 << 25;
/// Bits 35 to 32 of an octet counter, in the status register.
const MIB_DATA_HIGH: u32 = 0xF;
/// The chip takes a few microseconds, about as long as one status read; 16 leave a wide margin.
const MAX_STATUS_READS: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use embedded_hal::spi::ErrorType;

    use super::*;

    /// A chip model stricter than the real one: it accepts only whole commands for MIB registers,
    /// and delivers only a counter that was requested and is ready.
    #[derive(Default)]
    struct Chip {
        counters: BTreeMap<(u8, u8), u64>,
        asked: Option<(u8, u8)>,
        ready: bool,
        looks: usize,
        slow: usize,
        broken: bool,
    }

    #[derive(Debug, PartialEq)]
    struct Broken;

    impl embedded_hal::spi::Error for Broken {
        fn kind(&self) -> embedded_hal::spi::ErrorKind {
            embedded_hal::spi::ErrorKind::Other
        }
    }

    impl ErrorType for Chip {
        type Error = Broken;
    }

    impl SpiDevice for Chip {
        fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Broken> {
            if self.broken {
                return Err(Broken);
            }
            let [Operation::Write(command), data] = operations else { panic!("not one command") };
            let word = u32::from_be_bytes((*command).try_into().unwrap());
            assert_eq!(word & 0x1F, 0, "turn-around bits");
            let address = (word >> 5) & 0x00FF_FFFF;
            let (port, register) = ((address >> 12) as u8, address & 0xFFF);
            match (word >> 29, register, data) {
                (0b010, 0x500, Operation::Write(value)) => self.ask(port, value),
                (0b011, 0x500, Operation::Read(to)) => to.copy_from_slice(&self.look()),
                (0b011, 0x504, Operation::Read(to)) => to.copy_from_slice(&self.deliver()),
                other => panic!("{other:?}"),
            }
            Ok(())
        }
    }

    impl Chip {
        fn ask(&mut self, port: u8, value: &[u8]) {
            let value = u32::from_be_bytes(value.try_into().unwrap());
            assert_eq!(value & 0xFF00_FFFF, 1 << 25);
            self.asked = Some((port, (value >> 16) as u8));
            (self.ready, self.looks) = (false, 0);
        }

        fn look(&mut self) -> [u8; 4] {
            let key = self.asked.expect("asked before");
            self.looks += 1;
            self.ready = self.looks > self.slow;
            let high = (self.counters.get(&key).unwrap_or(&0) >> 32) as u32;
            let status = if self.ready { high } else { 1 << 25 };
            (status | (u32::from(key.1) << 16)).to_be_bytes()
        }

        fn deliver(&mut self) -> [u8; 4] {
            assert!(self.ready, "read before the counter was ready");
            let value = self.counters.remove(&self.asked.take().unwrap()).unwrap_or(0);
            (value as u32).to_be_bytes()
        }
    }

    fn chip_with_index_plus_one_on_port(port: u8) -> Ksz9477<Chip> {
        let counters = INDEXES.iter().map(|index| ((port, *index), u64::from(*index) + 1));
        Ksz9477::new(Chip { counters: counters.collect(), slow: 3, ..Default::default() })
    }

    #[test]
    fn counters_are_read_from_their_registers_and_summed() {
        let mut chip = chip_with_index_plus_one_on_port(3);
        let mut port = Ksz9477Port::new(3);
        chip.update(&mut port).unwrap();
        chip.spi.counters.insert((3, 0x80), (5 << 32) + 1);
        chip.update(&mut port).unwrap();
        let counters = port.if_counters(9);
        assert_eq!(counters.if_in_octets, (5 << 32) + 0x82);
        assert_eq!((counters.if_index, counters.if_in_ucast_pkts), (9, 0x0D));
        assert_eq!((counters.if_out_octets, counters.if_out_broadcast_pkts), (0x82, 0x19));
        assert_eq!(counters.if_in_errors, 2 + 3 + 4 + 5 + 6 + 7 + 8);
        assert_eq!((counters.if_in_discards, counters.if_out_discards), (0x83, 0x84));
        assert_eq!(counters.if_out_errors, 0x1E + 0x17);
        let ethernet = port.ethernet_counters();
        assert_eq!(ethernet.dot3_stats_fcs_errors, 7);
        assert_eq!(ethernet.dot3_stats_frame_too_longs, 4 + 5);
        assert_eq!(ethernet.dot3_stats_sqe_test_errors, u32::MAX);
        assert!(chip.spi.counters.is_empty(), "not read: {:?}", chip.spi.counters);
    }

    #[test]
    fn timeouts_and_bus_errors_lose_no_counts() {
        let mut chip = chip_with_index_plus_one_on_port(1);
        let mut port = Ksz9477Port::new(1);
        chip.spi.slow = 16;
        assert_eq!(chip.update(&mut port), Err(Ksz9477Error::Timeout));
        chip.spi.broken = true;
        assert_eq!(chip.update(&mut port), Err(Ksz9477Error::Spi(Broken)));
        (chip.spi.slow, chip.spi.broken) = (15, false);
        chip.update(&mut port).unwrap();
        let totals: Vec<u64> = port.counters.iter().map(MibCounter::total).collect();
        let expected: Vec<u64> = INDEXES.iter().map(|index| u64::from(*index) + 1).collect();
        assert_eq!(totals, expected);
    }
}
