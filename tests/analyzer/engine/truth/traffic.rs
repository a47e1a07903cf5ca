//! Traffic whose packets follow from their number: what passed is known exactly, without a look at each
//! packet.

use flowmote_core::Random;

use crate::device::Frame;

/// Flows with a twelfth of the packets each, and with a half of this each.
pub(crate) const ELEPHANTS: usize = 8;
pub(crate) const MICE: usize = 8;
pub(crate) const FLOWS: usize = ELEPHANTS + MICE;

/// Packets and bytes by flow.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub(crate) frames: [f64; FLOWS],
    pub(crate) bytes: [f64; FLOWS],
}

/// Packets in an order that repeats after 4800.
pub(crate) struct Traffic {
    cycle: Vec<Frame>,
    /// Sums of the packets before each one.
    before: Vec<Sums>,
    passed: u64,
}

impl Traffic {
    pub(crate) fn new(random: &mut Random) -> Self {
        let packets = |flow| if flow < ELEPHANTS { CYCLE / 12 } else { CYCLE / 24 };
        let of_flow = |flow| (0..packets(flow)).map(move |at| frame(flow, SIZES[at % SIZES.len()]));
        let mut cycle: Vec<Frame> = (0..FLOWS).flat_map(of_flow).collect();
        assert_eq!(cycle.len(), CYCLE);
        for at in (1..CYCLE).rev() {
            cycle.swap(at, random.below(at as u32 + 1) as usize);
        }
        let mut sums = Sums::default();
        let mut before = vec![sums];
        for frame in &cycle {
            let flow = frame.host as usize - 1;
            sums.frames[flow] += 1.0;
            sums.bytes[flow] += f64::from(frame.bytes);
            before.push(sums);
        }
        Self { cycle, before, passed: 0 }
    }

    /// The packet after those that have passed, and `skip` more.
    pub(crate) fn packet(&self, skip: u32) -> Frame {
        self.cycle[((self.passed + u64::from(skip)) % CYCLE as u64) as usize]
    }

    /// Packets pass. Returns their sums.
    pub(crate) fn pass(&mut self, packets: u32) -> Sums {
        let begin = self.until_now();
        self.passed += u64::from(packets);
        self.until_now().plus(begin.times(-1.0))
    }

    fn until_now(&self) -> Sums {
        let (cycles, rest) = (self.passed / CYCLE as u64, self.passed % CYCLE as u64);
        self.before[CYCLE].times(cycles as f64).plus(self.before[rest as usize])
    }
}

impl Sums {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            frames: core::array::from_fn(|flow| self.frames[flow] + other.frames[flow]),
            bytes: core::array::from_fn(|flow| self.bytes[flow] + other.bytes[flow]),
        }
    }

    pub(crate) fn times(self, factor: f64) -> Self {
        Self {
            frames: self.frames.map(|frames| frames * factor),
            bytes: self.bytes.map(|bytes| bytes * factor),
        }
    }
}

/// A packet of a flow.
pub(crate) fn frame(flow: usize, bytes: u32) -> Frame {
    Frame { host: flow as u32 + 1, bytes }
}

const CYCLE: usize = 4800;
const SIZES: [u32; 4] = [64, 1500, 500, 1500];
