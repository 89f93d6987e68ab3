//! Passwords of people: hashing with argon2id, checking under a limit, one-time first passwords.
//!
//! Called by `web` (signing in, changing), by `cos-controller operator create` and by the demo. It knows no
//! database and no clock; how long an account stays closed after failures is arithmetic here ([`lock_after`]).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// The fewest characters of a password that a person chooses.
pub const MIN_CHARS: usize = 10;
/// The most: a longer one would only make the hash slow.
pub const MAX_CHARS: usize = 200;
/// Failures in a row that are forgiven.
const FORGIVEN_FAILURES: i64 = 5;
/// The longest an account stays closed.
const LONGEST_LOCK: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    #[error("the password has fewer than {MIN_CHARS} characters")]
    Short,
    #[error("the password has more than {MAX_CHARS} characters")]
    Long,
    #[error("the password is among those that are tried first")]
    Common,
    #[error("the password is the login")]
    SameAsLogin,
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    #[error("the password could not be hashed: {0}")]
    Hash(argon2::password_hash::Error),
    #[error("the stored password hash cannot be read: {0}")]
    Stored(argon2::password_hash::Error),
    #[error("random numbers are unavailable")]
    Random,
    #[error("the password task was cancelled")]
    Cancelled(#[source] tokio::task::JoinError),
    #[error("too many passwords are being checked")]
    Busy,
}

/// Whether people may choose this password for this login.
pub fn judge(password: &str, login: &str) -> Result<(), WeakPassword> {
    match password.chars().count() {
        ..MIN_CHARS => Err(WeakPassword::Short),
        count if count > MAX_CHARS => Err(WeakPassword::Long),
        // As long as was asked for, and yet no harder to guess than a short one.
        _ if easily_guessed(password) => Err(WeakPassword::Common),
        _ if password.to_lowercase() == login.to_lowercase() => Err(WeakPassword::SameAsLogin),
        _ => Ok(()),
    }
}

/// What everybody tries first, with or without digits and marks around it.
const COMMONEST: [&str; 17] = [
    "password",
    "passwort",
    "passw0rd",
    "p@ssw0rd",
    "administrator",
    "admin",
    "welcome",
    "letmein",
    "iloveyou",
    "qwerty",
    "qazwsx",
    "qazwsxedc",
    "пароль",
    "администратор",
    "админ",
    "йцукен",
    "йфяцычувс",
];
/// Neighbours on a keyboard, Latin and Russian, and the columns that begin with digits.
const KEYBOARD: [&str; 9] = [
    "1234567890",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю.",
    "1q2w3e4r5t6y7u8i9o0p",
    "1й2ц3у4к5е6н7г8ш9щ0з",
];

/// One unit over and over, characters in order, neighbours on a keyboard, or one of the commonest passwords.
fn easily_guessed(password: &str) -> bool {
    let folded = password.to_lowercase();
    let letters: Vec<char> = folded.chars().collect();
    let unit = unit_of(&letters);
    // «аааааааааа», «1212121212»: a unit this short is no secret, however often it is said.
    if unit.len() <= 4 && unit.len() < letters.len() {
        return true;
    }
    let unit: String = unit.iter().collect();
    let core = unit.trim_matches(|c: char| !c.is_alphabetic());
    in_order(&letters)
        || [unit.as_str(), core]
            .into_iter()
            .any(|text| COMMONEST.contains(&text) || on_keyboard(text))
}

/// The shortest part that the whole is a repetition of: the whole itself where there is none.
fn unit_of(letters: &[char]) -> &[char] {
    let repeats = |&length: &usize| letters.chunks(length).all(|part| letters.starts_with(part));
    let length = (1..letters.len()).find(repeats).unwrap_or(letters.len());
    &letters[..length]
}

/// `abcdefghij`, `0987654321`: every character beside the one before, always in the same direction.
fn in_order(letters: &[char]) -> bool {
    let next = |from: char, to: char| u32::from(from) + 1 == u32::from(to) || (from, to) == ('9', '0');
    let pairs = || letters.windows(2).map(|pair| (pair[0], pair[1]));
    pairs().all(|(from, to)| next(from, to)) || pairs().all(|(from, to)| next(to, from))
}

fn on_keyboard(text: &str) -> bool {
    text.chars().count() >= 4 && KEYBOARD.iter().any(|row| row.contains(text))
}

/// How long an account is closed after this many failures in a row: a minute after five, doubling with every
/// further one, at most an hour. The limit is on the account, never on the address: a school is one address.
pub fn lock_after(failures: i64) -> Option<Duration> {
    let beyond = u32::try_from(failures - FORGIVEN_FAILURES).ok()?;
    let seconds = 60u64.saturating_mul(2u64.saturating_pow(beyond));
    Some(Duration::from_secs(seconds).min(LONGEST_LOCK))
}

/// OWASP's second choice for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("the parameters are within argon2's ranges");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// A hash with its salt and parameters, as stored.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    let salt = SaltString::encode_b64(&random_bytes::<16>()?).map_err(PasswordError::Hash)?;
    let hash = argon2().hash_password(password.as_bytes(), &salt).map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

