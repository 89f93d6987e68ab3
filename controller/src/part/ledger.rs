//! Who has which part, and what it means when devices state their parts: pure, and the only place that decides it.
//!
//! A part that left one device and is in another is one event naming both, in whichever order the two reported. While a
//! newcomer states what another device has not given up, nothing is told: the other may be off, with the part taken out.
//! It is decided by what the other says next. If it states the part again, or is seen alive for an hour without saying
//! otherwise, the number is a duplicate; if it stays silent for a week, the part is presumed to have left it. A number that
//! many devices state at once ([`COMMON_FROM`]) is of a batch and tells nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use inventory_schema::Timestamp;
use inventory_schema::likeness::COMMON_FROM;
use serde::{Deserialize, Serialize};

use super::{ChangeKind, PartIdentity, StatedPart, Statement};

/// An agent looks at its hardware when it starts: one that has been there for so long has looked.
const LOOKED_AFTER: Duration = Duration::from_secs(60 * 60);
/// Whoever was silent for so long beside the part's new device has lost it.
const PRESUMED_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What is known of a device's claim to a part that others state too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Another device states it, and one of them has not been heard since.
    Contested,
    /// Presumed to have left this device, which has been silent since it was found in another.
    Left,
    /// Several devices that are alive state it.
    Duplicate,
    /// So many state it that it says nothing.
    Common,
}

/// The device that states something, by internal ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reporter {
    pub device: i64,
    /// The record it was joined into, or itself.
    pub survivor: i64,
    pub seen_at: Option<Timestamp>,
}

/// A part in a device, now or once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// Internal id; `None` before it is written.
    pub id: Option<i64>,
    pub reporter: Reporter,
    pub part: StatedPart,
    pub first_seen_at: Timestamp,
    pub since_at: Timestamp,
    pub last_stated_at: Timestamp,
    pub gone_at: Option<Timestamp>,
    pub standing: Option<Standing>,
    pub contested_at: Option<Timestamp>,
    pub alive_at: Option<Timestamp>,
}

impl Holding {
    fn new(reporter: Reporter, part: StatedPart, at: Timestamp) -> Self {
        Self {
            id: None,
            reporter,
            part,
            first_seen_at: at,
            since_at: at,
            last_stated_at: at,
            gone_at: None,
            standing: None,
            contested_at: None,
            alive_at: None,
        }
    }

    fn has_it(&self) -> bool {
        self.gone_at.is_none() && self.standing != Some(Standing::Left)
    }

    fn ended_at(&self) -> Option<Timestamp> {
        let left = (self.standing == Some(Standing::Left)).then_some(self.contested_at).flatten();
        self.gone_at.or(left)
    }

    fn stands(&mut self, standing: Option<Standing>, since: Option<Timestamp>) {
        self.standing = standing;
        self.contested_at = since;
        self.alive_at = None;
    }

    /// Whether its device has been there for long enough since the contest began to have looked at its hardware.
    fn is_alive(&mut self) -> bool {
        let (Some(seen), Some(since)) = (self.reporter.seen_at, self.contested_at) else {
            return false;
        };
        if seen <= since {
            return false;
        }
        let alive = *self.alive_at.get_or_insert(seen);
        seen >= alive + LOOKED_AFTER
    }
}

/// One line of what changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartEvent {
    pub kind: ChangeKind,
    pub at: Timestamp,
    /// Where it is now, or was last.
    pub device: i64,
    /// Where it was before, or who states it too.
    pub other: Option<i64>,
    pub part: StatedPart,
    /// When the other device, or this one, had stopped stating it.
    pub left_at: Option<Timestamp>,
    /// Nobody said that it left.
    pub presumed: bool,
    /// Takes the place of what was told before: that the part was taken out of this device.
    pub replaces_removal_from: Option<i64>,
}

/// The holdings of some parts by all devices, and what follows from statements about them.
#[derive(Debug, Default)]
pub struct Ledger {
    holdings: BTreeMap<PartIdentity, Vec<Holding>>,
    known: Vec<Holding>,
    events: Vec<PartEvent>,
}

