//! `measurement/1`: what one measurement of a line found. It travels signed in the device's chain, like a section.
//!
//! Integers with units throughout. What could not be read is absent, never zero: zero packets lost is a finding,
//! no count of lost packets is not. Rates stand as they were measured, with the layer they count; conversion and
//! judgement happen elsewhere.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::{DeviceId, identifier};
use crate::organization::{BuildingId, SettlementClass};
use crate::quantity::{BitsPerSecond, Bytes, Count, KilobitsPerSecond, Microseconds, Percent};
use crate::text::{DeviceName, PRINTABLE_PATTERN, Word, checked_text, printable};
use crate::timestamp::Timestamp;

/// The most bytes a measurement's canonical bytes may have.
pub const MAX_MEASUREMENT_BYTES: usize = 16 << 10;
/// The length of one bin.
pub const BIN: Microseconds = Microseconds::saturating(50_000);
/// The most bins of one measurement: twenty seconds.
pub const MAX_BINS: usize = 400;

identifier!(/// One measurement, made by the program that measured.
    MeasurementId);
identifier!(/// The right to measure once, given by a controller. Several computers that measure together share one.
    LeaseId);

checked_text!(/// The short name of a measuring server, as leases and configurations call it: `node-1`.
    ServerId, at most 64, r"^[a-z0-9.-]+$" => |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '-'), from "the controller's configuration");
checked_text!(/// What people call a measuring server.
    ServerTitle, at most 120, PRINTABLE_PATTERN => printable, from "the controller's configuration");

/// One measurement in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Measurement {
    pub format: MeasurementFormat,
    pub id: MeasurementId,
    /// The building whose line it was, when the lease said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub building: Option<BuildingId>,
    /// Absent when the computer is not enrolled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    pub method: Method,
    pub direction: Direction,
    pub occasion: Occasion,
    /// Absent for a passive proof, which needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<MeasuringServer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseId>,
    /// When several computers shared the rate: which part this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    pub started: MeasuredAt,
    pub ended: MeasuredAt,
    /// What the line should carry, as the lease or the person who measured said.
    pub target: KilobitsPerSecond,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settlement: Option<SettlementClass>,
    /// Absent when nothing was carried: see `faults`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rates: Option<Rates>,
    /// Bytes at the IP layer that arrived in each 50 ms, drain and hold, by the receiver's time.
    #[serde(default, skip_serializing_if = "Bins::is_empty")]
    pub bins: Bins,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain: Option<Drain>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<Packets>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpFacts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// The longest that the sender was behind its pace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_stall_max: Option<Microseconds>,
    /// Datagrams that arrived and that the receiving computer dropped for want of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiver_overflow: Option<Count>,
    pub timestamps: TimestampSource,
    pub counters: CounterSource,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<InterfaceReadings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub siblings: Option<SiblingTraffic>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuShare>,
    /// What the measurement cost the line, both directions and all phases.
    pub bytes_used: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_mtu: Option<Bytes>,
    /// A proxy that was in the way: then the proxy was measured, and not the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<ProxyKind>,
    /// Each at most once, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

impl Measurement {
    /// When it was made, by the best clock there was.
    pub fn moment(&self) -> Timestamp {
        self.started.best()
    }

