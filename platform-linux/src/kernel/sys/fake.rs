//! A scripted kernel for unit tests: a closure of the test's thread answers system calls.

use core::cell::RefCell;
use core::marker::PhantomData;
use core::ptr;
use std::io;

use super::syscall::Call;

/// What a script does with a call: `None` lets the real kernel answer.
type Script = Box<dyn FnMut(&mut Call<'_>) -> Option<io::Result<usize>>>;

/// While this lives, system calls of this thread go through the script first.
#[must_use]
pub(crate) struct Scripted {
    // The script is thread-local, so its guard must not travel.
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

/// The answer of the script, or the call back if there is none.
pub(super) fn answer(mut call: Call<'_>) -> Result<io::Result<usize>, Call<'_>> {
    let answer = SCRIPT.with(|slot| {
        let mut script = slot.borrow_mut();
        script.as_mut().and_then(|script| script(&mut call))
    });
    answer.ok_or(call)
}

/// Anonymous zeroed memory to answer a `Map` with; `Unmap` gives it back.
pub(crate) fn anonymous_memory(length: usize) -> io::Result<usize> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a null hint without MAP_FIXED takes only addresses that nobody uses.
    let address = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(address.expose_provenance())
}

/// Writes into memory that [`anonymous_memory`] gave and that is still mapped, as a kernel would.
pub(crate) fn write_memory(address: usize, bytes: &[u8]) {
    let to = ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: the test holds the mapping and borrows nothing of it now; `bytes` is elsewhere.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
}

/// A descriptor of its own that can be closed, to answer `Socket` and the like with.
pub(crate) fn descriptor() -> io::Result<usize> {
    use std::os::fd::IntoRawFd;
    let file = std::fs::File::open("/dev/null")?;
    usize::try_from(file.into_raw_fd()).map_err(io::Error::other)
}

/// An errno as the kernel would answer it.
pub(crate) fn errno(number: i32) -> Option<io::Result<usize>> {
    Some(Err(io::Error::from_raw_os_error(number)))
}

thread_local! {
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
}
