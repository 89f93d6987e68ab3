//! Session tickets that every controller of a region can open, before and after a restart.
//!
//! Their keys are derived from a secret that lies in the authority's directory, one for each day, so that an agent that
//! comes to another controller, or after a restart, resumes its session instead of making a full handshake. A ticket is
//! opened on the day that it was made and on the next. Called by the device listener's configuration.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::fill;
use rustls::server::ProducesTickets;

use crate::authority::SessionSecret;

const DAY_SECONDS: u64 = 86_400;
const DAY_BYTES: usize = 4;
/// A day: the key that made it is kept for at least as long.
const LIFETIME: u32 = 86_400;

#[derive(Debug)]
pub struct Tickets {
    secret: SessionSecret,
}

impl Tickets {
    pub fn new(secret: SessionSecret) -> Self {
        Self { secret }
    }

    fn key(&self, day: u32) -> Option<LessSafeKey> {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let key = hmac::sign(&secret, &day.to_be_bytes());
        UnboundKey::new(&AES_256_GCM, key.as_ref()).ok().map(LessSafeKey::new)
    }

    /// The day in the clear, a nonce, and what is sealed under the day's key.
    fn seal(&self, plain: &[u8], day: u32) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce).ok()?;
        let mut sealed = plain.to_vec();
        let (key, day) = (self.key(day)?, day.to_be_bytes());
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(day), &mut sealed)
            .ok()?;
        Some([&day[..], &nonce, &sealed].concat())
    }

    fn open(&self, ticket: &[u8], today: u32) -> Option<Vec<u8>> {
        let (day, rest) = ticket.split_first_chunk::<DAY_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let made = u32::from_be_bytes(*day);
        if made > today || today - made > 1 {
            return None;
        }
        let mut plain = sealed.to_vec();
        let key = self.key(made)?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key.open_in_place(nonce, Aad::from(*day), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(plain, today())
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.open(cipher, today())
    }
}

fn today() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs() / DAY_SECONDS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_opened_by_whoever_has_the_secret_for_two_days() {
        let (one, other) = (
            Tickets::new(SessionSecret::of(b"region")),
            Tickets::new(SessionSecret::of(b"region")),
        );
        let ticket = one.seal(b"session", 20_000).unwrap();
        assert_eq!(other.open(&ticket, 20_000).as_deref(), Some(&b"session"[..]));
        assert_eq!(other.open(&ticket, 20_001).as_deref(), Some(&b"session"[..]));
        assert_eq!(other.open(&ticket, 20_002), None);
        assert_eq!(other.open(&ticket, 19_999), None);
        assert_eq!(Tickets::new(SessionSecret::of(b"another")).open(&ticket, 20_000), None);
    }

    #[test]
    fn no_changed_or_cut_ticket_is_opened() {
        let tickets = Tickets::new(SessionSecret::of(b"region"));
        let ticket = tickets.seal(b"session", 20_000).unwrap();
        for place in 0..ticket.len() {
            let mut changed = ticket.clone();
            changed[place] ^= 1;
            assert_eq!(tickets.open(&changed, 20_000), None, "byte {place}");
            assert_eq!(tickets.open(&ticket[..place], 20_000), None, "cut at {place}");
        }
    }
}