impl Ledger {
    /// Of every part in question all holdings must be given.
    pub fn new(known: Vec<Holding>) -> Self {
        let mut holdings: BTreeMap<PartIdentity, Vec<Holding>> = BTreeMap::new();
        for holding in &known {
            holdings.entry(holding.part.identity.clone()).or_default().push(holding.clone());
        }
        Self {
            holdings,
            known,
            events: Vec::new(),
        }
    }

    /// Takes in what a device states; `first`: nothing was known of its parts of this kind, so that what it brings is
    /// no change of it.
    pub fn state(&mut self, reporter: Reporter, statement: &Statement, at: Timestamp, first: bool) {
        if statement.complete {
            let stated: BTreeSet<&PartIdentity> = statement.parts.iter().map(|part| &part.identity).collect();
            let missing = self.holdings.iter().filter(|(identity, holdings)| {
                let had = |holding: &Holding| holding.reporter.device == reporter.device && holding.gone_at.is_none();
                identity.kind == statement.kind && !stated.contains(identity) && holdings.iter().any(had)
            });
            let missing: Vec<PartIdentity> = missing.map(|(identity, _)| identity.clone()).collect();
            let missing = self.without_the_worse_read(missing, reporter, statement);
            missing.iter().for_each(|identity| self.depart(identity, reporter, at));
        }
        for part in &statement.parts {
            self.arrive(part, reporter, at, first);
        }
    }

    /// Without the parts that may still be there under a number that is now read worse, each of them once: a filler never
    /// replaces a good number (promise 4).
    fn without_the_worse_read(&self, missing: Vec<PartIdentity>, reporter: Reporter, statement: &Statement) -> Vec<PartIdentity> {
        let mut nameless = statement.nameless.clone();
        let gone = |identity: &PartIdentity| {
            let held = self.holdings.get(identity).into_iter().flatten();
            let held = held.into_iter().find(|holding| holding.reporter.device == reporter.device);
            let seen = held.and_then(|held| nameless.iter().position(|nameless| nameless.may_be(&held.part)));
            match seen {
                Some(place) => {
                    nameless.swap_remove(place);
                    false
                }
                None => true,
            }
        };
        missing.into_iter().filter(gone).collect()
    }

    /// Looks again at what is undecided, by what was heard of the devices since.
    pub fn look_again(&mut self, now: Timestamp) {
        let identities: Vec<PartIdentity> = self.holdings.keys().cloned().collect();
        for identity in identities {
            self.decide(&identity, now);
        }
    }

    /// The holdings that are new or changed, and what is to be told.
    pub fn finish(self) -> (Vec<Holding>, Vec<PartEvent>) {
        let before: BTreeMap<Option<i64>, &Holding> = self.known.iter().map(|holding| (holding.id, holding)).collect();
        let changed = |holding: &Holding| holding.id.is_none() || before.get(&holding.id) != Some(&holding);
        let holdings = self.holdings.into_values().flatten().filter(changed).collect();
        (holdings, self.events)
    }

    fn arrive(&mut self, part: &StatedPart, reporter: Reporter, at: Timestamp, first: bool) {
        let holdings = self.holdings.entry(part.identity.clone()).or_default();
        // A record that was joined into this one speaks no longer for itself.
        for joined in holdings.iter_mut().filter(|holding| {
            holding.reporter.survivor == reporter.survivor && holding.reporter.device != reporter.device && holding.gone_at.is_none()
        }) {
            joined.gone_at = Some(at);
            joined.stands(None, None);
        }
        let own = holdings.iter_mut().find(|holding| holding.reporter.device == reporter.device);
        let before = match own {
            Some(own) if own.gone_at.is_none() => {
                own.last_stated_at = at;
                own.part = part.clone();
                own.reporter = reporter;
                if own.standing == Some(Standing::Left) {
                    self.come_back(&part.identity, reporter.device, at);
                } else {
                    self.decide(&part.identity, at);
                }
                return;
            }
            Some(own) => {
                let left = own.gone_at.take();
                own.since_at = at;
                own.last_stated_at = at;
                own.part = part.clone();
                own.reporter = reporter;
                left
            }
            None => {
                holdings.push(Holding::new(reporter, part.clone(), at));
                None
            }
        };
        self.settle(part, reporter, at, before, first);
    }

