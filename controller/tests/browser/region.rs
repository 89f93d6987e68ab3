//! A region as a newcomer gets it: a controller with the sample register, an administrator who has not signed
//! in yet, and this very computer enrolled and reporting through the real agent.

use std::net::SocketAddr;
use std::time::Duration;

use cos_agent::clock::{Moment, SharedClock};
use cos_agent::config::AgentConfig;
use cos_agent::enrollment::{Enrolled, Enrolling, enroll};
use cos_agent::identity::Identity;
use cos_agent::inventory::{collect, evidence};
use cos_agent::platform::{self, FileTree};
use cos_agent::privileged::Collector;
use cos_controller::access::Role;
use cos_controller::authority::Authority;
use cos_controller::config::{Config, Region as RegionConfig};
use cos_controller::line_sample;
use cos_controller::operator::{NewOperatorWish, create};
use cos_controller::register::sample;
use cos_controller::register_import;
use cos_controller::report::summary::summarize;
use cos_controller::server::Server;
use cos_controller::state::Clock;
use cos_controller::store::device::NewDevice;
use cos_controller::store::line::LineFilter;
use cos_controller::store::organization::{Organization, OrganizationFilter};
use cos_controller::store::report::{BodyToStore, ReportToStore};
use cos_controller::store::review::{CaseKind, CaseState, NewCase};
use cos_controller::store::{Page, Scope, Store};
use cos_controller::token::{TokenOrigin, TokenWish, issue};
use inventory_schema::device::BootId;
use inventory_schema::enrollment::HardwareEvidence;
use inventory_schema::envelope::{ChainPlace, EnvelopeFormat, ReceivedEnvelope, ReportClock, ReportKind};
use inventory_schema::inventory::AnySection;
use inventory_schema::likeness::Likeness;
use inventory_schema::measurement::Direction;
use inventory_schema::quantity::Microseconds;
use inventory_schema::signature::Signature;
use inventory_schema::{CanonicalBytes, DeviceId, Digest, Envelope, KeyFingerprint, SectionName, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::time::timeout;

pub const LOGIN: &str = "admin";

pub struct Region {
    pub server: Server,
    pub school: Organization,
    pub device: DeviceId,
    pub one_time_password: String,
    agents: Vec<Agent>,
    folder: TempDir,
}

/// The agent at work, on a thread and a runtime of its own as in its own process.
struct Agent {
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Region {
    pub async fn with_this_computer() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let server = start(&folder, &clock).await;
        let store = &server.state.store;
        let preview = register_import::compare(store, sample::perm_2020()).await.unwrap();
        register_import::apply(store, &preview, "sample".to_owned(), clock.now())
            .await
            .unwrap();
        let wish = NewOperatorWish {
            login: LOGIN.to_owned(),
            display_name: "Администратор региона".to_owned(),
            role: Role::RegionAdministrator,
            scope: Scope::REGION,
        };
        let one_time_password = create(store, wish, clock.now()).await.unwrap();
        let (school, token) = school_token(&server, &clock).await;
        let (device, agent) = enrolled(&folder, "agent", FileTree::live(), &token).await;
        timeout(Duration::from_secs(60), reported(&server, device))
            .await
            .expect("the agent reports in time");
        Self {
            server,
            school,
            device,
            one_time_password,
            agents: vec![agent],
            folder,
        }
    }

    /// Another computer of the school, read from a folder by an agent of its own. Its page's address.
    pub async fn with_machine(&mut self, name: &str, tree: FileTree) -> String {
        let (_, token) = school_token(&self.server, &Clock::system()).await;
        let (device, agent) = enrolled(&self.folder, name, tree, &token).await;
        self.agents.push(agent);
        timeout(Duration::from_secs(60), reported(&self.server, device))
            .await
            .expect("the agent reports in time");
        // The server's own task may be at it.
        while self.server.state.store.take_in_parts().await.unwrap() > 0 {}
        format!("/devices/{device}")
    }

    /// A second record that shares parts with this computer's: its case's address.
    pub async fn with_a_likely_double(&self) -> String {
        let store = &self.server.state.store;
        let now = Clock::system().now();
        let known = store.device(Scope::REGION, self.device).await.unwrap().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = Identity::create(folder.path()).unwrap().public_key().clone();
        let double = NewDevice {
            external_id: DeviceId::generate(),
            organization_id: known.place.organization_id,
            building_id: known.place.building_id,
            room_id: known.place.room_id,
            key,
            enrolled_at: now,
            agent_version: None,
            receipt: None,
        };
        let other = store.insert_device(&double).await.unwrap();
        let (old, new) = (parts("PF1ABCDE", "AQ000417R"), parts("PF1ABCDE", "AQ000981R"));
        let case = NewCase {
            kind: CaseKind::LikelyDouble,
            device: known.id,
            other: Some(other),
            subject: double.external_id.to_string(),
            detail: serde_json::json!({ "likeness": Likeness::of(&old, &new) }).to_string(),
            state: CaseState::Open,
            at: now,
        };
        store.open_case(&case).await.unwrap();
        let cases = store.cases_of(known.id).await.unwrap();
        format!("/review/{}", cases[0].external_id)
    }

    /// Two computers of the school: a disk went from one to the other, a module is gone, and one number is in both.
    /// The address of the second.
    pub async fn with_wandering_parts(&self) -> String {
        let store = &self.server.state.store;
        let known = store.device(Scope::REGION, self.device).await.unwrap().unwrap();
        let now = Clock::system().now();
        let hours_ago = |hours: u64| now - Duration::from_secs(hours * 3_600);
        let place = (known.place.organization_id, known.place.building_id, known.place.room_id);
        let mut first = Computer::enrolled(store, place, "kab-12-pc03", hours_ago(60)).await;
        let mut second = Computer::enrolled(store, place, "kab-14-pc01", hours_ago(60)).await;
        let reports = [
            (&mut first, storage(&["50026B77839A", "S4EWNX0M1"]), hours_ago(50)),
            (&mut second, storage(&["50026B778001"]), hours_ago(49)),
        ];
        for (computer, body, at) in reports {
            computer.report(store, SectionName::Storage, &body, at).await;
        }
        first
            .report(store, SectionName::Memory, &memory(&["1A2B3C4D", "55AA77CC"]), hours_ago(48))
            .await;
        second
            .report(store, SectionName::Memory, &memory(&["77EE00FF", "00C0FFEE"]), hours_ago(47))
            .await;
        first
            .report(store, SectionName::Storage, &storage(&["S4EWNX0M1"]), hours_ago(30))
            .await;
        second
            .report(
                store,
                SectionName::Storage,
                &storage(&["50026B778001", "50026B77839A"]),
                hours_ago(29),
            )
            .await;
        first.report(store, SectionName::Memory, &memory(&["1A2B3C4D"]), hours_ago(5)).await;
        second
            .report(store, SectionName::Memory, &memory(&["77EE00FF", "1A2B3C4D"]), hours_ago(4))
            .await;
        first
            .report(store, SectionName::Memory, &memory(&["1A2B3C4D", "0BADF00D"]), hours_ago(3))
            .await;
        format!("/devices/{}", second.device)
    }

    /// Made-up measurements of every building: the address of one that has them since before the due date.
    pub async fn with_measured_lines(&self) -> String {
        let state = &self.server.state;
        let (store, rule) = (&state.store, state.lines.rule_name());
        line_sample::write(store, &state.lines, &state.region.zone, state.clock.now())
            .await
            .unwrap();
        let listed = store
            .lines(Scope::REGION, Direction::Down, &rule, &LineFilter::default(), Page::default())
            .await;
        format!("/lines/{}", listed.unwrap().rows[0].building.external_id)
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.server.people.port())
    }

    pub async fn end(mut self) {
        for agent in self.agents.drain(..) {
            let _ = agent.stop.send(());
            tokio::task::spawn_blocking(|| agent.thread.join()).await.unwrap().unwrap();
        }
        self.server.stop().await;
    }
}

