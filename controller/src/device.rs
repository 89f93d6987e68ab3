//! Which computer is which: hardware compared with what is recorded, and what follows from it (promise 3).
//!
//! | Question | Asked by | Module |
//! |---|---|---|
//! | whose hardware is this? | enrollment, which spends or does not spend a token | [`which`] |
//! | may this check-in's key be a copy? | check-ins | [`doubts`], [`boots`] |
//! | is this key this computer's? | `POST /v1/rekey` | [`rekey`] |
//! | is what another system told of a computer that we know? | imports, enrollment, check-ins | [`stated`] |
//! | what did people decide? | the review page | [`merging`] |
//! | what did people rule that it is? | its page | [`kind`] |
//! | what should people know? | all of them | [`cases`] |

pub mod boots;
pub mod cases;
pub mod doubts;
pub mod kind;
pub mod merging;
pub mod rekey;
pub mod stated;
pub mod which;