    /// The part is in a device that did not have it.
    fn settle(&mut self, part: &StatedPart, reporter: Reporter, at: Timestamp, left_before: Option<Timestamp>, first: bool) {
        let holdings = self.holdings.entry(part.identity.clone()).or_default();
        let (others, had): (Vec<&Holding>, Vec<&Holding>) = holdings
            .iter()
            .filter(|holding| holding.reporter.survivor != reporter.survivor)
            .partition(|holding| holding.has_it());
        if others.is_empty() {
            let last = had
                .iter()
                .filter_map(|holding| Some((holding.ended_at()?, holding.reporter.survivor)))
                .max();
            return self.tell_arrival(part, reporter, at, (left_before, last), first);
        }
        let agreed = others
            .iter()
            .find_map(|other| other.standing.filter(|standing| *standing != Standing::Contested));
        if others.len() + 1 >= COMMON_FROM as usize || agreed == Some(Standing::Common) {
            holders(holdings).for_each(|holding| holding.stands(Some(Standing::Common), Some(at)));
        } else if agreed == Some(Standing::Duplicate) {
            self.duplicate(&part.identity, reporter.survivor, at);
        } else {
            holders(holdings).for_each(|holding| holding.stands(Some(Standing::Contested), Some(at)));
            self.decide(&part.identity, at);
        }
    }

    /// Nobody else has it: it came from where it was last, which may be here.
    fn tell_arrival(
        &mut self,
        part: &StatedPart,
        reporter: Reporter,
        at: Timestamp,
        (here, elsewhere): (Option<Timestamp>, Option<(Timestamp, i64)>),
        first: bool,
    ) {
        let event = PartEvent {
            kind: ChangeKind::PartAdded,
            at,
            device: reporter.survivor,
            other: None,
            part: part.clone(),
            left_at: None,
            presumed: false,
            replaces_removal_from: None,
        };
        match (here, elsewhere) {
            (here, Some((left, from))) if here.is_none_or(|here| here < left) => self.tell(PartEvent {
                kind: ChangeKind::PartMoved,
                other: Some(from),
                left_at: Some(left),
                replaces_removal_from: Some(from),
                ..event
            }),
            (Some(left), _) if part.identity.kind.stays() => self.tell(PartEvent {
                kind: ChangeKind::PartReturned,
                left_at: Some(left),
                replaces_removal_from: Some(reporter.survivor),
                ..event
            }),
            (None, None) if !first && part.identity.kind.stays() => self.tell(event),
            _ => {}
        }
    }

    fn depart(&mut self, identity: &PartIdentity, reporter: Reporter, at: Timestamp) {
        let Some(holdings) = self.holdings.get_mut(identity) else {
            return;
        };
        let Some(own) = holdings.iter_mut().find(|holding| holding.reporter.device == reporter.device) else {
            return;
        };
        let before = own.standing;
        own.gone_at = Some(at);
        own.stands(None, None);
        let event = PartEvent {
            kind: ChangeKind::PartRemoved,
            at,
            device: reporter.survivor,
            other: None,
            part: own.part.clone(),
            left_at: None,
            presumed: false,
            replaces_removal_from: None,
        };
        let mut rest: Vec<&mut Holding> = holders(holdings)
            .filter(|holding| holding.reporter.survivor != reporter.survivor)
            .collect();
        let told = match (before, rest.as_mut_slice()) {
            // That it is elsewhere was told before.
            (Some(Standing::Left), _) => None,
            (Some(Standing::Contested | Standing::Common), [_, _, ..]) => None,
            (Some(Standing::Contested), [heir]) => {
                heir.stands(None, None);
                Some(PartEvent {
                    kind: ChangeKind::PartMoved,
                    device: heir.reporter.survivor,
                    other: Some(reporter.survivor),
                    left_at: Some(at),
                    ..event
                })
            }
            (_, rest) => {
                if let [heir] = rest {
                    heir.stands(None, None);
                }
                identity.kind.stays().then_some(event)
            }
        };
        if let Some(event) = told {
            self.tell(event);
        }
    }

