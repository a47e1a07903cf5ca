//! NVIDIA's management library, loaded at run time: `libnvidia-ml.so.1` is a part of the driver, so that
//! nothing else is an interface to it, and most hosts do not have it.
//!
//! Prototypes are those of the published `nvml.h`. A static musl program cannot load libraries: there,
//! [`Nvml::load`] always fails.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::mem::transmute_copy;
use core::ptr;

/// The library, initialized. It stays loaded until the end of the process.
#[derive(Debug)]
pub(crate) struct Nvml {
    count: unsafe extern "C" fn(*mut c_uint) -> c_int,
    by_index: unsafe extern "C" fn(c_uint, *mut Handle) -> c_int,
    memory: Option<unsafe extern "C" fn(Handle, *mut Memory) -> c_int>,
    processes: Option<unsafe extern "C" fn(Handle, *mut c_uint, *mut c_void) -> c_int>,
    energy: Option<unsafe extern "C" fn(Handle, *mut u64) -> c_int>,
    power: Option<unsafe extern "C" fn(Handle, *mut c_uint) -> c_int>,
    ecc_errors: Option<unsafe extern "C" fn(Handle, c_uint, c_uint, *mut u64) -> c_int>,
    temperature: Option<unsafe extern "C" fn(Handle, c_uint, *mut c_uint) -> c_int>,
    fan: Option<unsafe extern "C" fn(Handle, *mut c_uint) -> c_int>,
    utilization: Option<unsafe extern "C" fn(Handle, *mut Utilization) -> c_int>,
    samples: Option<GetSamples>,
}

/// A GPU, as long as the library is there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gpu<'a> {
    nvml: &'a Nvml,
    handle: Handle,
}

/// Shares of time in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Utilization {
    /// A kernel was running.
    pub(crate) gpu: c_uint,
    /// Memory was read or written.
    pub(crate) memory: c_uint,
}

/// Memory in bytes: the head of `nvmlMemory_t`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Memory {
    /// Installed.
    pub(crate) total: u64,
    /// Not allocated.
    pub(crate) free: u64,
    used: u64,
}

/// `nvmlSamplingType_t`: what the driver keeps samples of.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(crate) enum SampleKind {
    /// [`Utilization::gpu`].
    Gpu = 1,
    /// [`Utilization::memory`].
    Memory = 2,
}

/// `nvmlDevice_t`, which points to memory of the library.
type Handle = *mut c_void;

type GetSamples =
    unsafe extern "C" fn(Handle, c_uint, u64, *mut c_uint, *mut c_uint, *mut Sample) -> c_int;

/// `nvmlSample_t`, whose value is a union of eight bytes.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Sample {
    /// Microseconds.
    time: u64,
    value: [u8; 8],
}

