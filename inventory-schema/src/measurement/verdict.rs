//! What one measurement proves: a pure function of the record and the rule, with every reason.
//!
//! A line that carried its target is proven to, whatever computer saw it. That it did not is proven only where nothing
//! but the line can have been the cause: a wired card that is fast enough, a computer with time to receive, a sender
//! that kept its pace, no other traffic, and a line that was seen to be full. So a shortfall over TCP proves nothing,
//! and a measurement that could only ever have proven a pass is marked ([`Judgement::one_sided`]): counting such passes
//! and dropping such shortfalls would make any line look well.
//!
//! It knows nothing of hours, of other measurements, or of words: reasons are codes, and pages have the sentences.

mod evidence;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::layer::PacketSizes;
use super::record::{Layer, Measurement};
use crate::quantity::BitsPerSecond;
use evidence::Evidence;

/// How measurements are judged. What a version says never changes; another rule is another version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RuleVersion {
    #[serde(rename = "line-1")]
    V1,
}

impl RuleVersion {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "line-1",
        }
    }
}

/// A rule with what the region sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub version: RuleVersion,
    /// What the norm's megabits count.
    pub layer: Layer,
    /// Thousandths of the target that may be missing.
    pub tolerance: u32,
}

impl Default for Rule {
    /// The indicator as it stands: IP packets, nothing missing.
    fn default() -> Self {
        Self {
            version: RuleVersion::V1,
            layer: Layer::Ip,
            tolerance: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Meets,
    Below,
    /// Measured, and nothing is proven: see the reasons.
    Inconclusive,
    /// Nothing was carried.
    NoData,
}

impl Verdict {
    pub const ALL: [Self; 4] = [Self::Meets, Self::Below, Self::Inconclusive, Self::NoData];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Meets => "meets",
            Self::Below => "below",
            Self::Inconclusive => "inconclusive",
            Self::NoData => "no_data",
        }
    }

    /// A pass or a shortfall that may be counted.
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Meets | Self::Below)
    }
}

/// Why nothing is proven, or why only a pass could have been. In the order in which they are told: the first is the
/// one that people should do something about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// No line was measured: the server stands on the same computer or in the school's own network.
    Loopback,
    /// The clock jumped, and with it every rate.
    Clock,
    /// A proxy stood between.
    Proxy,
    /// Measured over Wi-Fi.
    Wifi,
    /// The computer's card or cable cannot carry the target, or was not seen to.
    Nic,
    /// The server had no room or did not keep its pace.
    ServerBusy,
    /// Datagrams do not pass: only TCP could be tried.
    UdpBlocked,
    /// Other computers of the building used the line.
    CrossTraffic,
    /// The computer had no time to receive, or to send.
    Cpu,
    /// The line may have lived on credit that a longer measurement would have used up.
    BurstCredit,
    /// Packets were lost otherwise than by a full line.
    Lossy,
    /// Too little was measured to decide.
    Short,
    /// The method can show that a line is fast enough, never that it is not.
    PassOnly,
}

impl Reason {
    pub const ALL: [Self; 13] = [
        Self::Loopback,
        Self::Clock,
        Self::Proxy,
        Self::Wifi,
        Self::Nic,
        Self::ServerBusy,
        Self::UdpBlocked,
        Self::CrossTraffic,
        Self::Cpu,
        Self::BurstCredit,
        Self::Lossy,
        Self::Short,
        Self::PassOnly,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Clock => "clock",
            Self::Proxy => "proxy",
            Self::Wifi => "wifi",
            Self::Nic => "nic",
            Self::ServerBusy => "server_busy",
            Self::UdpBlocked => "udp_blocked",
            Self::CrossTraffic => "cross_traffic",
            Self::Cpu => "cpu",
            Self::BurstCredit => "burst_credit",
            Self::Lossy => "lossy",
            Self::Short => "short",
            Self::PassOnly => "pass_only",
        }
    }

    /// The key of the sentence that says it to people, in every program's word lists.
    pub const fn message_key(self) -> &'static str {
        match self {
            Self::Loopback => "line-reason-loopback",
            Self::Clock => "line-reason-clock",
            Self::Proxy => "line-reason-proxy",
            Self::Wifi => "line-reason-wifi",
            Self::Nic => "line-reason-nic",
            Self::ServerBusy => "line-reason-server-busy",
            Self::UdpBlocked => "line-reason-udp-blocked",
            Self::CrossTraffic => "line-reason-cross-traffic",
            Self::Cpu => "line-reason-cpu",
            Self::BurstCredit => "line-reason-burst-credit",
            Self::Lossy => "line-reason-lossy",
            Self::Short => "line-reason-short",
            Self::PassOnly => "line-reason-pass-only",
        }
    }
}

