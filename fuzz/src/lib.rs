//! What the fuzz targets share: the readers with their samples. The changes to samples are used where no fuzzer
//! runs, by `agent/tests/byte_readers.rs`.

pub mod readers;
pub mod samples;
