//! Messages that wait, by receiver.

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::Delivery;

/// The messages of all receivers, and the threads that send them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    receivers: BTreeMap<String, Receiver>,
    messages: usize,
    bytes: usize,
    /// Messages that were taken so far.
    taken: u64,
    threads: usize,
}

#[derive(Debug, Default)]
struct Receiver {
    waiting: VecDeque<Delivery>,
    /// True while a message is on the way.
    is_busy: bool,
    /// When the first message is to be sent again.
    not_before: Option<Instant>,
    /// When the last message was taken, as a number of messages.
    last: u64,
}

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Next {
    Ready(Delivery),
    /// A message that is too old to be sent, because a newer one of its alarm waits.
    Stale(Delivery),
    /// Nothing before this time, or until there is another message.
    Later(Option<Instant>),
}

impl Queue {
    /// Adds a message.
    ///
    /// # Errors
    /// The message, if there is no room for it.
    pub(super) fn push(&mut self, delivery: Delivery) -> Result<(), Delivery> {
        let of_receiver =
            self.receivers.get(&delivery.receiver).map_or(0, |receiver| receiver.waiting.len());
        if self.messages >= MAX_MESSAGES
            || of_receiver >= MAX_OF_RECEIVER
            || self.bytes + delivery.body.len() > MAX_BYTES
        {
            return Err(delivery);
        }
        self.messages += 1;
        self.bytes += delivery.body.len();
        let receiver = self.receivers.entry(delivery.receiver.clone()).or_default();
        receiver.waiting.push_back(delivery);
        Ok(())
    }

    /// The next message, of the receiver that has waited for the longest time. Its receiver has no other
    /// one until this one is [done](Self::done).
    pub(super) fn take(&mut self, now: Instant) -> Next {
        let free = self.receivers.values_mut().filter(|it| !it.is_busy && !it.waiting.is_empty());
        let (ready, waiting): (Vec<_>, Vec<_>) =
            free.partition(|it| it.not_before.is_none_or(|time| time <= now));
        let later = waiting.iter().filter_map(|it| it.not_before).min();
        let Some(receiver) = ready.into_iter().min_by_key(|it| it.last) else {
            return Next::Later(later);
        };
        let Some(delivery) = receiver.waiting.pop_front() else { return Next::Later(later) };
        if receiver.is_stale(&delivery, now) {
            self.messages -= 1;
            self.bytes -= delivery.body.len();
            return Next::Stale(delivery);
        }
        self.taken += 1;
        (receiver.is_busy, receiver.last, receiver.not_before) = (true, self.taken, None);
        self.messages -= 1;
        self.bytes -= delivery.body.len();
        Next::Ready(delivery)
    }

    /// A message was delivered, or is given up.
    pub(super) fn done(&mut self, receiver: &str, now: Instant) {
        if let Some(own) = self.receivers.get_mut(receiver) {
            (own.is_busy, own.not_before) = (false, Some(now));
            if own.waiting.is_empty() {
                self.receivers.remove(receiver);
            }
        }
    }

    /// A message is to be sent again, before the others of its receiver.
    pub(super) fn again(&mut self, delivery: Delivery, time: Instant) {
        self.messages += 1;
        self.bytes += delivery.body.len();
        let receiver = self.receivers.entry(delivery.receiver.clone()).or_default();
        (receiver.is_busy, receiver.not_before) = (false, Some(time));
        receiver.waiting.push_front(delivery);
    }

    /// True if a further thread is to be started, which counts as started then.
    pub(super) fn needs_thread(&mut self) -> bool {
        let needed = self.threads < MAX_THREADS.min(self.receivers.len());
        self.threads += usize::from(needed);
        needed
    }

    pub(super) fn thread_ended(&mut self) {
        self.threads -= 1;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }
}

impl Receiver {
    fn is_stale(&self, delivery: &Delivery, now: Instant) -> bool {
        let same = |other: &Delivery| other.alarm == delivery.alarm && other.url == delivery.url;
        now.duration_since(delivery.created) > MAX_AGE && self.waiting.iter().any(same)
    }
}

/// The age from which on a message is not sent if a newer one of its alarm waits: who was away for long
/// needs the states of now.
const MAX_AGE: Duration = Duration::from_secs(600);
/// Messages that wait, of all receivers and of one, and the bytes of their bodies.
const MAX_MESSAGES: usize = 2000;
const MAX_OF_RECEIVER: usize = 1000;
const MAX_BYTES: usize = 4 << 20;
/// Threads that send. So many receivers can be dead without others waiting for a time-out.
const MAX_THREADS: usize = 4;

#[cfg(test)]
mod tests {
    use super::super::super::alarm::Type;
    use super::*;

