//! The world around one core: a controller that is a map of what it holds and one chain, a disk, a clock.

use inventory_schema::check_in::{Beliefs, summary};

use super::*;

/// The controller, the disk and the clock around one core.
pub(super) struct World {
    pub(super) core: Reconciler,
    /// Since the world began, whatever the computer believes.
    pub(super) wall: Duration,
    /// Of this boot.
    pub(super) uptime: Duration,
    pub(super) boots: u8,
    /// How far the computer's own clock is off.
    pub(super) clock_behind: Duration,
    pub(super) wakeups: u64,
    /// What the computer's sections are now.
    pub(super) hardware: BTreeMap<SectionName, u32>,
    pub(super) spool: Vec<Envelope>,
    pub(super) reachable: bool,
    pub(super) disk_full: bool,
    // The controller's side.
    pub(super) record: bool,
    pub(super) head: Option<ChainHead>,
    pub(super) held: BTreeMap<SectionName, Digest>,
    pub(super) stored: Vec<Envelope>,
    pub(super) breaks: usize,
    pub(super) refused_gaps: usize,
    pub(super) check_ins: usize,
    pub(super) receipts_asked: usize,
    /// Whether there is room for reports in its database.
    pub(super) room: bool,
    pub(super) deliveries: usize,
    // What a year looks at besides.
    pub(super) disk: Disk,
    pub(super) mood: Mood,
    /// Digests in the present record: known wherever they stand, as the database knows them.
    pub(super) known: BTreeSet<Digest>,
    pub(super) places: BTreeMap<ChainPlace, Digest>,
    pub(super) stored_twice: usize,
    pub(super) forks: usize,
    pub(super) fates: BTreeMap<Digest, Fate>,
    /// When the newest order to all to look at their hardware was given.
    pub(super) ordered: Timestamp,
    pub(super) looks: usize,
    /// A controller of before does not know measurements.
    pub(super) speaks_second: bool,
}

/// What lies on the disk besides the reports.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    /// The ledger as it was saved last.
    pub(super) ledger: Ledger,
    pub(super) tombstones: BTreeSet<Digest>,
    /// The most reports, and the most with bodies; none where nothing is bounded.
    pub(super) bounds: Option<(usize, usize)>,
}

/// How the controller and the line behave besides being there or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mood {
    #[default]
    Well,
    /// Answers «later» to everything.
    Busy,
    /// Stores, and the answer is lost on its way.
    AnswersLost,
}

/// What became of a report that lay on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Waits,
    Stored,
    /// Signed anew under another digest, which has a fate of its own.
    Replaced,
    /// Gone with a restored disk.
    Lost,
    /// The spool was full of envelopes alone.
    Forgotten,
}

pub(super) fn subject() -> Subject {
    Subject {
        region: "RU-PER".parse().unwrap(),
        device: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
        key: KeyFingerprint(Digest::of(b"key")),
        agent: "0.1.0".parse().unwrap(),
    }
}

pub(super) fn body(name: SectionName, state: u32) -> Digest {
    CanonicalBytes::of(&(name, state)).unwrap().digest()
}

