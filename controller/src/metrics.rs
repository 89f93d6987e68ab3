//! Counters in Prometheus' text form, kept here without a crate: a handful of numbers, written and read.
//!
//! The people's and the device's handlers count; `/metrics` writes what was counted together with gauges
//! that the caller read from the store.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::tls::Handshakes;

/// A number that only grows while the process runs.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub struct Metrics {
    pub reports_stored: Counter,
    pub reports_duplicate: Counter,
    pub reports_forked: Counter,
    pub reports_refused: Counter,
    pub check_ins: Counter,
    pub enrollments: Counter,
    pub failed_logins: Counter,
    /// Requests of devices that were told to come later for want of room.
    pub turned_away: Counter,
    /// Of these, for having reported more than one device may.
    pub over_allowance: Counter,
    /// Of the devices' listener.
    pub handshakes: Arc<Handshakes>,
    pub months_dropped: Counter,
    pub reports_dropped: Counter,
    /// Requests by route and status; routes are the router's own paths, so that strangers cannot add series.
    requests: Mutex<BTreeMap<(String, u16), u64>>,
}

/// What is true now, read from the store by the caller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    pub devices: i64,
    pub devices_seen_day: i64,
    pub devices_silent: i64,
}

impl Metrics {
    /// Counts a request; `route` is a path of the router with its placeholders, or «other».
    pub fn count_request(&self, route: &str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *requests.entry((route.to_owned(), status)).or_default() += 1;
    }

    /// All of it as Prometheus reads it.
    pub fn text(&self, gauges: Gauges) -> String {
        let mut text = String::new();
        for (name, help, value) in [
            ("cos_devices", "Devices that are enrolled.", gauges.devices),
            ("cos_devices_seen_day", "Devices heard of within 24 hours.", gauges.devices_seen_day),
            ("cos_devices_silent", "Devices silent for over 7 days.", gauges.devices_silent),
        ] {
            metric(&mut text, name, help, "gauge", value);
        }
        for (name, help, counter) in [
            ("cos_reports_stored_total", "Reports stored.", &self.reports_stored),
            (
                "cos_reports_duplicate_total",
                "Reports that were stored before.",
                &self.reports_duplicate,
            ),
            ("cos_reports_forked_total", "Reports that forked a chain.", &self.reports_forked),
            ("cos_reports_refused_total", "Reports refused.", &self.reports_refused),
            ("cos_check_ins_total", "Check-ins answered.", &self.check_ins),
            ("cos_enrollments_total", "Certificates issued to new devices.", &self.enrollments),
            ("cos_failed_logins_total", "Failed sign-ins.", &self.failed_logins),
            (
                "cos_turned_away_total",
                "Requests of devices that were told to come later.",
                &self.turned_away,
            ),
            (
                "cos_over_allowance_total",
                "Batches of reports that were put off because their device sends too much.",
                &self.over_allowance,
            ),
            (
                "cos_handshakes_full_total",
                "Full TLS handshakes of devices.",
                &self.handshakes.full,
            ),
            (
                "cos_handshakes_resumed_total",
                "Resumed TLS handshakes of devices.",
                &self.handshakes.resumed,
            ),
            (
                "cos_retention_months_total",
                "Months of reports let go as older than the retention.",
                &self.months_dropped,
            ),
            (
                "cos_retention_reports_total",
                "Reports let go with their months.",
                &self.reports_dropped,
            ),
        ] {
            metric(&mut text, name, help, "counter", counter.read());
        }
        self.write_requests(&mut text);
        text
    }

    fn write_requests(&self, text: &mut String) {
        text.push_str("# HELP cos_http_requests_total Requests by route and status.\n# TYPE cos_http_requests_total counter\n");
        let requests = self.requests.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for ((route, status), count) in requests.iter() {
            writeln!(text, "cos_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}").expect("a String can be written");
        }
    }
}

fn metric(text: &mut String, name: &str, help: &str, kind: &str, value: impl std::fmt::Display) {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}").expect("a String can be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_written_as_prometheus_reads_them() {
        let metrics = Metrics::default();
        metrics.check_ins.add(2);
        metrics.count_request("/devices/{device}", 200);
        let text = metrics.text(Gauges {
            devices: 3,
            ..Gauges::default()
        });
        assert!(text.contains("# TYPE cos_devices gauge\ncos_devices 3\n"), "{text}");
        assert!(text.contains("cos_check_ins_total 2\n"));
        assert!(text.contains("cos_http_requests_total{route=\"/devices/{device}\",status=\"200\"} 1\n"));
    }
}
