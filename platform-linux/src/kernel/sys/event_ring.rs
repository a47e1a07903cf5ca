//! A ring of events that an eBPF program writes (`BPF_MAP_TYPE_RINGBUF`, kernel/bpf/ringbuf.c).

use core::slice;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering, fence};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::bpf::owned;
use super::mmap::Mapping;
use super::ring::page_size;
use super::syscall::{Call, MapCreate, call};

/// The ring.
#[derive(Debug)]
pub(crate) struct EventRing {
    fd: OwnedFd,
    mapped: Option<Mapped>,
    bytes: usize,
    page: usize,
}

/// The memory of the ring in this process.
#[derive(Debug)]
struct Mapped {
    /// The page with the position of the reader, which only user space writes.
    consumer: Mapping,
    /// The page with the position of the writer, then the data twice, so that each event is in one
    /// piece.
    producer: Mapping,
}

impl EventRing {
    /// Creates a ring of `bytes`, a power of two and at least a page. It can be read once it is
    /// [mapped](Self::map).
    ///
    /// # Errors
    /// `EPERM` without `CAP_BPF`, `EINVAL` before Linux 5.8, `ENOMEM`.
    pub(crate) fn new(bytes: u32) -> io::Result<Self> {
        let attributes = MapCreate {
            map_type: BPF_MAP_TYPE_RINGBUF,
            key_size: 0,
            value_size: 0,
            max_entries: bytes,
            map_flags: 0,
        };
        let fd = owned(call(Call::MapCreate { attributes: &attributes })?)?;
        Ok(Self { fd, mapped: None, bytes: bytes as usize, page: page_size() as usize })
    }

    /// Maps the ring into this process, of whose resident memory it then is twice its size: the kernel
    /// maps all pages at once, the data twice (kernel/bpf/ringbuf.c, ringbuf_map_mmap_user).
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(crate) fn map(&mut self) -> io::Result<()> {
        if self.mapped.is_none() {
            let consumer = Mapping::shared(self.fd.as_fd(), self.page)?;
            let length = self.page.saturating_add(2 * self.bytes);
            let producer = Mapping::readable(self.fd.as_fd(), length, self.page)?;
            self.mapped = Some(Mapped { consumer, producer });
        }
        Ok(())
    }

    /// The descriptor of the map, for the program.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// The position behind the last event that a program has begun to write.
    pub(crate) fn end(&self) -> usize {
        let producer = self.mapped.as_ref().and_then(|mapped| position(&mapped.producer));
        producer.map_or(0, |end| end.load(Ordering::Acquire))
    }

    /// The position of the event that is read next.
    pub(crate) fn position(&self) -> usize {
        let consumer = self.mapped.as_ref().and_then(|mapped| position(&mapped.consumer));
        consumer.map_or(0, |at| at.load(Ordering::Relaxed))
    }

    /// Passes the next event to `visit` and frees its room. Returns false if there is none.
    pub(crate) fn read(&mut self, visit: &mut dyn FnMut(&[u8])) -> bool {
        let Some(Mapped { consumer, producer }) = &self.mapped else { return false };
        let (Some(consumer), Some(end)) = (position(consumer), position(producer)) else {
            return false;
        };
        let at = consumer.load(Ordering::Relaxed);
        // Either this sees the next event, or the kernel sees our position there and wakes us
        // (bpf_ringbuf_commit): both sides store first and load then.
        fence(Ordering::SeqCst);
        // Acquire pairs with the release of the kernel after it has reserved an event
        // (__bpf_ringbuf_reserve): its header is visible then.
        if at == end.load(Ordering::Acquire) {
            return false;
        }
        let Some((header, length)) = self.event_at(at) else { return false };
        if header & DISCARDED == 0
            && let Some(event) = self.data(at.wrapping_add(HEADER), length)
        {
            visit(event);
        }
        let next = at.wrapping_add((HEADER + length).next_multiple_of(8));
        // Release pairs with the acquire of the kernel's reservation: our reads are over by then.
        consumer.store(next, Ordering::Release);
        true
    }

    /// Header and length of the event at this position; `None` while the program writes it.
    fn event_at(&self, at: usize) -> Option<(u32, usize)> {
        let offset = self.page.checked_add(at & (self.bytes - 1))?;
        let word = self.mapped.as_ref()?.producer.at(offset, size_of::<u32>())?;
        // SAFETY: inside the mapping, aligned to 8 because every event is, alive as long as `self`,
        // and accessed by both sides as one atomic word.
        let word = unsafe { AtomicU32::from_ptr(word.cast().as_ptr()) };
        // Acquire pairs with the exchange in bpf_ringbuf_commit: the data are visible then.
        let header = word.load(Ordering::Acquire);
        (header & BUSY == 0).then_some((header, (header & !(BUSY | DISCARDED)) as usize))
    }