    fn delivery(receiver: &str, body: &str) -> Delivery {
        let (alarm, url) = ("a".to_owned(), format!("{receiver}/hook"));
        let (receiver, body) = (receiver.to_owned(), body.into());
        let created = Instant::now();
        let of = Type::Metric;
        Delivery { alarm, of, url, receiver, body, changed: 0, created, failures: 0 }
    }

    fn ready(queue: &mut Queue, now: Instant) -> Option<String> {
        match queue.take(now) {
            Next::Ready(delivery) => Some(delivery.body.to_string()),
            Next::Stale(_) | Next::Later(_) => None,
        }
    }

    #[test]
    fn receiver_has_one_message_at_a_time_and_in_order() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for (receiver, body) in [("http://a", "a1"), ("http://a", "a2"), ("http://b", "b1")] {
            queue.push(delivery(receiver, body)).unwrap();
        }
        assert_eq!(ready(&mut queue, now).as_deref(), Some("a1"));
        assert_eq!(ready(&mut queue, now).as_deref(), Some("b1"));
        assert_eq!(ready(&mut queue, now), None);
        queue.done("http://a", now);
        assert_eq!(ready(&mut queue, now).as_deref(), Some("a2"));
        queue.done("http://a", now);
        queue.done("http://b", now);
        assert!(queue.is_empty() && queue.receivers.is_empty() && queue.bytes == 0);
    }

    #[test]
    fn failed_message_is_sent_again_before_the_next_one() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for body in ["a1", "a2"] {
            queue.push(delivery("http://a", body)).unwrap();
        }
        let Next::Ready(failed) = queue.take(now) else { panic!("no message") };
        let later = now + Duration::from_secs(1);
        queue.again(failed, later);
        assert!(matches!(queue.take(now), Next::Later(Some(time)) if time == later));
        assert_eq!(ready(&mut queue, later).as_deref(), Some("a1"));
    }

    #[test]
    fn old_messages_are_left_out_but_for_the_newest_of_each_alarm() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for (alarm, body) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3")] {
            queue.push(Delivery { alarm: alarm.to_owned(), ..delivery("http://a", body) }).unwrap();
        }
        let mut rest = |now: Instant| {
            let mut all = Vec::new();
            loop {
                match queue.take(now) {
                    Next::Ready(delivery) => {
                        all.push(delivery.body.to_string());
                        queue.done("http://a", now);
                    }
                    Next::Stale(delivery) => all.push(format!("no {}", delivery.body)),
                    Next::Later(_) => return all,
                }
            }
        };
        assert_eq!(rest(now + MAX_AGE + Duration::from_secs(1)), ["no a1", "b1", "no a2", "a3"]);
        assert!(queue.is_empty() && queue.receivers.is_empty() && queue.bytes == 0);
        for body in ["a1", "a2"] {
            queue.push(delivery("http://a", body)).unwrap();
        }
        assert_eq!(ready(&mut queue, now + MAX_AGE / 2).as_deref(), Some("a1"));
    }

    #[test]
    fn receivers_take_turns() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for number in 0..3 {
            for receiver in ["a", "b", "c"] {
                queue.push(delivery(receiver, &format!("{receiver}{number}"))).unwrap();
            }
        }
        let taken = (0..9).map(|_| {
            let body = ready(&mut queue, now).unwrap();
            queue.done(&body[..1], now);
            body
        });
        let taken: Vec<_> = taken.collect();
        assert_eq!(taken, ["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]);
    }

    #[test]
    fn queue_is_bounded_for_all_and_for_each() {
        let mut queue = Queue::default();
        let refused = |queue: &mut Queue, receiver: &str| {
            (0..5000).find(|_| queue.push(delivery(receiver, "x")).is_err())
        };
        assert_eq!(refused(&mut queue, "http://a"), Some(1000));
        assert_eq!(refused(&mut queue, "http://b"), Some(1000));
        assert_eq!(refused(&mut queue, "http://c"), Some(0));
        let mut queue = Queue::default();
        let long = "x".repeat(3 << 20);
        assert!(queue.push(delivery("http://a", &long)).is_ok());
        assert!(queue.push(delivery("http://b", &long)).is_err());
        assert!(queue.push(delivery("http://b", "x")).is_ok());
    }

    #[test]
    fn threads_are_started_for_receivers_up_to_four() {
        let mut queue = Queue::default();
        let mut needed = |receiver: &str| {
            queue.push(delivery(receiver, "x")).unwrap();
            queue.needs_thread()
        };
        assert_eq!(
            ["a", "a", "b", "c", "d", "e"].map(&mut needed),
            [true, false, true, true, true, false]
        );
    }
}
