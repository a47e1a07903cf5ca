//! SMSC/Microchip LAN9118: 10/100 Ethernet MAC and PHY with a FIFO interface.
//!
//! Register names and section numbers are those of the data sheet, DS00002266. The chip has one
//! statistics register, RX_DROP. The driver counts everything else from the status word of each
//! frame in either direction.
#![allow(unsafe_code, reason = "claims the registers of the controller")]

mod statistics;

use flowmote_core::record::counter::{IfCounters, IfDirection};

use crate::registers::Registers;

pub use self::statistics::Statistics;

/// The controller. Frames are without FCS in both directions.
#[derive(Debug)]
pub struct Lan9118<const BASE: usize> {
    registers: Registers<BASE>,
    statistics: Statistics,
    /// A self-clearing bit stayed set; values read through MAC and PHY are invalid.
    stuck: bool,
}

/// Maximum frame length, received or sent: 1500 bytes after an Ethernet and a VLAN header.
pub const MAX_FRAME: usize = 1518;

/// Error of [`Lan9118::start`]: there is no LAN9118 at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoChip;

/// A frame was not sent and counted as such: longer than [`MAX_FRAME`], or no room in the FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSent;

/// A received frame was discarded and counted: in error, too long, or longer than the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discarded;

impl<const BASE: usize> Lan9118<BASE> {
    /// # Safety
    /// `BASE` must be the address of the chip, and this must be its only owner.
    pub const unsafe fn new() -> Self {
        // SAFETY: the caller promises the chip at `BASE`, and all offsets are those of `mod
        // register`.
        let registers = unsafe { Registers::new() };
        Self { registers, statistics: Statistics::ZERO, stuck: false }
    }

    /// Resets the chip and starts both directions with the receive interrupt enabled. It receives
    /// frames to its own, multicast and broadcast addresses. Returns its address, from the EEPROM.
    ///
    /// # Errors
    /// [`NoChip`].
    pub fn start(&mut self) -> Result<[u8; 6], NoChip> {
        if self.registers.read(register::BYTE_TEST) != BYTE_ORDER
            || self.registers.read(register::ID_REV) >> 16 != CHIP_ID
        {
            return Err(NoChip);
        }
        self.statistics.start();
        self.registers.write(register::HW_CFG, HW_CFG_SRST);
        self.wait_clear(register::HW_CFG, HW_CFG_SRST);
        self.registers.write(register::HW_CFG, HW_CFG_SF | HW_CFG_TX_FIF_SZ_5K);
        self.registers.write(register::AFC_CFG, AFC_CFG_LEVELS);
        self.registers.write(register::FIFO_INT, FIFO_INT_FIRST_FRAME);
        self.registers.write(register::INT_STS, u32::MAX);
        self.registers.write(register::INT_EN, INT_RSFL);
        self.registers.write(register::IRQ_CFG, IRQ_CFG_EN | IRQ_CFG_HIGH | IRQ_CFG_PUSH_PULL);
        self.phy_write(PHY_CONTROL, PHY_CONTROL_NEGOTIATE);
        self.registers.write(register::TX_CFG, TX_CFG_ON);
        self.write_mac_cr(false);
        let [a, b, c, d] = self.mac_read(MAC_ADDRL).to_le_bytes();
        let [e, f, ..] = self.mac_read(MAC_ADDRH).to_le_bytes();
        if self.stuck { Err(NoChip) } else { Ok([a, b, c, d, e, f]) }
    }