impl Nvml {
    /// Loads and initializes the library.
    ///
    /// # Errors
    /// A text: the library or a function is missing, or there is no driver.
    pub(crate) fn load() -> Result<Self, String> {
        // SAFETY: the name ends in NUL. Loading runs the initialization of a library from the search
        // path of the system, which is trusted as all others there.
        let library = unsafe { libc::dlopen(LIBRARY.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if library.is_null() {
            return Err(last_error());
        }
        let find = |name: &CStr| {
            // SAFETY: the handle is that of a loaded library, and the name ends in NUL.
            unsafe { libc::dlsym(library, name.as_ptr()) }
        };
        macro_rules! function {
            ($($name:literal),+) => {{
                let symbols = [$(find($name)),*];
                let symbol = symbols.into_iter().find(|symbol| !symbol.is_null());
                // SAFETY: nvml.h gives this function the type that the field has; versions of a
                // function have names of their own.
                unsafe { as_function(symbol.unwrap_or(ptr::null_mut())) }
            }};
        }
        let missing = |name: &str| format!("{} has no {name}", LIBRARY.to_string_lossy());
        let init: Option<unsafe extern "C" fn() -> c_int> = function!(c"nvmlInit_v2");
        let init = init.ok_or_else(|| missing("nvmlInit_v2"))?;
        let count: Option<_> = function!(c"nvmlDeviceGetCount_v2");
        let by_index: Option<_> = function!(c"nvmlDeviceGetHandleByIndex_v2");
        let nvml = Self {
            count: count.ok_or_else(|| missing("nvmlDeviceGetCount_v2"))?,
            by_index: by_index.ok_or_else(|| missing("nvmlDeviceGetHandleByIndex_v2"))?,
            memory: function!(c"nvmlDeviceGetMemoryInfo"),
            processes: function!(
                c"nvmlDeviceGetComputeRunningProcesses_v3",
                c"nvmlDeviceGetComputeRunningProcesses_v2",
                c"nvmlDeviceGetComputeRunningProcesses"
            ),
            energy: function!(c"nvmlDeviceGetTotalEnergyConsumption"),
            power: function!(c"nvmlDeviceGetPowerUsage"),
            ecc_errors: function!(c"nvmlDeviceGetTotalEccErrors"),
            temperature: function!(c"nvmlDeviceGetTemperature"),
            fan: function!(c"nvmlDeviceGetFanSpeed"),
            utilization: function!(c"nvmlDeviceGetUtilizationRates"),
            samples: function!(c"nvmlDeviceGetSamples"),
        };
        // SAFETY: takes no argument.
        match unsafe { init() } {
            SUCCESS => Ok(nvml),
            error => Err(format!("nvmlInit: error {error}")),
        }
    }

    /// All GPUs that can be reached, each with its number.
    pub(crate) fn gpus(&self) -> impl Iterator<Item = (u32, Gpu<'_>)> {
        let count = value(|count: &mut c_uint| {
            // SAFETY: `count` is valid for one write.
            unsafe { (self.count)(count) }
        });
        (0..count.unwrap_or_default().min(MAX_GPUS)).filter_map(|index| {
            let mut handle: Handle = ptr::null_mut();
            // SAFETY: `handle` is valid for one write.
            let status = unsafe { (self.by_index)(index, &raw mut handle) };
            (status == SUCCESS).then_some((index, Gpu { nvml: self, handle }))
        })
    }
}

impl Gpu<'_> {
    /// Memory of the device.
    pub(crate) fn memory(self) -> Option<Memory> {
        let call = self.nvml.memory?;
        // SAFETY: the handle is one of the library; the function writes one structure of this layout.
        value(|memory| unsafe { call(self.handle, memory) })
    }

    /// The number of processes that compute.
    pub(crate) fn processes(self) -> Option<u32> {
        let call = self.nvml.processes?;
        let mut count: c_uint = 0;
        // SAFETY: the handle is one of the library; with a room of 0 nothing is written but the count.
        match unsafe { call(self.handle, &raw mut count, ptr::null_mut()) } {
            SUCCESS | INSUFFICIENT_SIZE => Some(count),
            _ => None,
        }
    }

    /// Energy since the driver was loaded, in millijoules.
    pub(crate) fn energy(self) -> Option<u64> {
        let call = self.nvml.energy?;
        // SAFETY: the handle is one of the library; the function writes one u64.
        value(|energy| unsafe { call(self.handle, energy) })
    }

    /// Power in milliwatts.
    pub(crate) fn power(self) -> Option<u32> {
        let call = self.nvml.power?;
        // SAFETY: the handle is one of the library; the function writes one unsigned int.
        value(|power| unsafe { call(self.handle, power) })
    }

    /// ECC errors since the driver was loaded: corrected ones and others.
    pub(crate) fn ecc_errors(self) -> Option<u64> {
        let call = self.nvml.ecc_errors?;
        let errors = |kind| {
            // SAFETY: the handle is one of the library; the function writes one u64.
            value(|errors| unsafe { call(self.handle, kind, VOLATILE_ECC, errors) })
        };
        Some(errors(CORRECTED)?.saturating_add(errors(UNCORRECTED)?))
    }

    /// Temperature of the chip in degrees Celsius.
    pub(crate) fn temperature(self) -> Option<u32> {
        let call = self.nvml.temperature?;
        // SAFETY: the handle is one of the library; the function writes one unsigned int.
        value(|degrees| unsafe { call(self.handle, SENSOR_CHIP, degrees) })
    }

    /// Speed of the fan in percent; `None` for a device without one.
    pub(crate) fn fan_speed(self) -> Option<u32> {
        let call = self.nvml.fan?;
        // SAFETY: the handle is one of the library; the function writes one unsigned int.
        value(|percent| unsafe { call(self.handle, percent) })
    }

    /// Shares of the last moment.
    pub(crate) fn utilization(self) -> Option<Utilization> {
        let call = self.nvml.utilization?;
        // SAFETY: the handle is one of the library; the function writes one structure of this layout.
        value(|shares| unsafe { call(self.handle, shares) })
    }

    /// The mean in percent of the samples after the time `since`, and the time of the last one in
    /// microseconds. `None` if the driver keeps none, or has none that is new.
    pub(crate) fn mean_of_samples(self, kind: SampleKind, since: u64) -> Option<(f64, u64)> {
        let call = self.nvml.samples?;
        let (mut value_type, mut count) = (0, MAX_SAMPLES as c_uint);
        let mut samples = vec![Sample::default(); MAX_SAMPLES];
        let (kind, to) = (kind as c_uint, samples.as_mut_ptr());
        // SAFETY: the handle is one of the library; the function writes at most `count` samples, for
        // which there is room.
        let status =
            unsafe { call(self.handle, kind, since, &raw mut value_type, &raw mut count, to) };
        let new = samples.get(..count as usize)?;
        if status != SUCCESS || value_type != UNSIGNED_INT || new.is_empty() {
            return None;
        }
        let percent = |sample: &Sample| {
            let [a, b, c, d, ..] = sample.value;
            f64::from(u32::from_ne_bytes([a, b, c, d]).min(100))
        };
        let last = new.iter().map(|sample| sample.time).max()?;
        Some((new.iter().map(percent).sum::<f64>() / new.len() as f64, last))
    }
}

/// A symbol as a function; `None` for a null pointer.
///
/// # Safety
/// `F` is a type of function pointers, and the symbol is null or a function of this type.
unsafe fn as_function<F: Copy>(symbol: *mut c_void) -> Option<F> {
    const { assert!(size_of::<Option<F>>() == size_of::<*mut c_void>()) };
    // SAFETY: both have the same size, and `None` of a function pointer is null.
    unsafe { transmute_copy(&symbol) }
}

/// The value that a function writes, if it succeeds.
fn value<T: Default>(call: impl FnOnce(&mut T) -> c_int) -> Option<T> {
    let mut value = T::default();
    (call(&mut value) == SUCCESS).then_some(value)
}

fn last_error() -> String {
    // SAFETY: without arguments; the text is valid until the next call in this thread.
    let text: *const c_char = unsafe { libc::dlerror() };
    if text.is_null() {
        return "unknown error".to_owned();
    }
    // SAFETY: not null, so it is a C string, which is copied immediately.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

const LIBRARY: &CStr = c"libnvidia-ml.so.1";
const SUCCESS: c_int = 0;
const INSUFFICIENT_SIZE: c_int = 7;
/// `NVML_VALUE_TYPE_UNSIGNED_INT`.
const UNSIGNED_INT: c_uint = 1;
const CORRECTED: c_uint = 0;
const UNCORRECTED: c_uint = 1;
const VOLATILE_ECC: c_uint = 0;
const SENSOR_CHIP: c_uint = 0;
/// The driver keeps about a hundred.
const MAX_SAMPLES: usize = 512;
/// Four times what the largest machines have.
const MAX_GPUS: u32 = 64;