    pub fn has_fault(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Notes a fault once, in order.
    pub fn add_fault(&mut self, fault: Fault) {
        if let Err(place) = self.faults.binary_search(&fault) {
            self.faults.insert(place, fault);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MeasurementFormat {
    #[serde(rename = "measurement/1")]
    V1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Paced datagrams, counted where they arrive.
    Probe,
    /// Several TCP streams at once, where datagrams do not pass.
    Tcp,
    /// The published ndt7 protocol: one TCP stream within a WebSocket.
    Ndt7,
    /// A LibreSpeed server over HTTP.
    Librespeed,
    /// No test traffic: what the building's computers took from the line by themselves.
    Passive,
    /// A method that a newer agent knows and this program does not.
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// To the school.
    Down,
    /// From the school.
    Up,
}

/// Why it was measured at this moment. Only what chance chose may speak for weeks: people measure when it is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// A slot that the controller drew.
    Slot,
    /// Somebody asked for it.
    OnDemand,
    /// The line was seen to carry as much by itself.
    Passive,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuringServer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServerId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<ServerTitle>,
    pub place: ServerPlace,
    pub address: AddressKind,
}

/// Where the other end stands: a figure says nothing of what lies beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerPlace {
    /// The same computer: no line was measured.
    Loopback,
    /// In the school's own network: its wires were measured, not its line.
    School,
    /// In the region's segment of the state network.
    RegionalNode,
    /// Beyond the provider's network.
    Beyond,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AddressKind {
    Ipv4,
    Ipv6,
}

/// One computer's part of a measurement that several make together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    /// From 1.
    pub part: Count,
    pub parts: Count,
}

/// A moment by both clocks (promise 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredAt {
    /// The computer's own clock.
    pub device: Timestamp,
    /// The last time received from the controller plus the boot clock since, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted: Option<Timestamp>,
}

impl MeasuredAt {
    pub fn best(self) -> Timestamp {
        self.trusted.unwrap_or(self.device)
    }
}

/// What a rate counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// IP packets whole, headers included.
    Ip,
    /// What occupies an Ethernet wire: frame, preamble and gap. A «100 Mb/s port» is 100 of these.
    Ethernet,
    /// Payload of TCP: what downloads show.
    Tcp,
    /// As the provider's contract counts, whatever that is; taken for the wire.
    Contract,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rates {
    /// What `capacity`, `half_width` and `offered` count.
    pub layer: Layer,
    /// The mean over the hold phase.
    pub capacity: BitsPerSecond,
    /// Half the confidence interval around it.
    pub half_width: BitsPerSecond,
    /// What the sender sent in the hold phase, where it has a pace of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<BitsPerSecond>,
    /// The number as the method itself prints it, with its own customs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<BitsPerSecond>,
}

/// Bytes per bin; at most [`MAX_BINS`] of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Bytes>", into = "Vec<Bytes>")]
pub struct Bins(Vec<Bytes>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the measurement has {0} bins, at most {MAX_BINS} are allowed")]
pub struct TooManyBins(usize);

impl Bins {
    /// The first bins of `bytes`; what is beyond the limit is left out.
    pub fn first_of(mut bytes: Vec<Bytes>) -> Self {
        bytes.truncate(MAX_BINS);
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn as_slice(&self) -> &[Bytes] {
        &self.0
    }
}

impl TryFrom<Vec<Bytes>> for Bins {
    type Error = TooManyBins;

    fn try_from(bytes: Vec<Bytes>) -> Result<Self, TooManyBins> {
        if bytes.len() > MAX_BINS {
            return Err(TooManyBins(bytes.len()));
        }
        Ok(Self(bytes))
    }
}

impl From<Bins> for Vec<Bytes> {
    fn from(bins: Bins) -> Self {
        bins.0
    }
}

impl JsonSchema for Bins {
    fn schema_name() -> Cow<'static, str> {
        "Bins".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let bytes = generator.subschema_for::<Bytes>();
        schemars::json_schema!({ "type": "array", "items": bytes, "maxItems": MAX_BINS })
    }
}

/// How the line was emptied of credit before the hold phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Drain {
    pub kind: DrainKind,
    pub length: Microseconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrainKind {
    /// Until the line was seen to cap the rate, or 0.2 s.
    Short,
    /// A whole second at twice the target.
    Full,
}

/// The phase that is counted. A line that lives on credit is slower in its second half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hold {
    pub length: Microseconds,
    /// Rates of the halves, at the layer of `rates`.
    pub first_half: BitsPerSecond,
    pub second_half: BitsPerSecond,
}

/// Datagrams of the hold phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Packets {
    pub sent: Count,
    pub received: Count,
    pub lost: Count,
    pub reordered: Count,
    pub duplicated: Count,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TcpFacts {
    pub streams: Count,
    /// The payload of a full packet, as TCP_INFO gives it; tells whether timestamps were on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Bytes>,
    /// `bbr`, `cubic`, at the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub congestion_control: Option<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retransmitted: Option<Bytes>,
    /// What was left out at the start, until the rate had settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<Microseconds>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delay {
    /// How much longer packets took at the end of the hold phase than at rest, in one direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_way_rise: Option<Microseconds>,
    /// There and back at rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_min: Option<Microseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_median: Option<Microseconds>,
}

/// Who said when a packet arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimestampSource {
    KernelRx,
    UserSpace,
    #[serde(other)]
    Other,
}

/// Where an interface's byte counters were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CounterSource {
    SysfsNet,
    Netlink,
    /// `GetIfEntry2` of Windows.
    WindowsInterface,
    /// None could be read.
    None,
    #[serde(other)]
    Other,
}

/// The interface that carried the measurement, before and after it: power saving may slow a card down in between.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceReadings {
    pub before: InterfaceReading,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<InterfaceReading>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InterfaceReading {
    pub medium: InterfaceMedium,
    /// The negotiated rate of the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<BitsPerSecond>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplex: Option<LinkDuplex>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<DeviceName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InterfaceMedium {
    Wired,
    Wifi,
    Mobile,
    Loopback,
    /// A virtual machine's card, a bridge, a veth: its speed is a made-up number.
    Virtual,
    /// VPN or tunnel.
    Tunnel,
    #[serde(other)]
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkDuplex {
    Full,
    Half,
}

/// What the building's other computers took from the line, by their own interfaces, over the hold phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SiblingTraffic {
    /// In the measured direction, at the IP layer.
    pub bytes: Bytes,
    /// How many computers said so.
    pub siblings: Count,
    /// How many were awake and did not say.
    pub missing: Count,
}

/// How busy the measuring computer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CpuShare {
    /// Of all its processors, everything that ran.
    pub computer: Percent,
    /// Of one processor, the measurement itself.
    pub measuring: Percent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProxyKind {
    /// Through a configured proxy's CONNECT.
    HttpConnect,
    /// Something answered in the server's place.
    Transparent,
    #[serde(other)]
    Other,
}

/// What went wrong and was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Datagrams did not pass, in one direction or in both, where TCP did.
    UdpBlocked,
    /// No measurement could be begun.
    SetupFailed,
    /// The server had no room.
    ServerBusy,
    /// The computer's clock jumped during the measurement.
    ClockStepped,
    /// The server fell silent before the end.
    ServerLost,
    /// The interface changed its speed, went down, or another took over.
    InterfaceChanged,
    /// Other computers of the building were seen to use the line, and how much is not known.
    LineInUse,
    /// Somebody stopped it.
    Cancelled,
    #[serde(other)]
    Other,
}
