//! Records of an application.

use super::table::{Counter32, Gauge32, Gauge64, counter_record};
use crate::record::{CounterRecord, DataFormat};
use crate::xdr::Encoder;

/// `app_operations`, 0:2202: operations by how they ended; every application source sends it.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppOperations<'a> {
    /// Name of the application, at most 32 bytes; empty: unknown.
    pub application: &'a str,
    /// Ended well.
    pub success: Counter32,
    /// Failed for a reason that is not listed.
    pub other: Counter32,
    /// Took too long.
    pub timeout: Counter32,
    /// Failed within the application.
    pub internal_error: Counter32,
    /// Were not understood.
    pub bad_request: Counter32,
    /// Were not permitted.
    pub forbidden: Counter32,
    /// Were too large.
    pub too_large: Counter32,
    /// Asked for what the application does not do.
    pub not_implemented: Counter32,
    /// Asked for what is not there.
    pub not_found: Counter32,
    /// Found the application or what it needs out of service.
    pub unavailable: Counter32,
    /// Lacked the credentials.
    pub unauthorized: Counter32,
}

impl AppOperations<'_> {
    /// Every field unknown: start from here and fill in what the platform knows.
    pub const UNKNOWN: Self = Self {
        application: "",
        success: Counter32::MAX,
        other: Counter32::MAX,
        timeout: Counter32::MAX,
        internal_error: Counter32::MAX,
        bad_request: Counter32::MAX,
        forbidden: Counter32::MAX,
        too_large: Counter32::MAX,
        not_implemented: Counter32::MAX,
        not_found: Counter32::MAX,
        unavailable: Counter32::MAX,
        unauthorized: Counter32::MAX,
    };
}

impl Default for AppOperations<'_> {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl CounterRecord for AppOperations<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2202)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.application, 32);
        xdr.words([
            self.success,
            self.other,
            self.timeout,
            self.internal_error,
            self.bad_request,
            self.forbidden,
            self.too_large,
            self.not_implemented,
            self.not_found,
            self.unavailable,
            self.unauthorized,
        ]);
    }
}

counter_record! {
    /// `app_resources`, 0:2203: what an application uses.
    AppResources = 0:2203 {
        /// Milliseconds of CPU in user mode.
        user_time: Counter32,
        /// Milliseconds of CPU in the kernel.
        system_time: Counter32,
        /// Bytes of memory used.
        mem_used: Gauge64,
        /// Bytes of memory that it may use.
        mem_max: Gauge64,
        /// File descriptors open.
        fd_open: Gauge32,
        /// File descriptors that it may open.
        fd_max: Gauge32,
        /// Connections open.
        conn_open: Gauge32,
        /// Connections that it may open.
        conn_max: Gauge32,
    }
}

counter_record! {
    /// `app_workers`, 0:2206: the threads or processes that serve an application.
    AppWorkers = 0:2206 {
        /// Workers busy.
        workers_active: Gauge32,
        /// Workers idle.
        workers_idle: Gauge32,
        /// Workers that there may be.
        workers_max: Gauge32,
        /// Requests that had to wait for a worker.
        req_delayed: Counter32,
        /// Requests dropped because no worker was free.
        req_dropped: Counter32,
    }
}

counter_record! {
    /// `http_counters`, 0:2201: requests that a web server answered, by method and by status.
    HttpCounters = 0:2201 {
        /// OPTIONS.
        method_option_count: Counter32,
        /// GET.
        method_get_count: Counter32,
        /// HEAD.
        method_head_count: Counter32,
        /// POST.
        method_post_count: Counter32,
        /// PUT.
        method_put_count: Counter32,
        /// DELETE.
        method_delete_count: Counter32,
        /// TRACE.
        method_trace_count: Counter32,
        /// CONNECT.
        method_connect_count: Counter32,
        /// Any other method.
        method_other_count: Counter32,
        /// Status 100 to 199.
        status_1xx_count: Counter32,
        /// Status 200 to 299.
        status_2xx_count: Counter32,
        /// Status 300 to 399.
        status_3xx_count: Counter32,
        /// Status 400 to 499.
        status_4xx_count: Counter32,
        /// Status 500 to 599.
        status_5xx_count: Counter32,
        /// Any other status.
        status_other_count: Counter32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, hyper, word};

    #[test]
    fn app_resources() {
        let record = AppResources {
            user_time: word(1),
            system_time: word(2),
            mem_used: hyper(3),
            mem_max: hyper(4),
            fd_open: word(5),
            fd_max: word(6),
            conn_open: word(7),
            conn_max: word(8),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2203.hex"),
        );
    }

    #[test]
    fn app_workers() {
        let record = AppWorkers {
            workers_active: word(1),
            workers_idle: word(2),
            workers_max: word(3),
            req_delayed: word(4),
            req_dropped: word(5),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2206.hex"),
        );
    }

    #[test]
    fn http_counters() {
        let record = HttpCounters {
            method_option_count: word(1),
            method_get_count: word(2),
            method_head_count: word(3),
            method_post_count: word(4),
            method_put_count: word(5),
            method_delete_count: word(6),
            method_trace_count: word(7),
            method_connect_count: word(8),
            method_other_count: word(9),
            status_1xx_count: word(10),
            status_2xx_count: word(11),
            status_3xx_count: word(12),
            status_4xx_count: word(13),
            status_5xx_count: word(14),
            status_other_count: word(15),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2201.hex"),
        );
    }

    #[test]
    fn app_operations() {
        let record = AppOperations {
            application: "s1x",
            success: word(2),
            other: word(3),
            timeout: word(4),
            internal_error: word(5),
            bad_request: word(6),
            forbidden: word(7),
            too_large: word(8),
            not_implemented: word(9),
            not_found: word(10),
            unavailable: word(11),
            unauthorized: word(12),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2202.hex"),
        );
    }

    #[test]
    fn app_operations_unknown() {
        let mut bytes = [0xff; 48];
        bytes[..4].fill(0);
        testing::counter_bytes(&AppOperations::default(), DataFormat::standard(2202), &bytes);
    }

    #[test]
    fn application_is_cut_at_32_bytes() {
        let application = "a".repeat(33);
        let record = AppOperations { application: &application, ..AppOperations::UNKNOWN };
        let mut bytes = [0xff; 80];
        bytes[..4].copy_from_slice(&[0, 0, 0, 32]);
        bytes[4..36].fill(b'a');
        testing::counter_bytes(&record, DataFormat::standard(2202), &bytes);
    }
}
