//! A controller in memory for tests of what people see: a store on disk that the test ends with, two schools,
//! one operator of every role, and a browser that keeps cookies. Nothing here opens a socket.

#![allow(dead_code, clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use cos_controller::access::Role;
use cos_controller::authority::Authority;
use cos_controller::config::Limits;
use cos_controller::pace::Pace;
use cos_controller::password;
use cos_controller::router::people_router;
use cos_controller::state::{AppState, Clock, Region};
use cos_controller::store::building::Building;
use cos_controller::store::device::{DeviceSummary, NewDevice};
use cos_controller::store::operator::NewOperator;
use cos_controller::store::organization::Organization;
use cos_controller::store::register::{
    BuildingRow, ChangeSource, MunicipalityRow, OrganizationRow, OrganizationStatus, RegisterChanges, RoomPurpose, RoomRow,
};
use cos_controller::store::report::{BodyToStore, CommitOutcome, ReportToStore};
use cos_controller::store::review::{CaseId, CaseKind, CaseState, NewCase};
use cos_controller::store::token::NewToken;
use cos_controller::store::{Scope, Store};
use inventory_schema::enrollment::TokenId;
use inventory_schema::envelope::{ChainPlace, EnvelopeFormat, ReceivedEnvelope, ReportClock, ReportKind};
use inventory_schema::organization::{OrganizationKind, SettlementClass};
use inventory_schema::quantity::{Microseconds, Seconds};
use inventory_schema::signature::{PublicKey, Signature};
use inventory_schema::{CanonicalBytes, DeviceId, Digest, Envelope, OrganizationId, RoomId, SectionName, Timestamp};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

pub const PASSWORD: &str = "десять знаков";
pub const START: i64 = 1_788_244_200_000_000;

/// One school of the region with what is in it.
#[derive(Clone)]
pub struct School {
    pub organization: Organization,
    pub building: Building,
    pub room: RoomId,
    pub device: DeviceId,
    pub token: TokenId,
    pub case: CaseId,
    pub key: Arc<EcdsaKeyPair>,
}

impl School {
    pub fn id(&self) -> OrganizationId {
        self.organization.external_id
    }

    /// As the forms name a place.
    pub fn place(&self) -> String {
        format!("{}/{}", self.building.external_id, self.room)
    }
}

pub struct World {
    _directory: TempDir,
    now: Arc<AtomicI64>,
    pub state: AppState,
    pub router: Router,
    pub here: School,
    pub elsewhere: School,
}

impl World {
    pub async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(START));
        let clock = {
            let now = now.clone();
            Clock::new(move || Timestamp::from_unix_micros(now.load(Ordering::SeqCst)))
        };
        let store = Store::open(&format!("sqlite://{}", directory.path().join("cos.db").display()))
            .await
            .unwrap();
        let region = "RU-PER".parse().unwrap();
        let authority = Authority::create(&directory.path().join("ca"), &region, clock.now()).unwrap();
        let controllers = vec!["https://controller.example:8443".parse().unwrap()];
        let region = Region::new(region, "Пермский край".into(), "Asia/Yekaterinburg".into(), controllers).unwrap();
        let pace = Pace {
            most_waiting: 1,
            wait: Seconds::saturating(0),
            interval: Seconds::saturating(60),
        };
        let state = AppState::new(store, Arc::new(authority), region, clock, pace, &Limits::default());
        write_register(&state).await;
        let here = furnish(&state, "1025900990015", 1).await;
        let elsewhere = furnish(&state, "1025900990026", 2).await;
        let world = Self {
            _directory: directory,
            now,
            router: people_router(state.clone()),
            state,
            here,
            elsewhere,
        };
        for role in Role::ALL {
            world.operator(role.as_str(), role, &world.here.organization.clone(), false).await;
        }
        let elsewhere = world.elsewhere.organization.clone();
        world.operator("stranger", Role::SchoolTechnician, &elsewhere, false).await;
        world
            .operator("other.municipality", Role::MunicipalityOperator, &elsewhere, false)
            .await;
        world
    }

    pub fn advance_seconds(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// An operator of a role over the part of the tree that an organization lies in.
    pub async fn operator(&self, login: &str, role: Role, organization: &Organization, first_password: bool) -> Uuid {
        use cos_controller::access::ScopeKind;
        let scope = match role.scope_kind() {
            ScopeKind::Region => Scope::REGION,
            ScopeKind::Municipality => Scope {
                municipality: Some(organization.municipality_id),
                organization: None,
            },
            ScopeKind::Organization => Scope {
                municipality: None,
                organization: Some(organization.id),
            },
        };
        let external_id = Uuid::now_v7();
        let operator = NewOperator {
            external_id,
            login: login.into(),
            display_name: format!("Оператор {login}"),
            password_hash: password::hash(PASSWORD).unwrap(),
            must_change_password: first_password,
            role: role.as_str().into(),
            scope,
            language: "ru".into(),
            created_at: self.state.clock.now(),
        };
        self.state.store.create_operator(&operator).await.unwrap();
        external_id
    }

    pub fn browser(&self) -> Browser {
        Browser {
            router: self.router.clone(),
            cookies: Vec::new(),
            csrf: String::new(),
        }
    }

    /// A browser in which this operator has signed in.
    pub async fn signed_in(&self, login: &str) -> Browser {
        let mut browser = self.browser();
        let answer = browser
            .post("/login", &[("login", login), ("password", PASSWORD), ("to", "/")])
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{login} signs in: {}", answer.text);
        let me = browser.get("/api/v1/me").await;
        let me: serde_json::Value = serde_json::from_str(&me.text).unwrap();
        browser.csrf = me["csrf_token"].as_str().unwrap_or_default().to_owned();
        browser
    }
}

