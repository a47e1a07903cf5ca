//! Counter records of an application.

use super::table::{Counter32, Gauge32, Gauge64, counter_record};
use crate::record::{CounterRecord, DataFormat};
use crate::xdr::Encoder;

/// `app_operations` (0:2202): operations by outcome. Mandatory for every application.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AppOperations<'a> {
    /// Name of the application, at most 32 bytes; empty: unknown.
    pub application: &'a str,
    /// Operations that succeeded.
    pub success: Counter32,
    /// Operations with any other failure.
    pub other: Counter32,
    /// Operations that timed out.
    pub timeout: Counter32,
    /// Operations in which the application failed.
    pub internal_error: Counter32,
    /// Malformed requests.
    pub bad_request: Counter32,
    /// Requests for which the client lacks the permission.
    pub forbidden: Counter32,
    /// Requests that were too large.
    pub too_large: Counter32,
    /// Requests that the application does not implement.
    pub not_implemented: Counter32,
    /// Requests for an object that does not exist.
    pub not_found: Counter32,
    /// Requests refused because the application, or a service that it depends on, was out of
    /// service.
    pub unavailable: Counter32,
    /// Requests of clients that were not authenticated.
    pub unauthorized: Counter32,
}

impl AppOperations<'_> {
    /// Every field unknown, to be completed with `..UNKNOWN`.
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
    /// `app_resources` (0:2203): the resources of an application.
    AppResources = 0:2203 {
        /// CPU time in user mode, milliseconds.
        user_time: Counter32,
        /// CPU time in the kernel, milliseconds.
        system_time: Counter32,
        /// Memory in use, bytes.
        mem_used: Gauge64,
        /// Limit of memory, bytes.
        mem_max: Gauge64,
        /// Open file descriptors.
        fd_open: Gauge32,
        /// Limit of open file descriptors.
        fd_max: Gauge32,
        /// Open connections.
        conn_open: Gauge32,
        /// Limit of open connections.
        conn_max: Gauge32,
    }
}

counter_record! {
    /// `app_workers` (0:2206): the threads or processes that serve an application.
    AppWorkers = 0:2206 {
        /// Workers busy.
        workers_active: Gauge32,
        /// Workers idle.
        workers_idle: Gauge32,
        /// Limit of workers.
        workers_max: Gauge32,
        /// Requests that waited for a worker.
        req_delayed: Counter32,
        /// Requests dropped because no worker was free.
        req_dropped: Counter32,
    }
}

counter_record! {
    /// `http_counters` (0:2201): requests to a web server, by method and by status.
    HttpCounters = 0:2201 {
        /// Requests with method OPTIONS.
        method_option_count: Counter32,
        /// Requests with method GET.
        method_get_count: Counter32,
        /// Requests with method HEAD.
        method_head_count: Counter32,
        /// Requests with method POST.
        method_post_count: Counter32,
        /// Requests with method PUT.
        method_put_count: Counter32,
        /// Requests with method DELETE.
        method_delete_count: Counter32,
        /// Requests with method TRACE.
        method_trace_count: Counter32,
        /// Requests with method CONNECT.
        method_connect_count: Counter32,
        /// Requests with any other method.
        method_other_count: Counter32,
        /// Responses with status 100 to 199.
        status_1xx_count: Counter32,
        /// Responses with status 200 to 299.
        status_2xx_count: Counter32,
        /// Responses with status 300 to 399.
        status_3xx_count: Counter32,
        /// Responses with status 400 to 499.
        status_4xx_count: Counter32,
        /// Responses with status 500 to 599.
        status_5xx_count: Counter32,
        /// Responses with any other status.
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
