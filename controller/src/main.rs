//! `cos-controller`: reads the command line and hands over. No decision is made here.

use std::process::ExitCode;

/// Gives memory back and keeps it whole under thousands of connections that are woken again and again, where the
/// system's own allocator grew by half (docs/benchmarks.md, memory per waiting agent).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cos_controller::cli::main()
}
