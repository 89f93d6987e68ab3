//! What programs call: `/v1` for agents, `/api/v1` for people's programs.

pub mod device;
pub mod people;