async fn write_register(state: &AppState) {
    let organization = |ogrn: &str, inn: &str, oktmo: &str, name: &str| OrganizationRow {
        ogrn: ogrn.parse().unwrap(),
        municipality: oktmo.parse().unwrap(),
        inn: inn.parse().unwrap(),
        kpp: None,
        kind: OrganizationKind::School,
        name: format!("Муниципальное учреждение «{name}»").parse().unwrap(),
        short_name: name.parse().unwrap(),
        status: OrganizationStatus::Active,
        contingent: Some(412),
    };
    let building = |ogrn: &str, oktmo: &str, class| BuildingRow {
        ogrn: ogrn.parse().unwrap(),
        number: 1,
        address: "ул. Школьная, 1".into(),
        oktmo: oktmo.parse().unwrap(),
        settlement: "Пермь".into(),
        settlement_class: class,
        fias: None,
    };
    let room = |ogrn: &str, number: &str| RoomRow {
        ogrn: ogrn.parse().unwrap(),
        building: 1,
        number: number.into(),
        name: format!("Кабинет {number}").parse().unwrap(),
        purpose: RoomPurpose::ItClass,
    };
    let municipality = |oktmo: &str, name: &str| MunicipalityRow {
        oktmo: oktmo.parse().unwrap(),
        name: name.parse().unwrap(),
        time_zone: "Asia/Yekaterinburg".into(),
    };
    let changes = RegisterChanges {
        municipalities: vec![
            municipality("57701000", "Пермский городской округ"),
            municipality("57708000", "Березники"),
        ],
        organizations: vec![
            organization("1025900990015", "5900990014", "57701000", "Школа № 59"),
            organization("1025900990026", "5900990021", "57708000", "Школа № 11"),
        ],
        buildings: vec![
            building("1025900990015", "57701000", SettlementClass::City),
            building("1025900990026", "57708000", SettlementClass::Village),
        ],
        rooms: vec![room("1025900990015", "201"), room("1025900990026", "12")],
    };
    let now = state.clock.now();
    let source = ChangeSource {
        valid_from: now,
        recorded_at: now,
        source: "test".into(),
    };
    state.store.apply_register(&changes, &source).await.unwrap();
}

/// A device and a token in the school's only room.
async fn furnish(state: &AppState, ogrn: &str, number: u8) -> School {
    let store = &state.store;
    let ogrn = ogrn.parse().unwrap();
    let organization = store.organization_by_ogrn(Scope::REGION, &ogrn).await.unwrap().unwrap();
    let id = organization.external_id;
    let building = store.buildings(Scope::REGION, id).await.unwrap().remove(0);
    let room = store.rooms(Scope::REGION, id).await.unwrap().remove(0);
    let device = DeviceId::generate();
    let now = state.clock.now();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let new = NewDevice {
        external_id: device,
        organization_id: organization.id,
        building_id: building.id,
        room_id: Some(room.id),
        key: public_key(&key),
        enrolled_at: now,
        agent_version: Some("0.1.0".into()),
        receipt: None,
    };
    let device_row = store.insert_device(&new).await.unwrap();
    let case = case_of(state, device_row).await;
    let token = NewToken {
        id: TokenId::generate(),
        secret_hash: Digest::of(&[number]),
        organization_id: organization.id,
        building_id: building.id,
        room_id: None,
        uses_limit: 30,
        expires_at: now + std::time::Duration::from_secs(86_400),
        created_at: now,
        created_by: None,
        note: "тест".into(),
    };
    store.create_token(&token).await.unwrap();
    School {
        organization,
        building,
        room: room.external_id,
        device,
        token: token.id,
        case,
        key: Arc::new(key),
    }
}

