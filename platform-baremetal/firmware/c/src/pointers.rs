//! Pointers of C, checked as far as they can be.

use crate::codes::{FLOWMOTE_E_ALIGNMENT, FLOWMOTE_E_NULL};

/// Refuses null and misaligned pointers.
pub(crate) fn checked<T>(pointer: *const T) -> Result<*const T, i32> {
    if pointer.is_null() {
        return Err(FLOWMOTE_E_NULL);
    }
    if pointer.is_aligned() { Ok(pointer) } else { Err(FLOWMOTE_E_ALIGNMENT) }
}

/// Copies what an argument points to.
///
/// # Safety
/// It points to a valid `T`, unless it is null or misaligned.
pub(crate) unsafe fn read<T: Copy>(pointer: *const T) -> Result<T, i32> {
    let pointer = checked(pointer)?;
    // SAFETY: not null, aligned, and the caller says that it is valid.
    Ok(unsafe { pointer.read() })
}

/// Borrows what an argument points to.
///
/// # Safety
/// It points to a valid `T` that nobody changes for as long as it is borrowed, unless it is null or
/// misaligned.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T) -> Result<&'a T, i32> {
    let pointer = checked(pointer)?;
    // SAFETY: not null, aligned, and the caller says that it is valid.
    Ok(unsafe { &*pointer })
}

/// Stores an answer.
///
/// # Safety
/// It points to memory for a `T` that may be written, unless it is null or misaligned.
pub(crate) unsafe fn write<T>(pointer: *mut T, value: T) -> Result<(), i32> {
    let pointer = checked(pointer.cast_const())?.cast_mut();
    // SAFETY: not null, aligned, and the caller says that it may be written.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Borrows bytes; null is allowed if there are none.
///
/// # Safety
/// It points to `length` bytes that nobody changes for as long as they are borrowed.
pub(crate) unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> Result<&'a [u8], i32> {
    if length == 0 {
        return Ok(&[]);
    }
    if length > isize::MAX as usize {
        return Err(crate::codes::FLOWMOTE_E_RANGE);
    }
    let pointer = checked(pointer)?;
    // SAFETY: not null, of a possible length, and the caller says that the bytes are there.
    Ok(unsafe { core::slice::from_raw_parts(pointer, length) })
}
