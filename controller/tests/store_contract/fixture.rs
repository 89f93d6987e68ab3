//! A small region and the devices and reports that tests put into it.

use std::collections::BTreeMap;
use std::time::Duration;

use cos_controller::store::building::Place;
use cos_controller::store::device::{DeviceSummary, NewDevice};
use cos_controller::store::measurement::MeasurementFacts;
use cos_controller::store::register::{
    BuildingRow, ChangeSource, MunicipalityRow, OrganizationRow, OrganizationStatus, RegisterChanges, RoomPurpose, RoomRow,
};
use cos_controller::store::report::{BodyToStore, ReportToStore};
use cos_controller::store::{Scope, Store};
use inventory_schema::device::BootId;
use inventory_schema::envelope::{ChainPlace, EnvelopeFormat, ReceivedEnvelope, ReportClock, ReportKind, Resumption};
use inventory_schema::measurement::Measurement;
use inventory_schema::organization::{Inn, Ogrn, OrganizationKind, SettlementClass};
use inventory_schema::quantity::Microseconds;
use inventory_schema::signature::{PublicKey, Signature};
use inventory_schema::{CanonicalBytes, DeviceId, Digest, Envelope, KeyFingerprint, SectionName, Timestamp};

pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(24 * 3600);

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_788_000_000 + seconds)
}

pub fn ogrn(number: u64) -> Ogrn {
    let body = 120_599_900_000 + number;
    format!("{body}{}", body % 11 % 10).parse().unwrap()
}

pub fn inn(number: u64) -> Inn {
    let body = format!("{}", 599_900_000 + number);
    (0..10).find_map(|check| format!("{body}{check}").parse().ok()).unwrap()
}

pub fn organization(number: u64, municipality: &str, short_name: &str) -> OrganizationRow {
    OrganizationRow {
        ogrn: ogrn(number),
        municipality: municipality.parse().unwrap(),
        inn: inn(number),
        kpp: None,
        kind: OrganizationKind::School,
        name: format!("Муниципальное учреждение {short_name}").parse().unwrap(),
        short_name: short_name.parse().unwrap(),
        status: OrganizationStatus::Active,
        contingent: Some(400),
    }
}

pub fn building(organization: u64, number: i64) -> BuildingRow {
    BuildingRow {
        ogrn: ogrn(organization),
        number,
        address: format!("ул. Мира, {number}"),
        oktmo: "57701000001".parse().unwrap(),
        settlement: "Пермь".into(),
        settlement_class: SettlementClass::City,
        fias: None,
    }
}

pub fn room(organization: u64, building: i64, number: &str) -> RoomRow {
    RoomRow {
        ogrn: ogrn(organization),
        building,
        number: number.into(),
        name: format!("Кабинет {number}").parse().unwrap(),
        purpose: RoomPurpose::ItClass,
    }
}

/// Two municipalities; organizations 1 and 2 in the first, 3 in the second; two buildings of 1, one of each other.
pub fn region() -> RegisterChanges {
    let municipality = |oktmo: &str, name: &str| MunicipalityRow {
        oktmo: oktmo.parse().unwrap(),
        name: name.parse().unwrap(),
        time_zone: "Asia/Yekaterinburg".into(),
    };
    RegisterChanges {
        municipalities: vec![municipality("57701000", "город Пермь"), municipality("57654000", "Чердынский")],
        organizations: vec![
            organization(1, "57701000", "МАОУ «Школа № 2» г. Перми"),
            organization(2, "57701000", "МАОУ «Школа № 10» г. Перми"),
            organization(3, "57654000", "МБОУ «Ёлкинская СОШ»"),
        ],
        buildings: vec![building(1, 1), building(1, 2), building(2, 1), building(3, 1)],
        rooms: vec![room(1, 1, "101"), room(1, 1, "102"), room(1, 2, "201"), room(3, 1, "5")],
    }
}

pub fn import(seconds: i64) -> ChangeSource {
    ChangeSource {
        valid_from: at(seconds),
        recorded_at: at(seconds),
        source: "import test.csv".into(),
    }
}

pub async fn with_region(store: &Store) {
    store.apply_register(&region(), &import(0)).await.unwrap();
}

/// The first building of an organization, and its first room where it has one.
pub async fn place_of(store: &Store, number: u64) -> Place {
    let organization = store.organization_by_ogrn(Scope::REGION, &ogrn(number)).await.unwrap().unwrap();
    let building = store.buildings(Scope::REGION, organization.external_id).await.unwrap().remove(0);
    let rooms = store.rooms(Scope::REGION, organization.external_id).await.unwrap();
    let room = rooms
        .iter()
        .find(|room| room.building_id == building.id)
        .map(|room| room.external_id);
    store
        .place(Scope::REGION, organization.external_id, building.external_id, room)
        .await
        .unwrap()
        .unwrap()
}