pub(super) fn boot(number: u8) -> BootId {
    format!("00000000-0000-4000-8000-0000000000{number:02x}").parse().unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        let now = Moment {
            device: Timestamp::from_unix_seconds(1_800_000_000),
            boot: boot(0),
            uptime: Duration::ZERO,
        };
        Self {
            core: Reconciler::new(
                subject(),
                Schedule::default(),
                7,
                Ledger::default(),
                Holdings::default(),
                SpoolDepth::default(),
                now,
            ),
            wall: Duration::ZERO,
            uptime: Duration::ZERO,
            boots: 0,
            clock_behind: Duration::ZERO,
            wakeups: 0,
            hardware: [(SectionName::System, 0), (SectionName::Memory, 0), (SectionName::Software, 0)].into(),
            spool: Vec::new(),
            reachable: true,
            disk_full: false,
            record: true,
            head: None,
            held: BTreeMap::new(),
            stored: Vec::new(),
            breaks: 0,
            refused_gaps: 0,
            check_ins: 0,
            receipts_asked: 0,
            room: true,
            deliveries: 0,
            disk: Disk::default(),
            mood: Mood::Well,
            known: BTreeSet::new(),
            places: BTreeMap::new(),
            stored_twice: 0,
            forks: 0,
            fates: BTreeMap::new(),
            ordered: Timestamp::from_unix_micros(0),
            looks: 0,
            speaks_second: true,
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment {
            device: Timestamp::from_unix_seconds(1_800_000_000) + self.wall - self.clock_behind,
            boot: boot(self.boots),
            uptime: self.uptime,
        }
    }

    pub(super) fn depth(&self) -> SpoolDepth {
        SpoolDepth {
            reports: Count::saturating(self.spool.len() as u64),
            bytes: Bytes::saturating(0),
            tombstones: Count::saturating(self.disk.tombstones.len() as u64),
        }
    }

    /// Keeps a report as the spool does: bodies go before envelopes, envelopes when nothing else is left.
    pub(super) fn keep(&mut self, envelope: Envelope) {
        self.fates.insert(head_of(&envelope).digest, Fate::Waits);
        self.spool.push(envelope);
        let Some((most, most_with_bodies)) = self.disk.bounds else { return };
        while self.spool.len() > most {
            let digest = head_of(&self.spool.remove(0)).digest;
            self.disk.tombstones.remove(&digest);
            self.fates.insert(digest, Fate::Forgotten);
        }
        let digests: Vec<Digest> = self.spool.iter().map(|envelope| head_of(envelope).digest).collect();
        let with_bodies: Vec<Digest> = digests
            .into_iter()
            .filter(|digest| !self.disk.tombstones.contains(digest))
            .collect();
        let too_many = with_bodies.len().saturating_sub(most_with_bodies);
        self.disk.tombstones.extend(&with_bodies[..too_many]);
        assert!(self.spool.len() <= most && self.spool.len() - self.disk.tombstones.len() <= most_with_bodies);
    }

    /// The power is cut: the agent starts with what its disk holds, which may be older than what it knew.
    pub(super) fn cut_power(&mut self) {
        let newest = self.spool.last().map(head_of);
        self.restart(self.disk.ledger.clone().caught_up(newest));
    }

    /// Restarts the agent with this ledger, as a reboot or a restored disk does.
    pub(super) fn restart(&mut self, ledger: Ledger) {
        self.core = Reconciler::new(
            subject(),
            Schedule::default(),
            8,
            ledger,
            Holdings::default(),
            self.depth(),
            self.now(),
        );
    }

    /// Lets `span` of time pass, performing whatever the core names.
    pub(super) fn pass(&mut self, span: Duration) {
        let end = self.uptime + span;
        let mut steps = 0;
        while let Some(at) = self.core.next_wakeup().filter(|at| *at <= end) {
            self.wakeups += 1;
            self.wall += at.saturating_sub(self.uptime);
            self.uptime = self.uptime.max(at);
            let mut events = vec![Event::Woken];
            while let Some(event) = events.pop() {
                steps += 1;
                assert!(steps < 100_000, "the core spins");
                let actions = self.core.handle(event, self.now());
                events.extend(actions.into_iter().filter_map(|action| self.perform(action)));
            }
        }
        self.wall += end - self.uptime;
        self.uptime = end;
    }

    /// Something happens now; whatever the core names is performed.
    pub(super) fn tell(&mut self, event: Event) {
        let mut events = vec![event];
        let mut steps = 0;
        while let Some(event) = events.pop() {
            steps += 1;
            assert!(steps < 1_000, "the core spins");
            let actions = self.core.handle(event, self.now());
            events.extend(actions.into_iter().filter_map(|action| self.perform(action)));
        }
    }

    pub(super) fn perform(&mut self, action: Action) -> Option<Event> {
        match action {
            Action::Collect => {
                self.looks += 1;
                Some(Event::Collected {
                    sections: self.hardware.iter().map(|(name, state)| (*name, body(*name, *state))).collect(),
                })
            }
            Action::CheckIn { request, with_receipt, .. } => Some(self.check_in(&request, with_receipt)),
            Action::Spool { .. } | Action::SpoolDocument { .. } if self.disk_full => Some(Event::SpoolFailed),
            Action::Spool { envelope, .. } | Action::SpoolDocument { envelope, .. } => {
                self.keep(*envelope);
                Some(Event::Spooled { depth: self.depth() })
            }
            Action::Deliver if !self.reachable => Some(Event::DeliveryFailed(Failure::Unreachable)),
            Action::Deliver if self.mood == Mood::Busy => Some(Event::DeliveryFailed(Failure::Busy(None))),
            Action::Deliver if self.mood == Mood::AnswersLost => {
                let before = (self.spool.clone(), self.disk.clone());
                let _ = self.deliver();
                (self.spool, self.disk) = before;
                Some(Event::DeliveryFailed(Failure::Unreachable))
            }
            Action::Deliver => Some(self.deliver()),
            Action::Resume { head, reason } => {
                let old = std::mem::take(&mut self.spool);
                let buried = std::mem::take(&mut self.disk.tombstones);
                let digests: Vec<Digest> = old.iter().map(|envelope| head_of(envelope).digest).collect();
                for (digest, envelope) in digests.into_iter().zip(resume_from(head, Some(reason), old)) {
                    if self.fates.insert(digest, Fate::Replaced) == Some(Fate::Stored) {
                        self.fates.insert(digest, Fate::Stored);
                    }
                    if buried.contains(&digest) {
                        self.disk.tombstones.insert(head_of(&envelope).digest);
                    }
                    self.keep(envelope);
                }
                let newest = self.spool.last().map_or(head, head_of);
                Some(Event::Resumed {
                    newest,
                    depth: self.depth(),
                })
            }
            Action::SaveLedger(ledger) => {
                self.disk.ledger = *ledger;
                None
            }
            Action::AdoptTrust(_) | Action::AdoptReceipt(_) | Action::Stop => None,
            Action::KeepEvidence(_) => None,
            Action::AskForKey { .. } => Some(Event::RekeyKept),
            Action::Renew => Some(Event::Renewed),
            Action::AskTime => Some(Event::TimeReceived(Timestamp::from_unix_seconds(1_800_000_000) + self.wall)),
        }
    }

    pub(super) fn check_in(&mut self, request: &CheckIn, with_receipt: bool) -> Event {
        if !self.reachable {
            return Event::CheckInFailed(Failure::Unreachable);
        }
        match self.mood {
            Mood::Well => {}
            Mood::Busy => return Event::CheckInFailed(Failure::Busy(Some(Seconds::saturating(30)))),
            Mood::AnswersLost => return Event::CheckInFailed(Failure::Unreachable),
        }
        self.check_ins += 1;
        if with_receipt {
            self.record = true;
        }
        let receipt_wanted = !self.record;
        self.receipts_asked += usize::from(receipt_wanted);
        let is_held_as_believed = |name: &SectionName| match self.held.get(name) {
            Some(digest) => request.believed.is_some() || request.held.get(name) == Some(digest),
            None => false,
        };
        let beliefs_wanted = request.believed.is_some_and(|believed| believed != self.beliefs());
        let wanted = self.hardware.keys().filter(|name| !is_held_as_believed(name));
        let wanted = if beliefs_wanted && self.record {
            Vec::new()
        } else {
            wanted.copied().collect()
        };
        Event::CheckInAnswered(Box::new(CheckInAnswer {
            protocol: if self.speaks_second { ProtocolRange::SECOND } else { 1 },
            server_time: self.server_time(),
            next_check_in: Seconds::saturating(60),
            wait: Seconds::saturating(50),
            beliefs_wanted,
            wanted,
            receipt_wanted,
            collect_now: false,
            head: self.head,
            trust: None,
            receipt: None,
            evidence_wanted: false,
            rekey: false,
            collection: Some(self.ordered),
        }))
    }

    /// The digest of an agent's beliefs that are the controller's knowledge; its trust and receipt are in no test of the core.
    fn beliefs(&self) -> Digest {
        let beliefs = Beliefs {
            held: &self.held,
            acknowledged: self.head,
            receipt: None,
            evidence: None,
        };
        summary(beliefs.digest(), None)
    }

    pub(super) fn server_time(&self) -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000) + self.wall
    }

    pub(super) fn deliver(&mut self) -> Event {
        let mut answers = Vec::new();
        self.deliveries += 1;
        if !self.record || !self.room {
            let answers = self.spool.iter().map(|envelope| Delivery {
                head: head_of(envelope),
                sections: envelope.sections.clone(),
                outcome: ReportOutcome::Retry,
            });
            return Event::Delivered {
                answers: answers.collect(),
                depth: self.depth(),
            };
        }
        for envelope in std::mem::take(&mut self.spool) {
            let head = head_of(&envelope);
            let outcome = match self.head {
                _ if self.known.contains(&head.digest) => ReportOutcome::Duplicate,
                Some(known) if envelope.previous == Some(known.digest) => self.store(&envelope),
                Some(known) if self.places.contains_key(&head.place) => {
                    self.forks += 1;
                    ReportOutcome::Forked { head: known }
                }
                Some(known) => {
                    self.refused_gaps += 1;
                    self.spool.push(envelope.clone());
                    ReportOutcome::Gap { head: known }
                }
                None => {
                    self.breaks += usize::from(envelope.previous.is_some());
                    self.store(&envelope)
                }
            };
            if !matches!(outcome, ReportOutcome::Gap { .. }) {
                self.disk.tombstones.remove(&head.digest);
            }
            answers.push(Delivery {
                head,
                sections: envelope.sections,
                outcome,
            });
        }
        Event::Delivered {
            answers,
            depth: self.depth(),
        }
    }

    pub(super) fn store(&mut self, envelope: &Envelope) -> ReportOutcome {
        let head = head_of(envelope);
        self.head = Some(head);
        self.stored_twice += usize::from(!self.known.insert(head.digest));
        self.places.insert(head.place, head.digest);
        self.fates.insert(head.digest, Fate::Stored);
        self.stored.push(envelope.clone());
        if self.disk.tombstones.contains(&head.digest) {
            // The envelope proves that there was a report; what it stated must come again.
            return ReportOutcome::Stored {
                missing: envelope.sections.values().copied().collect(),
            };
        }
        self.held.extend(envelope.sections.iter().map(|(name, digest)| (*name, *digest)));
        ReportOutcome::Stored { missing: Vec::new() }
    }

    pub(super) fn delete_record(&mut self) {
        self.record = false;
        self.head = None;
        self.held.clear();
        self.known.clear();
        self.places.clear();
    }

    pub(super) fn is_whole(&self) -> bool {
        self.hardware
            .iter()
            .all(|(name, state)| self.held.get(name) == Some(&body(*name, *state)))
    }
}

pub(super) fn head_of(envelope: &Envelope) -> ChainHead {
    ChainHead {
        place: envelope.place,
        digest: CanonicalBytes::of(envelope).unwrap().digest(),
    }
}