/// A computer that is written into the store without an agent.
struct Computer {
    id: i64,
    device: DeviceId,
    key: KeyFingerprint,
    name: &'static str,
    place: ChainPlace,
    previous: Option<Digest>,
}

impl Computer {
    async fn enrolled(
        store: &Store,
        (organization_id, building_id, room_id): (i64, i64, Option<i64>),
        name: &'static str,
        at: Timestamp,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = Identity::create(folder.path()).unwrap().public_key().clone();
        let new = NewDevice {
            external_id: DeviceId::generate(),
            organization_id,
            building_id,
            room_id,
            key: key.clone(),
            enrolled_at: at,
            agent_version: Some("0.1.0".into()),
            receipt: None,
        };
        Self {
            id: store.insert_device(&new).await.unwrap(),
            device: new.external_id,
            key: key.fingerprint(),
            name,
            place: ChainPlace::FIRST,
            previous: None,
        }
    }

    /// Stores a report as intake does after its checks, and lets its parts be read.
    async fn report(&mut self, store: &Store, section: SectionName, body: &str, at: Timestamp) {
        let envelope = Envelope {
            format: EnvelopeFormat::V1,
            region: "RU-PER".parse().unwrap(),
            device: self.device,
            key: self.key,
            place: self.place,
            previous: self.previous,
            resumed: None,
            kind: ReportKind::Inventory,
            body: None,
            agent: "0.1.0".parse().unwrap(),
            clock: ReportClock {
                device: at,
                trusted: Some(at),
                boot: BootId::generate(),
                uptime: Microseconds::saturating(60_000_000),
            },
            sections: [(section, Digest::of(body.as_bytes()))].into(),
        };
        let received = ReceivedEnvelope::read(CanonicalBytes::of(&envelope).unwrap().as_bytes().to_vec()).unwrap();
        self.place = self.place.next();
        self.previous = Some(received.digest);
        let mut summary = summarize([&AnySection::read(section, body.as_bytes()).unwrap()]);
        summary.host_name = Some(self.name.to_owned());
        let report = ReportToStore {
            device: self.id,
            received,
            signature: Signature::from_bytes(vec![0x30; 70]).unwrap(),
            received_at: at,
            bodies: vec![BodyToStore::compress(body.as_bytes()).unwrap()],
            measurement: None,
            summary,
            clock_offset_micros: Some(0),
        };
        store.commit_reports(&[report]).await.unwrap();
        // The server's own task may be at it.
        while store.take_in_parts().await.unwrap() > 0 {}
    }
}

