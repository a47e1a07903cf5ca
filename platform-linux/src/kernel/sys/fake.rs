//! A scripted kernel for unit tests: a closure that replaces the system calls of its thread.

use core::cell::RefCell;
use core::marker::PhantomData;
use core::ptr;
use std::io;

use super::syscall::Call;

/// Returns the result of a call; `None` passes the call on to the real kernel.
type Script = Box<dyn FnMut(&mut Call<'_>) -> Option<io::Result<usize>>>;

/// Guard of an installed script: as long as it exists, system calls of this thread go through it.
#[must_use]
pub(crate) struct Scripted {
    // The script is thread-local, so the guard must be dropped on the same thread.
    _not_send: PhantomData<*const ()>,
}

impl Scripted {
    /// Installs `script` for this thread.
    pub(crate) fn kernel(
        script: impl FnMut(&mut Call<'_>) -> Option<io::Result<usize>> + 'static,
    ) -> Self {
        SCRIPT.with(|slot| *slot.borrow_mut() = Some(Box::new(script)));
        Self { _not_send: PhantomData }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        SCRIPT.with(|slot| *slot.borrow_mut() = None);
    }
}

/// Returns the result of the script, or the call itself if the script passes it on.
pub(super) fn intercept(mut call: Call<'_>) -> Result<io::Result<usize>, Call<'_>> {
    let result = SCRIPT.with(|slot| {
        let mut script = slot.borrow_mut();
        script.as_mut().and_then(|script| script(&mut call))
    });
    result.ok_or(call)
}

/// Maps anonymous zeroed memory, as the result of a `Map`; `Unmap` unmaps it.
pub(crate) fn anonymous_memory(length: usize) -> io::Result<usize> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: with a null hint and without MAP_FIXED the kernel chooses unused addresses.
    let address = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(address.expose_provenance())
}

/// Writes into memory of [`anonymous_memory`] that is still mapped, as the kernel would.
pub(crate) fn write_memory(address: usize, bytes: &[u8]) {
    let to = ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: the test holds the mapping and borrows nothing of it now; `bytes` is elsewhere.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
}

/// Opens a descriptor that its receiver can close, as the result of `Socket` and the like.
pub(crate) fn descriptor() -> io::Result<usize> {
    use std::os::fd::IntoRawFd;
    let file = std::fs::File::open("/dev/null")?;
    usize::try_from(file.into_raw_fd()).map_err(io::Error::other)
}

/// A failed call with this errno.
pub(crate) fn errno(number: i32) -> Option<io::Result<usize>> {
    Some(Err(io::Error::from_raw_os_error(number)))
}

thread_local! {
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
}