    fn data(&self, at: usize, length: usize) -> Option<&[u8]> {
        let offset = self.page.checked_add(at & (self.bytes - 1))?;
        let start = self.mapped.as_ref()?.producer.at(offset, length)?;
        // SAFETY: inside the mapping, and the kernel does not write to a committed event until the
        // position of the reader, which `read` sets after the last use, is beyond it.
        Some(unsafe { slice::from_raw_parts(start.as_ptr(), length) })
    }
}

impl AsFd for EventRing {
    /// Readable when [`EventRing::read`] has an event.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The position in the first word of a page.
fn position(page: &Mapping) -> Option<&AtomicUsize> {
    let word = page.at(0, size_of::<usize>())?;
    // SAFETY: inside the mapping, aligned to its page, alive as long as the borrow, and accessed by
    // both sides as one atomic word (`unsigned long`). That of the writer is only loaded.
    Some(unsafe { AtomicUsize::from_ptr(word.cast().as_ptr()) })
}

const BPF_MAP_TYPE_RINGBUF: u32 = 27;
/// Bytes in front of each event: length and flags, then its page.
const HEADER: usize = 8;
const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sys::fake::{Scripted, anonymous_memory, write_memory};
    use std::cell::Cell;
    use std::fs::File;
    use std::os::fd::IntoRawFd;
    use std::rc::Rc;

    /// A ring of one page in anonymous memory, and the address of the writer's page.
    fn ring() -> (EventRing, usize) {
        let producer = Rc::new(Cell::new(0));
        let writer = Rc::clone(&producer);
        let _kernel = Scripted::kernel(move |call| match call {
            Call::MapCreate { .. } => {
                Some(Ok(File::open("/dev/null").unwrap().into_raw_fd().cast_unsigned() as usize))
            }
            Call::Map { length, .. } => Some(anonymous_memory(*length)),
            Call::MapReadable { length, .. } => {
                let address = anonymous_memory(*length).unwrap();
                writer.set(address);
                Some(Ok(address))
            }
            _ => None,
        });
        let mut ring = EventRing::new(page_size()).unwrap();
        assert!(!ring.read(&mut |_| {}), "not mapped yet");
        ring.map().unwrap();
        (ring, producer.get())
    }

    /// Writes an event at `at` as the kernel would, and moves its position behind it.
    fn write(producer: usize, at: usize, flags: u32, event: &[u8]) -> usize {
        let header = (event.len() as u32 | flags).to_ne_bytes();
        let start = producer + page_size() as usize + at;
        write_memory(start, &header);
        write_memory(start + HEADER, event);
        let end = at + (HEADER + event.len()).next_multiple_of(8);
        write_memory(producer, &end.to_ne_bytes());
        end
    }

    fn read(ring: &mut EventRing) -> (bool, Vec<u8>) {
        let mut found = Vec::new();
        let any = ring.read(&mut |event| found.extend_from_slice(event));
        (any, found)
    }

    #[test]
    fn events_are_read_in_their_order_and_once() {
        let (mut ring, producer) = ring();
        assert_eq!(read(&mut ring), (false, vec![]));
        assert_eq!((ring.position(), ring.end()), (0, 0));
        let second = write(producer, 0, 0, b"first");
        let third = write(producer, second, DISCARDED, b"not");
        let end = write(producer, third, 0, b"third");
        assert_eq!(read(&mut ring), (true, b"first".to_vec()));
        assert_eq!((ring.position(), ring.end()), (second, end));
        assert_eq!(read(&mut ring), (true, vec![]), "discarded");
        assert_eq!(read(&mut ring), (true, b"third".to_vec()));
        assert_eq!(read(&mut ring), (false, vec![]));
    }

    #[test]
    fn event_that_is_being_written_waits() {
        let (mut ring, producer) = ring();
        write(producer, 0, BUSY, b"half");
        assert_eq!(read(&mut ring), (false, vec![]));
        write(producer, 0, 0, b"whole");
        assert_eq!(read(&mut ring), (true, b"whole".to_vec()));
    }

    #[test]
    fn length_beyond_the_ring_is_left_out() {
        let (mut ring, producer) = ring();
        let far = 3 * page_size();
        write_memory(producer + page_size() as usize, &far.to_ne_bytes());
        write_memory(producer, &16_usize.to_ne_bytes());
        assert_eq!(read(&mut ring), (true, vec![]));
    }
}