    /// Reads the next frame from the FIFO to the start of `buffer`, which needs up to three bytes
    /// more than the frame, because the FIFO delivers whole words. `None` if there is none.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Option<Result<usize, Discarded>> {
        if !self.has_frame() {
            return None;
        }
        let status = self.registers.read(register::RX_STATUS_FIFO);
        let octets = (status >> 16) & RX_STATUS_LENGTH;
        // The length includes the four bytes of the FCS.
        let length = (octets as usize).saturating_sub(FCS);
        let bad = status & RX_STATUS_ERROR != 0 || !(HEADER..=MAX_FRAME).contains(&length);
        // The FIFO delivers whole words.
        let room = buffer.get_mut(..(length + 3) & !3).filter(|_| !bad);
        let Some(room) = room else {
            self.statistics.count_discarded(status, bad, length > MAX_FRAME);
            self.discard(octets);
            return Some(Err(Discarded));
        };
        for word in room.as_chunks_mut().0 {
            *word = self.registers.read(register::RX_DATA_FIFO).to_le_bytes();
        }
        self.registers.read(register::RX_DATA_FIFO);
        self.statistics.count_received(room, length);
        Some(Ok(length))
    }

    /// Returns true if a received frame waits in the FIFO.
    #[must_use]
    pub fn has_frame(&self) -> bool {
        self.registers.read(register::RX_FIFO_INF) & RX_FIFO_INF_STATUS_USED != 0
    }

    /// Enables or disables the receive interrupt.
    pub fn listen(&mut self, listen: bool) {
        self.registers.write(register::INT_EN, if listen { INT_RSFL } else { 0 });
    }

    /// Clears the receive interrupt. Call it before draining with [`receive`](Self::receive), so
    /// that a frame after the last read raises it again.
    pub fn acknowledge(&mut self) {
        self.registers.write(register::INT_STS, INT_RSFL);
    }

    /// Returns true if the FIFO has room for a frame of maximum length in two parts.
    pub fn has_room(&mut self) -> bool {
        self.registers.read(register::TX_FIFO_INF) & TX_FIFO_INF_FREE >= ROOM
    }

    /// Sends the frame that consists of `head`, which includes the Ethernet header, and `payload`.
    /// The chip pads it to the minimum of Ethernet.
    ///
    /// # Errors
    /// [`NotSent`]; no part of the frame was sent.
    pub fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), NotSent> {
        self.take_send_status();
        let length = head.len() + payload.len();
        let free = self.registers.read(register::TX_FIFO_INF) & TX_FIFO_INF_FREE;
        if head.len() < HEADER || length > MAX_FRAME || length + OVERHEAD > free as usize {
            self.statistics.count_not_sent();
            return Err(NotSent);
        }
        if payload.is_empty() {
            self.write_part(head, TX_COMMAND_FIRST | TX_COMMAND_LAST, length);
        } else {
            self.write_part(head, TX_COMMAND_FIRST, length);
            self.write_part(payload, TX_COMMAND_LAST, length);
        }
        self.statistics.count_sent(head, length);
        Ok(())
    }

    /// Returns the counters and the state of the port.
    pub fn statistics(&mut self) -> Statistics {
        self.take_send_status();
        self.follow_link();
        // Cleared by reading.
        self.statistics.count_dropped(self.registers.read(register::RX_DROP));
        self.statistics
    }

    /// Reads the result of auto-negotiation from the PHY and sets the MAC accordingly.
    fn follow_link(&mut self) {
        // Latched low (IEEE 802.3, 22.2.4.2.13): after a loss of link the first read returns 0, so
        // only the second one is current.
        self.phy_read(PHY_STATUS);
        let up = self.phy_read(PHY_STATUS) & PHY_STATUS_LINK != 0;
        let common = self.phy_read(PHY_ADVERTISED) & self.phy_read(PHY_PARTNER);
        // The best mode that both ends support.
        let (speed, full) = match common {
            _ if common & PHY_100_FULL != 0 => (100_000_000, true),
            _ if common & PHY_100_HALF != 0 => (100_000_000, false),
            _ => (10_000_000, common & PHY_10_FULL != 0),
        };
        let direction = if full { IfDirection::FULL_DUPLEX } else { IfDirection::HALF_DUPLEX };
        if direction != self.statistics.generic.if_direction {
            self.write_mac_cr(full);
        }
        let generic = &mut self.statistics.generic;
        generic.if_direction = direction;
        generic.if_speed = speed;
        generic.if_status = IfCounters::ADMIN_UP | if up { IfCounters::OPER_UP } else { 0 };
        if self.stuck {
            generic.if_direction = IfDirection::UNKNOWN;
            generic.if_speed = 0;
        }
    }

    /// Reads and discards a frame. RX_DP_CTRL would be faster, but it does not work for frames of
    /// less than four words, and QEMU does not free the space of skipped frames.
    fn discard(&mut self, octets: u32) {
        for _ in 0..octets.div_ceil(4) {
            self.registers.read(register::RX_DATA_FIFO);
        }
    }

    fn write_part(&mut self, part: &[u8], place: u32, total: usize) {
        self.registers.write(register::TX_DATA_FIFO, place | part.len() as u32);
        self.registers.write(register::TX_DATA_FIFO, total as u32);
        let (words, rest) = part.as_chunks();
        for word in words {
            self.registers.write(register::TX_DATA_FIFO, u32::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 4];
            last.iter_mut().zip(rest).for_each(|(byte, from)| *byte = *from);
            self.registers.write(register::TX_DATA_FIFO, u32::from_le_bytes(last));
        }
    }

    /// Drains the status words of sent frames: a full status FIFO would stop the transmitter.
    fn take_send_status(&mut self) {
        let waiting = (self.registers.read(register::TX_FIFO_INF) >> 16) & 0xff;
        for _ in 0..waiting {
            let status = self.registers.read(register::TX_STATUS_FIFO);
            self.statistics.count_send_status(status);
        }
    }

    fn write_mac_cr(&mut self, full_duplex: bool) {
        let duplex = if full_duplex { MAC_CR_FDPX } else { 0 };
        self.mac_write(MAC_CR, MAC_CR_MCPAS | MAC_CR_RXEN | MAC_CR_TXEN | duplex);
    }

    fn mac_read(&mut self, register: u32) -> u32 {
        self.mac_access(MAC_CSR_READ | register);
        self.registers.read(register::MAC_CSR_DATA)
    }

    fn mac_write(&mut self, register: u32, value: u32) {
        self.registers.write(register::MAC_CSR_DATA, value);
        self.mac_access(register);
    }

    fn mac_access(&mut self, command: u32) {
        self.registers.write(register::MAC_CSR_CMD, MAC_CSR_BUSY | command);
        self.wait_clear(register::MAC_CSR_CMD, MAC_CSR_BUSY);
    }

    fn phy_read(&mut self, register: u32) -> u32 {
        self.mii_access(register << 6);
        self.mac_read(MAC_MII_DATA)
    }

    fn phy_write(&mut self, register: u32, value: u32) {
        self.mac_write(MAC_MII_DATA, value);
        self.mii_access(register << 6 | MII_WRITE);
    }

    fn mii_access(&mut self, command: u32) {
        self.mac_write(MAC_MII_ACC, PHY_ADDRESS << 11 | command | MII_BUSY);
        // Each read takes as long as an access to the MAC.
        self.stuck |= !(0..PATIENCE).any(|_| self.mac_read(MAC_MII_ACC) & MII_BUSY == 0);
    }

    fn wait_clear(&mut self, register: usize, bits: u32) {
        self.stuck |= !(0..PATIENCE).any(|_| self.registers.read(register) & bits == 0);
    }
}