/// A verdict with what it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// Why nothing is proven; empty for a proof.
    pub reasons: BTreeSet<Reason>,
    /// What would have kept a shortfall from being proven, for a pass: empty when either could have been.
    pub one_sided: BTreeSet<Reason>,
    /// What the line carried at the IP layer, siblings included.
    pub carried: BitsPerSecond,
    /// Half the interval around it.
    pub half_width: BitsPerSecond,
    /// What it was compared with, at the IP layer.
    pub target: BitsPerSecond,
    /// The whole-second drain of credit, or more than ten seconds of hold after it.
    pub full_drain: bool,
    pub deep: bool,
    pub rule: RuleVersion,
}

impl Judgement {
    /// The reason to tell first.
    pub fn main_reason(&self) -> Option<Reason> {
        self.reasons.first().copied()
    }

    /// The key of the sentence for the verdict.
    pub const fn message_key(&self) -> &'static str {
        match self.verdict {
            Verdict::Meets => "line-verdict-meets",
            Verdict::Below => "line-verdict-below",
            Verdict::Inconclusive => "line-verdict-inconclusive",
            Verdict::NoData => "line-verdict-no-data",
        }
    }
}

/// Judges one measurement.
pub fn judge(measurement: &Measurement, rule: &Rule) -> Judgement {
    judge_together(std::slice::from_ref(measurement), rule)
}

/// Judges what several computers measured together under one lease: their rates are one sum.
pub fn judge_together(parts: &[Measurement], rule: &Rule) -> Judgement {
    match rule.version {
        RuleVersion::V1 => first(parts, rule),
    }
}

/// What counts as one hundredth of the target and such, in thousandths of it.
fn thousandths(rate: u64, thousandths: u64) -> u64 {
    let part = u128::from(rate) * u128::from(thousandths) / 1000;
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// The measuring error that a pass is allowed: the probe's own goal.
const GUARD: u64 = 2;

fn first(parts: &[Measurement], rule: &Rule) -> Judgement {
    let target = target(parts, rule);
    let needed = thousandths(target, 1000 - u64::from(rule.tolerance.min(1000)));
    let evidence = Evidence::of(parts, target);
    let carried = evidence.carried();
    let judgement = |verdict, reasons, one_sided| Judgement {
        verdict,
        reasons,
        one_sided,
        carried: BitsPerSecond::saturating(carried),
        half_width: BitsPerSecond::saturating(evidence.half_width),
        target: BitsPerSecond::saturating(target),
        full_drain: evidence.full_drain,
        deep: evidence.deep,
        rule: RuleVersion::V1,
    };
    if !evidence.carried_anything {
        let reasons = evidence.why_nothing();
        let verdict = if reasons.is_empty() {
            Verdict::NoData
        } else {
            Verdict::Inconclusive
        };
        return judgement(verdict, reasons, BTreeSet::new());
    }
    let guard = evidence.half_width.min(thousandths(target, GUARD));
    if carried.saturating_add(guard) >= needed {
        let against = evidence.against_a_pass(needed);
        return if against.is_empty() {
            judgement(Verdict::Meets, BTreeSet::new(), evidence.conditions())
        } else {
            judgement(Verdict::Inconclusive, against, BTreeSet::new())
        };
    }
    let against = evidence.against_a_shortfall(needed);
    let verdict = if against.is_empty() {
        Verdict::Below
    } else {
        Verdict::Inconclusive
    };
    judgement(verdict, against, BTreeSet::new())
}

/// The target at the IP layer. All parts of one lease have the same; the highest is the strictest reading.
fn target(parts: &[Measurement], rule: &Rule) -> u64 {
    let at_ip = |part: &Measurement| PacketSizes::of(part).convert(part.target.bits_per_second().get(), rule.layer, Layer::Ip);
    parts.iter().map(at_ip).max().unwrap_or(0)
}
