//! The controller and the bare reference beside each other, each with an empty database on the same engine.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use inventory_schema::enrollment::EnrollmentToken;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ClientConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::Outcome;
use crate::client::{Target, tls};
use crate::device::{Computer, Device};
use crate::postgres::Postgres;
use crate::process::{Server, SlowDisk};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// How long one round lasts; `COS_BENCH_SECONDS` makes it shorter or longer.
pub fn round() -> Duration {
    let seconds = std::env::var("COS_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(2.0))
}

#[derive(Debug)]
pub struct Pair {
    pub engine: Engine,
    pub ours: Server,
    pub bare: Server,
    /// Those who were enrolled so far.
    pub devices: Vec<Device>,
    pub token: EnrollmentToken,
    /// With a certificate of the reference's authority; and the same that resumes.
    bare_tls: [Arc<ClientConfig>; 2],
    next: u64,
    databases: [String; 2],
    folder: PathBuf,
    postgres: Option<Postgres>,
}

impl Pair {
    pub async fn start(engine: Engine, folder: &Path, slow: &SlowDisk) -> Outcome<Self> {
        let folder = folder.join(engine.name());
        let (our_folder, bare_folder) = (folder.join("ours"), folder.join("bare"));
        [&our_folder, &bare_folder].iter().try_for_each(std::fs::create_dir_all)?;
        let postgres = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Postgres::start(&folder.join("postgres"), slow)?),
        };
        let databases = match &postgres {
            None => [&our_folder, &bare_folder].map(|folder| format!("sqlite:{}", folder.join("database.sqlite").display())),
            Some(postgres) => [postgres.database("ours").await?, postgres.database("bare").await?],
        };
        let bare_tls = authority_of_the_reference(&bare_folder)?;
        let ours = Server::start("controller", &databases[0], &our_folder, slow, postgres.as_ref())?;
        let bare = Server::start("reference", &databases[1], &bare_folder, slow, postgres.as_ref())?;
        Ok(Self {
            engine,
            token: EnrollmentToken::from_line(ours.greeting.get(1).ok_or("no token")?)?,
            ours,
            bare,
            devices: Vec::new(),
            bare_tls,
            next: 0,
            databases,
            folder,
            postgres,
        })
    }

    /// Starts the controller's process anew on its database, so that its memory is that of a fresh one.
    pub fn restart(&mut self, slow: &SlowDisk) -> Outcome {
        let ours = self.folder.join("ours");
        // The file is locked until the process before has ended.
        self.ours.end();
        self.ours = Server::start("controller", &self.databases[0], &ours, slow, self.postgres.as_ref())?;
        Ok(())
    }

    pub fn computer(&mut self) -> Outcome<Computer> {
        self.next += 1;
        Computer::new(self.next, &self.token)
    }

    pub fn our_address(&self) -> Outcome<SocketAddr> {
        Ok(SocketAddr::from(([127, 0, 0, 1], self.ours.port(0)?)))
    }

    /// The controller, called by a device.
    pub fn our(&self, device: &Device, resume: bool) -> Outcome<Target> {
        Ok(Target {
            address: self.our_address()?,
            tls: device.tls(resume)?,
        })
    }

    /// The reference's port with this place in its greeting, called with a certificate.
    pub fn the_bare(&self, port: usize, resume: bool) -> Outcome<Target> {
        Ok(Target {
            address: SocketAddr::from(([127, 0, 0, 1], self.bare.port(port)?)),
            tls: self.bare_tls[usize::from(resume)].clone(),
        })
    }
}

/// One more reference, fresh, with a SQLite file of its own.
pub fn bare_beside(pair: &Pair, slow: &SlowDisk) -> Outcome<Server> {
    let folder = pair.folder.join("bare");
    let database = format!("sqlite:{}", folder.join("beside.sqlite").display());
    Server::start("reference", &database, &folder, slow, None)
}

fn authority_of_the_reference(folder: &Path) -> Outcome<[Arc<ClientConfig>; 2]> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let (server, device) = (KeyPair::generate()?, KeyPair::generate()?);
    let certificate = CertificateParams::new(["localhost".to_owned()])?.signed_by(&server, &authority)?;
    std::fs::write(folder.join("ca.pem"), authority.pem())?;
    std::fs::write(folder.join("server.pem"), certificate.pem())?;
    std::fs::write(folder.join("server.key"), server.serialize_pem())?;
    let certificate = CertificateParams::new(["device".to_owned()])?.signed_by(&device, &authority)?;
    let config = |resume| -> Outcome<_> {
        let key = PrivateKeyDer::try_from(device.serialize_der())?;
        tls(Some((vec![certificate.der().clone()], key)), resume)
    };
    Ok([config(false)?, config(true)?])
}
