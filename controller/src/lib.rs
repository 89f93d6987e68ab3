//! One region's server: it enrolls agents, keeps their signed reports, and shows them to people.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
pub mod activity_log;
pub mod allowance;
pub mod api;
pub mod authority;
pub mod backup;
pub mod carry;
pub mod cli;
pub mod config;
pub mod device;
pub mod device_import;
pub mod device_traffic;
pub mod enrollment;
pub mod evidence;
pub mod evidence_request;
pub mod group_commit;
pub mod identifier;
pub mod line;
pub mod line_report;
pub mod line_sample;
pub mod measure;
pub mod metrics;
pub mod name;
pub mod operator;
pub mod pace;
pub mod part;
pub mod password;
pub mod presence;
pub mod private_file;
pub mod recent;
pub mod register;
pub mod register_import;
pub mod report;
pub mod revocation;
pub mod router;
pub mod server;
pub mod standing;
pub mod state;
pub mod store;
pub mod task;
pub mod tls;
pub mod token;
pub mod uptime;
pub mod wake;
pub mod web;
pub mod workbook;

/// An error with all its causes in one line, for the log: printed once, where it is handled.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