pub async fn municipality_scope(store: &Store, oktmo: &str) -> Scope {
    let all = store.municipalities(Scope::REGION).await.unwrap();
    let municipality = all
        .iter()
        .find(|municipality| String::from(municipality.oktmo.clone()) == oktmo)
        .unwrap();
    Scope {
        municipality: Some(municipality.id),
        organization: None,
    }
}

/// A well-formed key that nobody holds: the store checks its form only.
pub fn key(number: u64) -> PublicKey {
    let mut der = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
        0x07, 0x03, 0x42, 0x00, 0x04,
    ];
    der.extend_from_slice(Digest::of(&number.to_be_bytes()).as_bytes());
    der.extend_from_slice(Digest::of(&(!number).to_be_bytes()).as_bytes());
    PublicKey::from_spki_der(&der).unwrap()
}

pub fn new_device(place: &Place, number: u64) -> NewDevice {
    NewDevice {
        external_id: DeviceId::generate(),
        organization_id: place.organization_id,
        building_id: place.building_id,
        room_id: place.room_id,
        key: key(number),
        enrolled_at: at(10),
        agent_version: Some("0.1.0".into()),
        receipt: Some("{}".into()),
    }
}

/// A device of organization 1 with the key `number`: its internal and external ids.
pub async fn with_device(store: &Store, number: u64) -> (i64, DeviceId) {
    let place = place_of(store, 1).await;
    let device = new_device(&place, number);
    (store.insert_device(&device).await.unwrap(), device.external_id)
}

/// Reports of one key, each following the one before.
#[derive(Debug, Clone)]
pub struct Chain {
    pub device: i64,
    pub external_id: DeviceId,
    pub key: KeyFingerprint,
    pub place: ChainPlace,
    pub previous: Option<Digest>,
    pub resumed: Option<Resumption>,
}

impl Chain {
    pub fn new((device, external_id): (i64, DeviceId), number: u64) -> Self {
        Self {
            device,
            external_id,
            key: key(number).fingerprint(),
            place: ChainPlace::FIRST,
            previous: None,
            resumed: None,
        }
    }

    /// The next report, stating `bodies`, all of which travel with it.
    pub fn report(&mut self, bodies: &[(SectionName, &str)], seconds: i64) -> ReportToStore {
        let sections: BTreeMap<SectionName, Digest> = bodies.iter().map(|(name, body)| (*name, Digest::of(body.as_bytes()))).collect();
        let travelling = bodies.iter().map(|(_, body)| *body).collect();
        self.next(ReportKind::Inventory, sections, None, travelling, seconds)
    }

    /// The next report, carrying a measurement.
    pub fn measurement(&mut self, measurement: &Measurement, seconds: i64) -> ReportToStore {
        let body = CanonicalBytes::of(measurement).unwrap().into_text();
        let digest = Some(Digest::of(body.as_bytes()));
        ReportToStore {
            measurement: Some(MeasurementFacts::of(measurement)),
            ..self.next(ReportKind::Measurement, BTreeMap::new(), digest, vec![&body], seconds)
        }
    }

    fn next(
        &mut self,
        kind: ReportKind,
        sections: BTreeMap<SectionName, Digest>,
        body: Option<Digest>,
        bodies: Vec<&str>,
        seconds: i64,
    ) -> ReportToStore {
        let envelope = Envelope {
            format: EnvelopeFormat::V1,
            region: "RU-PER".parse().unwrap(),
            device: self.external_id,
            key: self.key,
            place: self.place,
            previous: self.previous,
            resumed: self.resumed.take(),
            kind,
            body,
            agent: "0.1.0".parse().unwrap(),
            clock: ReportClock {
                device: at(seconds),
                trusted: Some(at(seconds)),
                boot: BootId::from_uuid(uuid::Uuid::from_u128(7)),
                uptime: Microseconds::saturating(5),
            },
            sections,
        };
        let bytes = CanonicalBytes::of(&envelope).unwrap().into_text().into_bytes();
        let received = ReceivedEnvelope::read(bytes).unwrap();
        self.place = self.place.next();
        self.previous = Some(received.digest);
        ReportToStore {
            device: self.device,
            received,
            signature: Signature::from_bytes(vec![0x30; 70]).unwrap(),
            received_at: at(seconds),
            bodies: bodies.iter().map(|body| BodyToStore::compress(body.as_bytes()).unwrap()).collect(),
            measurement: None,
            summary: DeviceSummary::default(),
            clock_offset_micros: None,
        }
    }
}