    /// It was presumed to have left this device, and it has not.
    fn come_back(&mut self, identity: &PartIdentity, device: i64, at: Timestamp) {
        let holdings = self.holdings.entry(identity.clone()).or_default();
        let elsewhere = holders(holdings).next().is_some();
        let Some(own) = holdings.iter_mut().find(|holding| holding.reporter.device == device) else {
            return;
        };
        let (reporter, part, left) = (own.reporter, own.part.clone(), own.ended_at());
        if elsewhere {
            return self.duplicate(identity, reporter.survivor, at);
        }
        own.stands(None, None);
        own.since_at = at;
        self.settle(&part, reporter, at, left, false);
    }

    /// Decides who has a part that several devices state, if it can be told by now.
    fn decide(&mut self, identity: &PartIdentity, now: Timestamp) {
        let Some(holdings) = self.holdings.get_mut(identity) else {
            return;
        };
        let is_contested = |holding: &Holding| holding.gone_at.is_none() && holding.standing == Some(Standing::Contested);
        let Some(newest) = holdings
            .iter()
            .filter(|holding| is_contested(holding))
            .max_by_key(|holding| holding.since_at)
        else {
            let revenant = holdings
                .iter_mut()
                .filter(|holding| holding.gone_at.is_none() && holding.standing == Some(Standing::Left))
                .find_map(|holding| holding.is_alive().then_some(holding.reporter.device));
            if let Some(revenant) = revenant {
                self.come_back(identity, revenant, now);
            }
            return;
        };
        let (to, since, part) = (newest.reporter.survivor, newest.since_at, newest.part.clone());
        let begun = newest.contested_at.unwrap_or(since);
        let mut silent = true;
        for other in holdings.iter_mut().filter(|holding| is_contested(holding)) {
            if other.reporter.survivor == to {
                continue;
            }
            if other.last_stated_at >= since || other.is_alive() {
                return self.duplicate(identity, to, now);
            }
            silent &= other.alive_at.is_none();
        }
        if !silent || now < begun + PRESUMED_AFTER {
            return;
        }
        let mut from = None;
        for holding in holdings.iter_mut().filter(|holding| is_contested(holding)) {
            if holding.reporter.survivor == to {
                holding.stands(None, None);
            } else {
                holding.standing = Some(Standing::Left);
                from = from.max(Some((holding.since_at, holding.reporter.survivor)));
            }
        }
        self.tell(PartEvent {
            kind: ChangeKind::PartMoved,
            at: now,
            device: to,
            other: from.map(|(_, device)| device),
            part,
            left_at: None,
            presumed: true,
            replaces_removal_from: None,
        });
    }

    /// Every device that states it does so at once; `device` is the one by which it was noticed.
    fn duplicate(&mut self, identity: &PartIdentity, device: i64, at: Timestamp) {
        let Some(holdings) = self.holdings.get_mut(identity) else {
            return;
        };
        let mut other = None;
        let mut told = None;
        for holding in holdings.iter_mut().filter(|holding| holding.gone_at.is_none()) {
            holding.stands(Some(Standing::Duplicate), Some(at));
            if holding.reporter.survivor == device {
                told = Some(holding.part.clone());
            } else {
                other = other.or(Some(holding.reporter.survivor));
            }
        }
        if let Some(part) = told {
            self.tell(PartEvent {
                kind: ChangeKind::PartDuplicate,
                at,
                device,
                other,
                part,
                left_at: None,
                presumed: false,
                replaces_removal_from: None,
            });
        }
    }

    fn tell(&mut self, event: PartEvent) {
        if let Some(from) = event.replaces_removal_from {
            let replaced =
                |told: &PartEvent| told.kind == ChangeKind::PartRemoved && told.device == from && told.part.identity == event.part.identity;
            self.events.retain(|told| !replaced(told));
        }
        self.events.push(event);
    }
}

/// Those that have the part.
fn holders(holdings: &mut [Holding]) -> impl Iterator<Item = &mut Holding> {
    holdings.iter_mut().filter(|holding| holding.has_it())
}

#[cfg(test)]
mod tests;
