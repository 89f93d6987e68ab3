//! `cos-agent`: reads the command line and hands over. No decision is made here.

use std::process::ExitCode;

fn main() -> ExitCode {
    cos_agent::cli::main()
}
