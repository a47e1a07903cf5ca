//! Answers of the kernel, kept for a moment.

use std::collections::HashMap;

use flowmote_core::{Duration, Instant};

use crate::links::{Flow, Forwarding, Way};

/// A question about the way of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// The route of a packet that this interface has received.
    Route { device: u32, flow: Flow },
    /// The port of a bridge behind which a station is.
    Station { bridge: u32, vlan: u16, mac: [u8; 6] },
}

/// Asks the kernel a limited number of questions a second, so that a flood of packets of ever new
/// flows does not cost more than that.
#[derive(Debug, Default)]
pub(super) struct Cache {
    kernel: Option<Forwarding>,
    answers: HashMap<Question, Option<Way>>,
    /// The time from which `answers` and `asked` count.
    since: Option<Instant>,
    asked: u32,
}

impl Cache {
    /// Forgets all answers.
    pub(super) fn clear(&mut self) {
        self.answers.clear();
    }

    /// The answer, at most a second old; `None` if the kernel has none, or if too many questions
    /// were asked in this second.
    pub(super) fn answer(&mut self, now: Instant, question: Question) -> Option<Way> {
        if self.since.is_none_or(|since| now >= since + LIFETIME) {
            (self.since, self.asked) = (Some(now), 0);
            self.answers.clear();
        }
        if let Some(answer) = self.answers.get(&question) {
            return *answer;
        }
        if self.asked >= LIMIT {
            return None;
        }
        self.asked += 1;
        let answer = self.ask(question);
        self.answers.insert(question, answer);
        answer
    }

    fn ask(&mut self, question: Question) -> Option<Way> {
        if self.kernel.is_none() {
            self.kernel = Forwarding::open().ok();
        }
        let kernel = self.kernel.as_mut()?;
        match question {
            Question::Route { device, flow } => kernel.route(device, &flow),
            Question::Station { bridge, vlan, mac } => kernel.station(bridge, vlan, mac),
        }
    }
}

/// Routes and stations change, and the kernel does not report every change.
const LIFETIME: Duration = Duration::from_secs(1);
/// Questions a second, of about 10 µs each: 1 % of a CPU. Bounds the answers, too.
const LIMIT: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_of_a_second_are_limited() {
        let mut cache = Cache::default();
        for number in 0..2 * LIMIT {
            let [_, _, a, b] = number.to_be_bytes();
            let mac = [2, 0, 0, 0, a, b];
            let question = Question::Station { bridge: u32::MAX >> 1, vlan: 0, mac };
            assert_eq!(cache.answer(Instant::ZERO, question), None);
        }
        assert_eq!((cache.asked, cache.answers.len()), (LIMIT, LIMIT as usize));
        let question = Question::Station { bridge: 1, vlan: 0, mac: [2; 6] };
        cache.answer(Instant::ZERO + LIFETIME, question);
        assert_eq!((cache.asked, cache.answers.len()), (1, 1));
    }
}