fn verify(password: &str, stored: &str) -> Result<bool, PasswordError> {
    let parsed = PasswordHash::new(stored).map_err(PasswordError::Stored)?;
    match argon2().verify_password(password.as_bytes(), &parsed) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::Password) => Ok(false),
        Err(error) => Err(PasswordError::Stored(error)),
    }
}

/// `N` bytes of the system's randomness.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], PasswordError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| PasswordError::Random)?;
    Ok(bytes)
}

/// A first password that a person reads off a screen or a note and types once: 80 bits in four groups, without
/// letters that look alike.
pub fn one_time() -> Result<String, PasswordError> {
    const ALPHABET: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";
    let bytes = random_bytes::<16>()?;
    let groups: Vec<String> = bytes
        .chunks(4)
        .map(|group| group.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
        .collect();
    Ok(groups.join("-"))
}

/// Checks passwords away from the network's threads, a few at a time: each check takes 19 MiB and some 30 ms.
#[derive(Debug, Clone)]
pub struct PasswordChecker {
    places: Arc<Semaphore>,
    /// Those at work and those who wait: whoever finds no place in the queue is told to come again.
    queue: Arc<Semaphore>,
}

const AT_WORK: usize = 4;
/// A second or two of work; a flood of sign-ins must not become a queue of minutes.
const QUEUE: usize = 64;

impl Default for PasswordChecker {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_WORK)),
            queue: Arc::new(Semaphore::new(QUEUE)),
        }
    }
}

/// What an unknown login is compared with, so that it takes as long as a known one.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody has this password").ok());

impl PasswordChecker {
    /// Whether the password is right. `stored` is `None` for an unknown login: the same work, and always wrong.
    pub async fn check(&self, password: String, stored: Option<String>) -> Result<bool, PasswordError> {
        let _waiting = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let place = self.places.clone().acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let task = tokio::task::spawn_blocking(move || {
            let _place = place;
            match stored {
                Some(stored) => verify(&password, &stored),
                None => {
                    let nobody = NOBODY.as_deref().ok_or(PasswordError::Random)?;
                    verify(&password, nobody).map(|_| false)
                }
            }
        });
        task.await.map_err(PasswordError::Cancelled)?
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let _waiting = self.queue.try_acquire().map_err(|_| PasswordError::Busy)?;
        let place = self.places.clone().acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let task = tokio::task::spawn_blocking(move || {
            let _place = place;
            hash(&password)
        });
        task.await.map_err(PasswordError::Cancelled)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_is_right_and_nobody_has_one() {
        let checker = PasswordChecker::default();
        let stored = checker.hash("correct horse".into()).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(checker.check("correct horse".into(), Some(stored.clone())).await.unwrap());
        assert!(!checker.check("wrong horse".into(), Some(stored)).await.unwrap());
        assert!(!checker.check("nobody has this password".into(), None).await.unwrap());
    }

    #[test]
    fn weak_passwords_are_told_apart() {
        assert_eq!(judge("короткий", "anna"), Err(WeakPassword::Short));
        assert_eq!(judge("Technician59", "technician59"), Err(WeakPassword::SameAsLogin));
        assert_eq!(judge(&"д".repeat(201), "anna"), Err(WeakPassword::Long));
        assert_eq!(judge("десять знаков", "anna"), Ok(()));
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for weak in [
            "1111111111",
            "ДДДДДДДДДДД",
            "1212121212",
            "1234567890",
            "0987654321",
            "0123456789",
            "abcdefghij",
            "абвгдежзий",
            "Password123",
            "passwordpassword",
            "!!!Admin2026!!!",
            "administrator",
            "qwerty12345",
            "qwertyuiop",
            "1234567890qwerty",
            "йцукен12345",
            "ЙЦУКЕНГШЩЗ",
            "Администратор1",
            "пароль12345",
            "1q2w3e4r5t",
        ] {
            assert_eq!(judge(weak, "anna"), Err(WeakPassword::Common), "{weak}");
        }
        for fair in [
            "школа у реки 59",
            "correct horse",
            "administer-7-rivers",
            "20 паролей школы",
            "aaaaabbbbbc",
        ] {
            assert_eq!(judge(fair, "anna"), Ok(()), "{fair}");
        }
    }

    #[test]
    fn an_account_is_closed_for_longer_with_every_failure() {
        assert_eq!(lock_after(4), None);
        assert_eq!(lock_after(5), Some(Duration::from_secs(60)));
        assert_eq!(lock_after(7), Some(Duration::from_secs(240)));
        assert_eq!(lock_after(500), Some(Duration::from_secs(3600)));
    }

    #[test]
    fn one_time_passwords_differ_and_satisfy_the_rule() {
        let (first, second) = (one_time().unwrap(), one_time().unwrap());
        assert_ne!(first, second);
        assert_eq!(judge(&first, "operator"), Ok(()));
        assert_eq!(first.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
    }
}
