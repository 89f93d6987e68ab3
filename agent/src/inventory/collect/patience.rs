//! A time limit for each section, because a file can hang: a network file system whose server is gone holds
//! whoever asks it, and no program can take a reader back.
//!
//! Sections are read on a thread of their own, one after the other. One that does not answer in time is left
//! behind, the section says so, and the next ones are read on another thread. A thread that is left behind ends
//! by itself once its file answers, and never keeps the process from ending. How many are left behind is bounded
//! for the whole process, so that an agent that runs beside a dead server for weeks does not grow.
//!
//! Knows nothing of what is read. Called by `collect`.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::platform::FileTree;

/// How long a collection waits for files.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For each section.
    pub section: Duration,
    /// For all of them; what is left over when it is used up is asked for [`Limits::AT_LEAST`] each.
    pub whole: Duration,
}

impl Limits {
    /// What a section that comes after the others used the time up still gets.
    const AT_LEAST: Duration = Duration::from_millis(500);
}

impl Default for Limits {
    /// A slow disk reads a large database of packages in three seconds.
    fn default() -> Self {
        Self {
            section: Duration::from_secs(10),
            whole: Duration::from_secs(30),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Overdue {
    #[error("nothing answered within {} s", .0.as_secs_f32().ceil())]
    NotInTime(Duration),
    #[error("earlier readings still wait for their files")]
    TooManyWait,
    #[error("the system gives no thread to read with")]
    NoThread,
}

/// Threads of this process that were left behind and still wait.
static LEFT_BEHIND: AtomicUsize = AtomicUsize::new(0);

const MOST_LEFT_BEHIND: usize = 32;

type Job = Box<dyn FnOnce() + Send>;

struct Reader {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn start() -> Option<Self> {
        let (jobs, waiting) = mpsc::channel::<Job>();
        let work = move || waiting.into_iter().for_each(|job| job());
        let thread = thread::Builder::new().name("inventory".to_owned()).spawn(work).ok()?;
        Some(Self { jobs, thread })
    }
}

pub(super) struct Patience {
    tree: FileTree,
    limits: Limits,
    begun: Instant,
    reader: Option<Reader>,
}

impl Patience {
    pub(super) fn new(tree: FileTree, limits: Limits) -> Self {
        Self {
            tree,
            limits,
            begun: Instant::now(),
            reader: None,
        }
    }

    pub(super) fn tree(&self) -> &FileTree {
        &self.tree
    }

    fn limit(&self) -> Duration {
        let left = self.limits.whole.saturating_sub(self.begun.elapsed());
        left.clamp(Limits::AT_LEAST, self.limits.section.max(Limits::AT_LEAST))
    }

    /// What `job` answers of the tree, unless it takes too long.
    pub(super) fn ask<T: Send + 'static>(&mut self, job: impl FnOnce(&FileTree) -> T + Send + 'static) -> Result<T, Overdue> {
        if LEFT_BEHIND.load(Ordering::Acquire) >= MOST_LEFT_BEHIND {
            return Err(Overdue::TooManyWait);
        }
        let Some(reader) = self.reader.take().or_else(Reader::start) else {
            return Err(Overdue::NoThread);
        };
        let (answer, answered) = mpsc::sync_channel(1);
        let (tree, settled) = (self.tree.clone(), Arc::new(AtomicBool::new(false)));
        let settled_here = settled.clone();
        let work = move || {
            let result = job(&tree);
            if settled.swap(true, Ordering::AcqRel) {
                LEFT_BEHIND.fetch_sub(1, Ordering::AcqRel);
            } else {
                let _ = answer.send(result);
            }
        };
        if reader.jobs.send(Box::new(work)).is_err() {
            return Err(Overdue::NoThread);
        }
        let limit = self.limit();
        match answered.recv_timeout(limit) {
            Ok(result) => {
                self.reader = Some(reader);
                Ok(result)
            }
            Err(RecvTimeoutError::Timeout) => {
                LEFT_BEHIND.fetch_add(1, Ordering::AcqRel);
                if !settled_here.swap(true, Ordering::AcqRel) {
                    return Err(Overdue::NotInTime(limit));
                }
                // It was ready at the last moment.
                LEFT_BEHIND.fetch_sub(1, Ordering::AcqRel);
                answered.recv().map_err(|_| Overdue::NotInTime(limit))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let fault = reader.thread.join().expect_err("the reader lives while its jobs succeed");
                panic::resume_unwind(fault)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(milliseconds: u64) -> Patience {
        let section = Duration::from_millis(milliseconds);
        Patience::new(FileTree::live(), Limits { section, whole: section })
    }

    #[test]
    fn who_does_not_answer_is_left_behind_and_the_next_are_asked() {
        let mut patience = patience(1);
        let (release, held) = mpsc::channel::<()>();
        let (ended, end) = mpsc::channel();
        let hung = patience.ask(move |_| {
            let _ = held.recv();
            ended.send(()).unwrap();
        });
        assert!(matches!(hung, Err(Overdue::NotInTime(_))), "{hung:?}");
        assert_eq!(patience.ask(|_| 7), Ok(7));
        // It ends by itself when its file answers.
        drop(release);
        end.recv().unwrap();
    }

    #[test]
    fn one_thread_serves_all_that_answer() {
        let mut patience = patience(60_000);
        let first = patience.ask(|_| thread::current().id());
        assert_eq!(first, patience.ask(|_| thread::current().id()));
    }

    #[test]
    #[should_panic(expected = "a reader's fault")]
    fn a_fault_of_a_reader_is_not_taken_for_silence() {
        let _ = patience(60_000).ask(|_| panic!("a reader's fault"));
    }
}