/// A part of the device was exchanged: a case that everyone in charge may look at.
async fn case_of(state: &AppState, device: i64) -> CaseId {
    let case = NewCase {
        kind: CaseKind::Repair,
        device,
        other: None,
        subject: String::new(),
        detail: "{}".into(),
        state: CaseState::Open,
        at: state.clock.now(),
    };
    state.store.open_case(&case).await.unwrap();
    state.store.cases_of(device).await.unwrap()[0].external_id
}

fn public_key(key: &EcdsaKeyPair) -> PublicKey {
    let der: PublicKeyX509Der = key.public_key().as_der().unwrap();
    PublicKey::from_spki_der(der.as_ref()).unwrap()
}

/// Stores a first report of the school's device that states these sections, as intake does after its checks.
pub async fn report(world: &World, school: &School, sections: &[(SectionName, Vec<u8>)]) {
    let store = &world.state.store;
    let now = world.state.clock.now();
    let device = store.device(Scope::REGION, school.device).await.unwrap().unwrap();
    let envelope = Envelope {
        format: EnvelopeFormat::V1,
        region: world.state.region.id.clone(),
        device: school.device,
        key: public_key(&school.key).fingerprint(),
        place: ChainPlace::FIRST,
        previous: None,
        resumed: None,
        kind: ReportKind::Inventory,
        body: None,
        agent: "0.1.0".parse().unwrap(),
        clock: ReportClock {
            device: now,
            trusted: None,
            boot: "01900000-0000-7000-8000-000000000009".parse().unwrap(),
            uptime: Microseconds::saturating(60_000_000),
        },
        sections: sections.iter().map(|(name, body)| (*name, Digest::of(body))).collect(),
    };
    let bytes = CanonicalBytes::of(&envelope).unwrap().as_bytes().to_vec();
    let signature = school.key.sign(&SystemRandom::new(), &bytes).unwrap();
    let report = ReportToStore {
        device: device.id,
        received: ReceivedEnvelope::read(bytes).unwrap(),
        signature: Signature::from_bytes(signature.as_ref().to_vec()).unwrap(),
        received_at: now,
        bodies: sections.iter().map(|(_, body)| BodyToStore::compress(body).unwrap()).collect(),
        measurement: None,
        summary: DeviceSummary {
            host_name: Some("kab-201-pc03".into()),
            maker: Some("Aquarius".into()),
            model: Some("Aquarius Pro P30".into()),
            serial: Some("9000116105".into()),
            processor: Some("Intel Core i3-10100".into()),
            memory_bytes: Some(8 << 30),
            storage_bytes: Some(256_060_514_304),
            os_title: Some("Альт Образование 10".into()),
        },
        clock_offset_micros: Some(-3 * 3_600_000_000),
    };
    let outcomes = store.commit_reports(&[report]).await.unwrap();
    assert!(matches!(outcomes[..], [CommitOutcome::Stored { .. }]), "{outcomes:?}");
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: axum::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }
}

/// Keeps cookies and the session's token, and talks to the router without a socket.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    cookies: Vec<(String, String)>,
    pub csrf: String,
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// A form as our own pages send it, with the session's token.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        body.push(format!("csrf={}", self.csrf));
        self.post_raw(path, "application/x-www-form-urlencoded", body.join("&")).await
    }

    pub async fn post_raw(&mut self, path: &str, content_type: &str, body: String) -> Answer {
        let request = Request::post(path)
            .header(header::HOST, "cos.example")
            .header(header::ORIGIN, "https://cos.example")
            .header(header::CONTENT_TYPE, content_type);
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// A program's write: JSON with the token in its header.
    pub async fn post_json(&mut self, path: &str, body: &serde_json::Value) -> Answer {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-csrf-token", &self.csrf);
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub async fn send(&mut self, mut request: Request<Body>) -> Answer {
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request.headers_mut().insert(header::COOKIE, pairs.join("; ").parse().unwrap());
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            self.keep(line.to_str().unwrap());
        }
        let bytes = axum::body::to_bytes(body, 32 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    fn keep(&mut self, line: &str) {
        let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
        self.cookies.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// The methods of the list of routes.
pub fn method(name: &str) -> Method {
    name.parse().unwrap()
}
