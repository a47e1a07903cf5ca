//! Memory shared with virtio devices: a pool that is never returned to.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};

/// The `Hal` of virtio-drivers: addresses are physical, caches are coherent.
pub(crate) struct Pages;

/// Four devices with two queues of two areas of one page each, and as much again in reserve.
const PAGES: usize = 32;

#[repr(C, align(4096))]
struct Pool(UnsafeCell<[[u8; PAGE_SIZE]; PAGES]>);

// SAFETY: the pool is never borrowed; each page is handed out once, as a pointer.
unsafe impl Sync for Pool {}

static POOL: Pool = Pool(UnsafeCell::new([[0; PAGE_SIZE]; PAGES]));
static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: pages come zeroed from the pool and are handed out once. Every address is physical: there
// is no translation on riscv64, and an identity mapping on aarch64.
unsafe impl Hal for Pages {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let first = TAKEN.fetch_add(pages, Ordering::Relaxed);
        if first.saturating_add(pages) > PAGES {
            // The interface reports an error as address 0.
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
        // Devices live as long as the image, and the image ends if one cannot be opened.
        0
    }

    unsafe fn mmio_phys_to_virt(address: PhysAddr, _: usize) -> NonNull<u8> {
        // Only the PCI transport calls this, which the image does not use.
        NonNull::new(address as *mut u8).unwrap_or(NonNull::dangling())
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> PhysAddr {
        buffer.cast::<u8>().as_ptr() as PhysAddr
    }

    unsafe fn unshare(_: PhysAddr, _: NonNull<[u8]>, _: BufferDirection) {}
}
