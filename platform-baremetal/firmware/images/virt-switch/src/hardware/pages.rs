//! Memory that virtio devices share with the image: a pool that is only ever taken from.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// The image as virtio-drivers sees it: addresses are physical ones, caches are coherent.
pub(crate) struct Pages;

/// Two queues for each of four devices, two areas each, one page each; as many again to spare.
const PAGES: usize = 32;

#[repr(C, align(4096))]
struct Pool(UnsafeCell<[[u8; PAGE_SIZE]; PAGES]>);

// SAFETY: nobody looks inside; each page is handed out once, as a pointer.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([[0; PAGE_SIZE]; PAGES]));
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: pages come zeroed from the pool and are handed out once; every address is a physical one,
// be it without translation or through a page table that maps it to itself.
unsafe impl Hal for Pages {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = TAKEN.fetch_add(pages, Ordering::Relaxed);
        if first.saturating_add(pages) > PAGES {
            // Address 0 is how an error is said here.
            return (0, NonNull::dangling());
        }
        let pool = POOL.0.get().cast::<u8>();
        // SAFETY: `first` is below PAGES, so this is inside the pool.
        let page = unsafe { pool.add(first * PAGE_SIZE) };
        match NonNull::new(page) {
            Some(page) => (page.as_ptr() as PhysAddr, page),
            None => (0, NonNull::dangling()),
        }
    }

    unsafe fn dma_dealloc(_: PhysAddr, _: NonNull<u8>, _: usize) -> i32 {
        // Devices live as long as the image; one that could not be opened ends it.
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        // Only PCI asks for this; 0 is mapped too, but nothing is there.
        NonNull::new(address as *mut u8).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
