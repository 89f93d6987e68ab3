//! Measuring a building's line: what one measurement found, what it proves, and what many of them prove together.
//!
//! | Question | Module |
//! |---|---|
//! | what was measured, with what, and what was in the way? | [`record`]: the document `measurement/1` |
//! | what is a rate at one layer worth at another? | [`layer`] |
//! | what does this one measurement prove? | [`verdict`] |
//! | what do the measurements of weeks prove? | [`weeks`], with the arithmetic of [`binomial`] |
//!
//! A record holds what was seen and no verdict: it is judged when it is read, by a rule with a version, so that
//! a better rule can judge old measurements and every page can say which rule spoke. It knows nothing of
//! sockets, schedules or tables. The measuring crate fills a record, the agent signs it into its chain, the
//! controller and the verifier judge it.

pub mod binomial;
pub mod layer;
pub mod record;
pub mod verdict;
pub mod weeks;

pub use record::*;
