//! How much of the processors newcomers may take: admission by cost and not by address (promise 10).
//!
//! A full handshake costs several check-ins, a resumed one less than half of that, a client that sends nothing costs
//! nothing: so what is counted is the processor time that each step of a handshake really took. When newcomers have
//! used up their share they wait in line, and those who are connected already are served meanwhile. Nobody is known by
//! an address, and a slow client holds up nobody: between its steps it holds nothing.
//!
//! [`Account`] is pure; [`Door`] keeps the line. Called by the listener.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// What a step is taken to cost until it is known: about half of a full handshake.
const GUESS: Duration = Duration::from_micros(80);
/// How much may be used at once after a quiet time, of one processor.
const BURST: Duration = Duration::from_millis(50);

/// Shorter ones would end before anything was earned.
const LEAST_PAUSE: Duration = Duration::from_micros(100);

/// Processor time that is earned with time and spent on steps.
#[derive(Debug)]
struct Account {
    /// Earned per second of time, in seconds.
    share: f64,
    /// In seconds; less than nothing after steps that cost more than was thought.
    balance: f64,
    most: f64,
    counted: Instant,
}

impl Account {
    fn new(share: f64, now: Instant) -> Self {
        let most = share * BURST.as_secs_f64();
        Self {
            share,
            balance: most,
            most,
            counted: now,
        }
    }

    /// Pays for a step, or says how long to wait before asking again.
    fn pay(&mut self, cost: Duration, now: Instant) -> Result<(), Duration> {
        let earned = now.saturating_duration_since(self.counted).as_secs_f64() * self.share;
        self.balance = (self.balance + earned).min(self.most);
        self.counted = now;
        let missing = cost.as_secs_f64() - self.balance;
        if missing <= 0.0 {
            self.balance -= cost.as_secs_f64();
            Ok(())
        } else {
            Err(Duration::from_secs_f64(missing / self.share).max(LEAST_PAUSE))
        }
    }

    /// Sets right what a step was taken to cost.
    fn correct(&mut self, guessed: Duration, cost: Duration) {
        self.balance = (self.balance + guessed.as_secs_f64() - cost.as_secs_f64()).min(self.most);
    }
}

/// Where newcomers wait in line.
#[derive(Debug)]
pub struct Door {
    account: Mutex<Account>,
    /// Fair: whoever came first waits for the account, the others for it.
    line: tokio::sync::Mutex<()>,
}

impl Door {
    /// Newcomers may take `share` of `processors`.
    pub fn new(processors: usize, share: f64) -> Self {
        let processors = u32::try_from(processors.max(1)).unwrap_or(u32::MAX);
        Self {
            account: Mutex::new(Account::new(f64::from(processors) * share, Instant::now())),
            line: tokio::sync::Mutex::new(()),
        }
    }

    /// Runs the steps of `work` as they can be paid.
    pub fn admit<F: Future>(&self, work: F) -> Admitted<'_, F> {
        Admitted {
            door: self,
            paying: None,
            work: Box::pin(work),
        }
    }

    async fn pay(&self) {
        // Nobody in line, and enough to pay with: the usual case.
        if self.line.try_lock().is_ok() && self.account().pay(GUESS, Instant::now()).is_ok() {
            return;
        }
        let _first = self.line.lock().await;
        loop {
            let paid = self.account().pay(GUESS, Instant::now());
            match paid {
                Ok(()) => return,
                Err(pause) => tokio::time::sleep(pause).await,
            }
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Work that pays for each of its steps before it takes it.
pub struct Admitted<'d, F> {
    door: &'d Door,
    paying: Option<Pin<Box<dyn Future<Output = ()> + Send + 'd>>>,
    work: Pin<Box<F>>,
}

impl<F> std::fmt::Debug for Admitted<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admitted")
            .field("is_paying", &self.paying.is_some())
            .finish_non_exhaustive()
    }
}

impl<F: Future> Future for Admitted<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let door = self.door;
        let paying = self.paying.get_or_insert_with(|| Box::pin(door.pay()));
        if paying.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        self.paying = None;
        let begun = processor_time();
        let step = self.work.as_mut().poll(context);
        let cost = processor_time().saturating_sub(begun);
        door.account().correct(GUESS, cost);
        step
    }
}

/// This thread's own, so that a busy machine makes nothing dearer.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Where the system does not tell it: the time that passed.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    static BEGUN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    BEGUN.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn newcomers_get_their_share_and_no_more() {
        let begun = Instant::now();
        let mut account = Account::new(0.5, begun);
        let (mut now, mut steps) = (begun, 0);
        while now < begun + Duration::from_secs(10) {
            match account.pay(MILLISECOND, now) {
                Ok(()) => steps += 1,
                Err(pause) => now += pause,
            }
        }
        // Half of ten seconds, and what may be used at once.
        assert!((4_500..=5_030).contains(&steps), "{steps}");
    }

    #[test]
    fn a_step_that_cost_more_is_paid_by_those_behind_it() {
        let now = Instant::now();
        let mut account = Account::new(1.0, now);
        account.pay(MILLISECOND, now).unwrap();
        account.correct(MILLISECOND, Duration::from_secs(1));
        let pause = account.pay(MILLISECOND, now).unwrap_err();
        assert!((0.94..1.01).contains(&pause.as_secs_f64()), "{pause:?}");
        // What cost less is given back, but a quiet time saves nothing up.
        account.pay(MILLISECOND, now + Duration::from_secs(3600)).unwrap();
        account.correct(MILLISECOND, Duration::ZERO);
        assert!(account.balance <= account.most);
    }

    #[tokio::test]
    async fn whoever_sends_nothing_holds_up_nobody() {
        let door = Door::new(1, 0.5);
        let mut silent: Vec<_> = (0..1_000).map(|_| Box::pin(door.admit(std::future::pending::<()>()))).collect();
        for client in &mut silent {
            let polled = tokio::time::timeout(Duration::ZERO, client.as_mut()).await;
            assert!(polled.is_err());
        }
        assert_eq!(door.admit(async { 7 }).await, 7);
    }
}