fn storage(serials: &[&str]) -> String {
    let disk = |(n, serial): (usize, &&str)| {
        format!(
            r#"{{"kind":{{"source":"sysfs_block","value":"solid_state"}},"model":{{"source":"sysfs_block","value":"KINGSTON SA400S37"}},"name":"sd{n}","serial":{{"source":"udev","value":"{serial}"}},"size":{{"source":"sysfs_block","value":240057409536}}}}"#
        )
    };
    let disks: Vec<String> = serials.iter().enumerate().map(disk).collect();
    format!(r#"{{"content":{{"disks":[{}]}},"format":"storage/1"}}"#, disks.join(","))
}

fn memory(serials: &[&str]) -> String {
    let module = |(n, serial): (usize, &&str)| {
        format!(
            r#"{{"maker":{{"source":"smbios","value":"80CE"}},"part_number":{{"source":"smbios","value":"M378A5244CB0-CTD"}},"serial":{{"source":"smbios","value":"{serial}"}},"size":{{"source":"smbios","value":4294967296}},"slot":"DIMM {n}"}}"#
        )
    };
    let modules: Vec<String> = serials.iter().enumerate().map(module).collect();
    let installed = 4_294_967_296_u64 * serials.len() as u64;
    format!(
        r#"{{"content":{{"installed":{{"source":"smbios","value":{installed}}},"modules":[{}]}},"format":"memory/1"}}"#,
        modules.join(",")
    )
}

fn parts(disk: &str, serial: &str) -> HardwareEvidence {
    HardwareEvidence {
        system_uuid: Some("3f1c9a52-7d0e-4b6a-9c11-5e8f20a7b364".parse().unwrap()),
        system_serial: Some(serial.parse().unwrap()),
        board_serial: Some(format!("B{serial}").parse().unwrap()),
        disk_serials: vec![disk.parse().unwrap()],
        addresses: vec!["3c:7c:3f:00:11:22".parse().unwrap()],
        ..HardwareEvidence::default()
    }
}

async fn start(folder: &TempDir, clock: &Clock) -> Server {
    let region = RegionConfig {
        id: "RU-PER".parse().unwrap(),
        name: "Пермский край".parse().unwrap(),
        time_zone: "Asia/Yekaterinburg".to_owned().try_into().unwrap(),
    };
    let authority = folder.path().join("authority");
    Authority::create(&authority, &region.id, clock.now()).unwrap();
    let mut config = Config::of_region(region);
    config.database.url = format!("sqlite:{}", folder.path().join("controller.sqlite").display())
        .try_into()
        .unwrap();
    config.authority.directory = authority;
    config.device_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
    config.people_listener.address = SocketAddr::from(([127, 0, 0, 1], 0));
    Server::start(&config, clock.clone()).await.unwrap()
}

/// A token for a room of the first school that has one.
async fn school_token(server: &Server, clock: &Clock) -> (Organization, String) {
    let state = &server.state;
    let store = &state.store;
    let page = Page { offset: 0, limit: 1 };
    let schools = store
        .organizations(Scope::REGION, &OrganizationFilter::default(), page)
        .await
        .unwrap();
    let school = schools.rows.first().unwrap().external_id;
    let room = store.rooms(Scope::REGION, school).await.unwrap().into_iter().next().unwrap();
    let buildings = store.buildings(Scope::REGION, school).await.unwrap();
    let building = buildings.iter().find(|building| building.id == room.building_id).unwrap();
    let place = store
        .place(Scope::REGION, school, building.external_id, Some(room.external_id))
        .await
        .unwrap()
        .unwrap();
    let wish = TokenWish {
        place,
        uses: 1,
        days: 1,
        proxy: None,
        note: String::new(),
    };
    let origin = TokenOrigin {
        region: state.region.id.clone(),
        controllers: state.region.controllers.clone(),
        ca: state.authority.current().pin(),
    };
    let token = issue(store, origin, wish, None, clock.now()).await.unwrap();
    let school = store.organization(Scope::REGION, school).await.unwrap().unwrap();
    (school, token.to_line())
}

/// Enrolls with the evidence of a computer, this one or one in a folder, and sets the agent to work.
async fn enrolled(folder: &TempDir, name: &str, tree: FileTree, token: &str) -> (DeviceId, Agent) {
    let mut config = AgentConfig {
        state_dir: folder.path().join(name),
        ..AgentConfig::default()
    };
    config.proxy.direct = true;
    let enrolling = Enrolling {
        config: &config,
        evidence: evidence(&collect(&tree)),
        clock: computer_clock(),
        again: false,
    };
    let Enrolled::New { enrollment, .. } = enroll(token, enrolling, |_| {}).await.unwrap() else {
        panic!("a new computer is enrolled anew");
    };
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let stopped = async {
            // A test that ended without a word stops the agent too.
            let _ = stopped.await;
        };
        let collector = Collector::OwnRights(tree);
        runtime
            .block_on(cos_agent::eventloop::run(config, collector, computer_clock(), stopped))
            .unwrap();
        runtime.shutdown_background();
    });
    (enrollment.device, Agent { stop, thread })
}

fn computer_clock() -> SharedClock {
    let boot = platform::boot_id(&FileTree::live()).unwrap_or_else(BootId::generate);
    SharedClock::new(None, move || Moment {
        device: platform::wall_clock(),
        boot,
        uptime: platform::boot_clock(),
    })
}

async fn reported(server: &Server, device: DeviceId) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    loop {
        ticks.tick().await;
        let found = server.state.store.device(Scope::REGION, device).await.unwrap().unwrap();
        if found.last_report_at.is_some() {
            return;
        }
    }
}
