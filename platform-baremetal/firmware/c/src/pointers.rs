//! Pointers of C, checked for null and alignment; validity beyond that is the caller's promise.

use crate::codes::{FLOWMOTE_E_ALIGNMENT, FLOWMOTE_E_NULL};

/// Refuses null and misaligned pointers.
pub(crate) fn checked<T>(pointer: *const T) -> Result<*const T, i32> {
    if pointer.is_null() {
        return Err(FLOWMOTE_E_NULL);
    }
    if pointer.is_aligned() { Ok(pointer) } else { Err(FLOWMOTE_E_ALIGNMENT) }
}

/// Copies the value behind a pointer.
///
/// # Safety
/// The pointer is null, misaligned, or points to a valid `T`.
pub(crate) unsafe fn read<T: Copy>(pointer: *const T) -> Result<T, i32> {
    let pointer = checked(pointer)?;
    // SAFETY: `checked` refused null and misaligned pointers, and the caller promises a valid `T`.
    Ok(unsafe { pointer.read() })
}

/// Borrows the value behind a pointer.
///
/// # Safety
/// The pointer is null, misaligned, or points to a valid `T` that stays unchanged while borrowed.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T) -> Result<&'a T, i32> {
    let pointer = checked(pointer)?;
    // SAFETY: `checked` refused null and misaligned pointers; the caller promises a valid `T` that
    // stays unchanged while borrowed.
    Ok(unsafe { &*pointer })
}

/// Stores a result.
///
/// # Safety
/// The pointer is null, misaligned, or points to writable memory for a `T`.
pub(crate) unsafe fn write<T>(pointer: *mut T, value: T) -> Result<(), i32> {
    let pointer = checked(pointer.cast_const())?.cast_mut();
    // SAFETY: `checked` refused null and misaligned pointers, and the caller promises that the
    // memory is writable; what it held needs no drop, as the arguments of C do not.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Borrows `length` bytes; null is accepted for a length of 0.
///
/// # Safety
/// The pointer is null or points to `length` bytes that stay unchanged while borrowed.
pub(crate) unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> Result<&'a [u8], i32> {
    if length == 0 {
        return Ok(&[]);
    }
    if length > isize::MAX as usize {
        return Err(crate::codes::FLOWMOTE_E_RANGE);
    }
    let pointer = checked(pointer)?;
    // SAFETY: the pointer is not null, the length fits an `isize`, and the caller promises that the
    // bytes exist and stay unchanged.
    Ok(unsafe { core::slice::from_raw_parts(pointer, length) })
}