/// System control and status registers, section 5.3.
mod register {
    pub(super) const RX_DATA_FIFO: usize = 0x00;
    pub(super) const TX_DATA_FIFO: usize = 0x20;
    pub(super) const RX_STATUS_FIFO: usize = 0x40;
    pub(super) const TX_STATUS_FIFO: usize = 0x48;
    pub(super) const ID_REV: usize = 0x50;
    pub(super) const IRQ_CFG: usize = 0x54;
    pub(super) const INT_STS: usize = 0x58;
    pub(super) const INT_EN: usize = 0x5c;
    pub(super) const BYTE_TEST: usize = 0x64;
    pub(super) const FIFO_INT: usize = 0x68;
    pub(super) const TX_CFG: usize = 0x70;
    pub(super) const HW_CFG: usize = 0x74;
    pub(super) const RX_FIFO_INF: usize = 0x7c;
    pub(super) const TX_FIFO_INF: usize = 0x80;
    pub(super) const RX_DROP: usize = 0xa0;
    pub(super) const MAC_CSR_CMD: usize = 0xa4;
    pub(super) const MAC_CSR_DATA: usize = 0xa8;
    pub(super) const AFC_CFG: usize = 0xac;
}

const FCS: usize = 4;
const HEADER: usize = 14;
/// FIFO bytes per part of a frame beyond its data: two command words, three bytes of alignment.
const OVERHEAD: usize = 2 * 12;
const ROOM: u32 = (MAX_FRAME + OVERHEAD) as u32;
/// Maximum reads of a self-clearing bit.
const PATIENCE: u32 = 100_000;

