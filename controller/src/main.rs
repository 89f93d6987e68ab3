//! `cos-controller`: reads the command line and hands over. No decision is made here.

use std::process::ExitCode;

fn main() -> ExitCode {
    cos_controller::cli::main()
}
