//! Check-ins are heard in groups: one statement notes their signs of life and says whose answer may have changed.
//!
//! What was read of a device is remembered here, and counts only for the revision that the same statement answers
//! ([`crate::store::presence`]): a check-in is answered from what is at least as new as the commit that made it
//! durable, on any number of controllers, whoever made the change. Called by check-ins and by those who wait.

use std::sync::{Arc, Mutex, PoisonError};

use inventory_schema::KeyFingerprint;
use inventory_schema::problem::ProblemCode;

use crate::enrollment::outage;
use crate::group_commit::GroupCommit;
use crate::standing::Standings;
use crate::store::presence::{Call, Heard, Sign, Standing};
use crate::store::{Store, StoreResult};

/// The most check-ins committed together.
const LARGEST: usize = 512;
/// How many devices are remembered: half a kibibyte each.
const REMEMBERED: usize = 65_536;

/// Who called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Device {
        standing: Arc<Standing>,
        /// The device was asked to look at its hardware; whoever is given this must tell it.
        collect_now: bool,
    },
    /// No device has this key.
    Unknown,
    Revoked,
}

/// The task that hears check-ins.
#[derive(Debug, Clone)]
pub struct Presence {
    checking_in: GroupCommit<Question, Answer>,
    looking: GroupCommit<Question, Answer>,
}

#[derive(Debug)]
enum Question {
    CheckIn(KeyFingerprint, Sign),
    Look(KeyFingerprint),
    Who(KeyFingerprint),
}

type Answer = Result<Caller, ProblemCode>;

impl Presence {
    pub fn start(store: Store) -> Self {
        let memory = Arc::new(Mutex::new(Standings::of_at_most(REMEMBERED)));
        let start = || {
            let (store, memory) = (store.clone(), memory.clone());
            GroupCommit::start(LARGEST, move |questions: Vec<Question>| {
                let (store, memory) = (store.clone(), memory.clone());
                async move {
                    let count = questions.len();
                    match answer(&store, &memory, questions).await.map_err(outage) {
                        Ok(callers) => callers.into_iter().map(Ok).collect(),
                        Err(code) => vec![Err(code); count],
                    }
                }
            })
        };
        Self {
            checking_in: start(),
            looking: start(),
        }
    }

    /// Notes a sign of life; answers when it is durable.
    pub async fn check_in(&self, key: KeyFingerprint, sign: Sign) -> Result<Caller, ProblemCode> {
        self.checking_in
            .commit_if_room(Question::CheckIn(key, sign))
            .await
            .unwrap_or(Err(ProblemCode::Busy))
    }

    /// What a check-in would be answered now; nothing is noted.
    pub async fn look(&self, key: KeyFingerprint) -> Result<Caller, ProblemCode> {
        self.looking.commit(Question::Look(key)).await.unwrap_or(Err(ProblemCode::Busy))
    }

    /// Whose key it is now; the device is told nothing.
    pub async fn who(&self, key: KeyFingerprint) -> Result<Caller, ProblemCode> {
        self.looking.commit(Question::Who(key)).await.unwrap_or(Err(ProblemCode::Busy))
    }
}

async fn answer(store: &Store, memory: &Mutex<Standings>, questions: Vec<Question>) -> StoreResult<Vec<Caller>> {
    let (calls, remembered): (Vec<Call>, Vec<Option<Arc<Standing>>>) = {
        let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
        let call = |question: Question| {
            let (key, sign, tells) = match question {
                Question::CheckIn(key, sign) => (key, Some(sign), true),
                Question::Look(key) => (key, None, true),
                Question::Who(key) => (key, None, false),
            };
            let remembered = memory.of(key);
            let known = remembered.as_deref().map(Standing::known);
            let sign = match &remembered {
                Some(standing) => sign.map(|sign| sign.news(standing)),
                None => sign,
            };
            (Call { key, known, sign, tells }, remembered)
        };
        questions.into_iter().map(call).unzip()
    };
    let heard = store.hear(&calls).await?;
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    let caller = |((call, remembered), heard): ((&Call, Option<Arc<Standing>>), Heard)| match (heard, remembered) {
        (Heard::Unchanged, Some(standing)) => Caller::Device {
            standing,
            collect_now: false,
        },
        (Heard::Read { standing, collect_now }, _) => {
            let standing = Arc::new(standing);
            memory.remember(call.key, &standing);
            Caller::Device { standing, collect_now }
        }
        (Heard::Revoked, _) => {
            memory.forget(call.key);
            Caller::Revoked
        }
        (Heard::Unknown | Heard::Unchanged, _) => {
            memory.forget(call.key);
            Caller::Unknown
        }
    };
    Ok(calls.iter().zip(remembered).zip(heard).map(caller).collect())
}