const BYTE_ORDER: u32 = 0x8765_4321;
const CHIP_ID: u32 = 0x0118;
const HW_CFG_SRST: u32 = 1 << 0;
const HW_CFG_SF: u32 = 1 << 20;
const HW_CFG_TX_FIF_SZ_5K: u32 = 5 << 16;
/// Flow control levels for this FIFO size, section 5.3.24.
const AFC_CFG_LEVELS: u32 = 0x006e_3740;
/// RX status level 0: interrupt from the first frame on. TX data level: the reset value.
const FIFO_INT_FIRST_FRAME: u32 = 0x4800_0000;
const INT_RSFL: u32 = 1 << 3;
const IRQ_CFG_EN: u32 = 1 << 8;
const IRQ_CFG_HIGH: u32 = 1 << 4;
const IRQ_CFG_PUSH_PULL: u32 = 1 << 0;
const TX_CFG_ON: u32 = 1 << 1;
const RX_FIFO_INF_STATUS_USED: u32 = 0xff << 16;
const TX_FIFO_INF_FREE: u32 = 0xffff;
const TX_COMMAND_FIRST: u32 = 1 << 13;
const TX_COMMAND_LAST: u32 = 1 << 12;

/// RX status, section 3.13.3.
const RX_STATUS_LENGTH: u32 = 0x3fff;
const RX_STATUS_ERROR: u32 = 1 << 15;

/// MAC registers, section 5.4, accessed through MAC_CSR_CMD.
const MAC_CR: u32 = 1;
const MAC_ADDRH: u32 = 2;
const MAC_ADDRL: u32 = 3;
const MAC_MII_ACC: u32 = 6;
const MAC_MII_DATA: u32 = 7;
const MAC_CSR_BUSY: u32 = 1 << 31;
const MAC_CSR_READ: u32 = 1 << 30;
const MAC_CR_FDPX: u32 = 1 << 20;
const MAC_CR_MCPAS: u32 = 1 << 19;
const MAC_CR_TXEN: u32 = 1 << 3;
const MAC_CR_RXEN: u32 = 1 << 2;

/// PHY registers, section 5.5, accessed through MAC_MII_ACC.
const PHY_ADDRESS: u32 = 1;
const MII_WRITE: u32 = 1 << 1;
const MII_BUSY: u32 = 1 << 0;
const PHY_CONTROL: u32 = 0;
const PHY_STATUS: u32 = 1;
const PHY_ADVERTISED: u32 = 4;
const PHY_PARTNER: u32 = 5;
/// Enable and restart auto-negotiation.
const PHY_CONTROL_NEGOTIATE: u32 = 1 << 12 | 1 << 9;
const PHY_STATUS_LINK: u32 = 1 << 2;
const PHY_100_FULL: u32 = 1 << 8;
const PHY_100_HALF: u32 = 1 << 7;
const PHY_10_FULL: u32 = 1 << 6;
