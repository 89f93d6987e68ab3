//! The authority's files: where each lies, how they are made, exchanged and read.
//!
//! | File | Holds | Needed to run |
//! |---|---|---|
//! | `issuing.pem` | the issuing CA's certificate and its private key | yes |
//! | `signing.key` | the private key for receipts, times and assignments | yes |
//! | `roots/*.pem` | root certificates, all of them believed | at least the one that signed `issuing.pem` |
//! | `cross/*.pem` | certificates of the present issuing key by other roots | while agents know only those |
//! | `retired/*.pem` | roots that agents are no longer told of | while one of them has certified the issuing key |
//! | `previous/*.pem` | certificates of earlier issuing CAs | where devices still carry theirs |
//! | `distrusted/*.pem` | issuing CAs whose devices are strangers | always |
//! | `root/*` | private keys of new roots, with a note | no: they are to be moved away |
//!
//! A certificate and its key share `issuing.pem`, so that one rename exchanges both. Every file is written
//! beside its place, flushed and renamed; keys are readable by their owner only. Called by `cli/ca.rs` and at
//! start-up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use inventory_schema::signature::SignatureError;
use inventory_schema::{Digest, RegionId, Timestamp};
use rcgen::{Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certificate::{self, CertificateError, CertificateInfo, Validity};
use super::key::{AuthorityKey, SessionSecret};
use super::{Authority, public_key};

const ISSUING: &str = "issuing.pem";
const SIGNING: &str = "signing.key";
const ROOTS: &str = "roots";
const PREVIOUS: &str = "previous";
const CROSS: &str = "cross";
const RETIRED: &str = "retired";
const DISTRUSTED: &str = "distrusted";
const ROOT: &str = "root";

/// The folders of certificates that [`load`] reads.
const CERTIFICATES: [&str; 5] = [ROOTS, CROSS, RETIRED, PREVIOUS, DISTRUSTED];

/// Lies beside a new root's key.
const NOTE: &str = "\
Здесь лежит закрытый ключ корневого сертификата региона.

Перенесите папку целиком на носитель, который хранится без сети (два экземпляра в разных местах), и удалите
её с этого компьютера. Контроллер работает без неё. Ключ понадобится раз в год:
    cos-controller ca rotate --root-key ПУТЬ/К/ФАЙЛУ.key

This folder holds the private key of the region's root certificate.

Move the whole folder to a medium that is kept off line (two copies in different places) and delete it from
this computer. The controller runs without it. The key is needed once a year:
    cos-controller ca rotate --root-key PATH/TO/FILE.key
";

#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    #[error("{path} already holds files; an authority is never overwritten. Choose an empty folder, or use `ca rotate`")]
    NotEmpty { path: PathBuf },
    #[error("{path} is missing; `cos-controller ca init` creates an authority, a backup restores one")]
    Missing { path: PathBuf },
    #[error("{path} is no file of an authority")]
    Foreign { path: PathBuf },
    #[error("cannot read {path}")]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{path} holds no certificate in PEM")]
    NoCertificate { path: PathBuf },
    #[error("the certificate in {path} is damaged")]
    Certificate {
        path: PathBuf,
        #[source]
        source: CertificateError,
    },
    #[error("{path} holds no private key that can be used")]
    Key {
        path: PathBuf,
        #[source]
        source: rcgen::Error,
    },
    #[error("the signing key in {path} is of the wrong type")]
    SigningKey {
        path: PathBuf,
        #[source]
        source: SignatureError,
    },
    #[error("the certificate and the key in {path} do not belong together")]
    Pair { path: PathBuf },
    #[error("no root certificate in {path} has signed the issuing CA")]
    NoRoot { path: PathBuf },
    #[error("the key in {path} belongs to none of this authority's roots")]
    ForeignRootKey { path: PathBuf },
    #[error("«{0}» names no certificate here; `ca show` lists them with their SHA-256")]
    UnknownCertificate(String),
    #[error("the root {0} has signed the issuing CA in use; make one with another root first: `ca rotate --root-key FILE`")]
    RootInUse(String),
    #[error("the root ended at {0}; create a new one with `cos-controller ca rotate --new-root`")]
    RootEnded(Timestamp),
    #[error("a key or certificate could not be made")]
    Make(#[source] rcgen::Error),
}

/// A root that was just made: its certificate is believed from now on, its key waits to be moved away.
#[derive(Debug, Clone)]
pub struct NewRoot {
    pub certificate: CertificateInfo,
    pub key_path: PathBuf,
}

/// Makes root, issuing CA and signing key below `directory`, which must be empty or absent.
///
/// `issuing.pem` is written last: a folder where creation was interrupted has none and is refused by [`load`].
pub fn create(directory: &Path, region: &RegionId, now: Timestamp) -> Result<NewRoot, DirectoryError> {
    make_directory(directory)?;
    if !list(directory)?.is_empty() {
        return Err(DirectoryError::NotEmpty { path: directory.into() });
    }
    let signing = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(DirectoryError::Make)?;
    write(&directory.join(SIGNING), &signing.serialize_pem())?;
    let (root, key) = make_root(directory, region, now)?;
    let signer = Signer {
        root: root.certificate.clone(),
        key,
    };
    make_issuing(directory, signer, Vec::new(), region, now)?;
    Ok(root)
}

/// Adds a root beside those in use. Agents learn it with their next trust bundle; after the overlap (two years
/// at least, DESIGN §4) an issuing CA signed by it takes over through [`rotate_issuing`].
pub fn add_root(directory: &Path, region: &RegionId, now: Timestamp) -> Result<NewRoot, DirectoryError> {
    load(directory)?;
    make_root(directory, region, now).map(|(root, _)| root)
}

/// Makes a new issuing CA with the root key in the file `root_key`. The certificate before it stays, so that
/// devices which carry its certificates are still known. The roots whose keys are in `also` certify the new key too
/// (RFC 4158 §1.4): agents that know only one of them, retired or not, find their own way up.
pub fn rotate_issuing(
    directory: &Path,
    region: &RegionId,
    root_key: &Path,
    also: &[PathBuf],
    now: Timestamp,
) -> Result<CertificateInfo, DirectoryError> {
    let current = load(directory)?;
    let first = Signer::find(root_key, &current.roots, now)?;
    let known: Vec<CertificateInfo> = current.roots.iter().chain(&current.retired).cloned().collect();
    let also = also.iter().map(|path| Signer::find(path, &known, now));
    let also = also.collect::<Result<Vec<_>, _>>()?;
    let kept = directory.join(PREVIOUS);
    make_directory(&kept)?;
    write(&kept.join(format!("{}.pem", current.issuing.serial)), &current.issuing.pem())?;
    make_issuing(directory, first, also, region, now)
}

/// Stops telling agents of a root, named by its serial number or the beginning of its SHA-256. Agents that know no
/// other are served for as long as it has certified the issuing key.
pub fn retire_root(directory: &Path, name: &str) -> Result<CertificateInfo, DirectoryError> {
    let current = load(directory)?;
    let root = named(&current.roots, name)?;
    if root.der == current.root().der {
        return Err(DirectoryError::RootInUse(root.serial.clone()));
    }
    move_file(directory, ROOTS, RETIRED, root)?;
    Ok(root.clone())
}

/// From now on the devices of an earlier issuing CA are strangers, and it alone: its key was stolen.
pub fn distrust(directory: &Path, name: &str) -> Result<CertificateInfo, DirectoryError> {
    let current = load(directory)?;
    let issuing = named(&current.previous, name)?;
    move_file(directory, PREVIOUS, DISTRUSTED, issuing)?;
    Ok(issuing.clone())
}

/// One digest of all that [`load`] reads: another one means that there is something to take over.
pub fn fingerprint(directory: &Path) -> Result<Digest, DirectoryError> {
    let mut files = vec![directory.join(ISSUING), directory.join(SIGNING)];
    for folder in CERTIFICATES {
        let mut below = list(&directory.join(folder))?;
        below.retain(|path| path.extension().is_some_and(|extension| extension == "pem"));
        below.sort();
        files.extend(below);
    }
    let mut all = Vec::new();
    for file in files {
        all.extend(Digest::of(file.as_os_str().as_encoded_bytes()).as_bytes());
        all.extend(Digest::of(read(&file)?.as_bytes()).as_bytes());
    }
    Ok(Digest::of(&all))
}

fn named<'c>(certificates: &'c [CertificateInfo], name: &str) -> Result<&'c CertificateInfo, DirectoryError> {
    let hexadecimal = |certificate: &CertificateInfo| certificate.fingerprint().to_string();
    let is_named = |certificate: &&CertificateInfo| {
        let digest = hexadecimal(certificate);
        certificate.serial == name || name.len() >= 8 && (digest.starts_with(name) || digest["sha256:".len()..].starts_with(name))
    };
    let mut found = certificates.iter().filter(is_named);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(DirectoryError::UnknownCertificate(name.to_owned())),
    }
}

/// Written in its new place before it leaves the old one.
fn move_file(directory: &Path, from: &str, to: &str, certificate: &CertificateInfo) -> Result<(), DirectoryError> {
    make_directory(&directory.join(to))?;
    write(&directory.join(to).join(format!("{}.pem", certificate.serial)), &certificate.pem())?;
    for path in list(&directory.join(from))? {
        if read_certificate(&path).is_ok_and(|found| found.der == certificate.der) {
            fs::remove_file(&path).map_err(|source| DirectoryError::Write { path, source })?;
        }
    }
    Ok(())
}

/// A root with its key, brought for the occasion.
struct Signer {
    root: CertificateInfo,
    key: KeyPair,
}

impl Signer {
    fn find(path: &Path, roots: &[CertificateInfo], now: Timestamp) -> Result<Self, DirectoryError> {
        let key = read_key(path)?;
        let root = roots.iter().find(|root| has_key(root, &key));
        let root = root.cloned().ok_or_else(|| DirectoryError::ForeignRootKey { path: path.into() })?;
        if now >= root.validity.not_after {
            return Err(DirectoryError::RootEnded(root.validity.not_after));
        }
        Ok(Self { root, key })
    }

    fn certify(self, key: &KeyPair, region: &RegionId, now: Timestamp) -> Result<CertificateInfo, DirectoryError> {
        let validity = Validity::starting(now, certificate::ISSUING_LIFETIME).within(self.root.validity);
        let issuer = Issuer::from_ca_cert_der(&self.root.der, self.key).map_err(DirectoryError::Make)?;
        let signed = certificate::issuing(region, validity)
            .signed_by(key, &issuer)
            .map_err(DirectoryError::Make)?;
        info(signed)
    }
}

/// Reads everything but the root's private key.
pub(super) fn load(directory: &Path) -> Result<Authority, DirectoryError> {
    let path = directory.join(ISSUING);
    let issuing = read_certificate(&path)?;
    let key = read_key(&path)?;
    if !has_key(&issuing, &key) {
        return Err(DirectoryError::Pair { path });
    }
    let mut cross = read_certificates(&directory.join(CROSS))?;
    cross.retain(|certificate| has_key(certificate, &key));
    let issuer = Issuer::from_ca_cert_der(&issuing.der, AuthorityKey::new(key)).map_err(|source| DirectoryError::Key { path, source })?;
    let path = directory.join(SIGNING);
    let signing_key = read_key(&path)?;
    let session_secret = SessionSecret::of(&signing_key.serialize_der());
    let signing_key = AuthorityKey::new(signing_key);
    let signing_public = public_key(&signing_key).map_err(|source| DirectoryError::SigningKey { path, source })?;
    Ok(Authority {
        roots: read_roots(&directory.join(ROOTS), &issuing)?,
        retired: read_certificates(&directory.join(RETIRED))?,
        cross,
        previous: read_certificates(&directory.join(PREVIOUS))?,
        distrusted: read_certificates(&directory.join(DISTRUSTED))?,
        issuer,
        issuing,
        signing_key,
        signing_public,
        session_secret,
        trust: Default::default(),
    })
}

/// Every root, the one that signed `issuing` first.
fn read_roots(directory: &Path, issuing: &CertificateInfo) -> Result<Vec<CertificateInfo>, DirectoryError> {
    let mut roots = read_certificates(directory)?;
    let signer = roots
        .iter()
        .position(|root| has_signed(root, issuing))
        .ok_or_else(|| DirectoryError::NoRoot { path: directory.into() })?;
    let signer = roots.remove(signer);
    roots.insert(0, signer);
    Ok(roots)
}

pub(super) fn has_signed(root: &CertificateInfo, issued: &CertificateInfo) -> bool {
    let (Ok(root), Ok(issued)) = (certificate::parse(&root.der), certificate::parse(&issued.der)) else {
        return false;
    };
    root.subject() == issued.issuer() && issued.verify_signature(Some(root.public_key())).is_ok()
}

fn has_key(info: &CertificateInfo, key: &KeyPair) -> bool {
    certificate::parse(&info.der).is_ok_and(|certificate| certificate.public_key().raw == key.subject_public_key_info())
}

fn make_root(directory: &Path, region: &RegionId, now: Timestamp) -> Result<(NewRoot, KeyPair), DirectoryError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).map_err(DirectoryError::Make)?;
    let signed = certificate::root(region, Validity::starting(now, certificate::ROOT_LIFETIME))
        .self_signed(&key)
        .map_err(DirectoryError::Make)?;
    let certificate = info(signed)?;
    let offline = directory.join(ROOT);
    let believed = directory.join(ROOTS);
    make_directory(&offline)?;
    make_directory(&believed)?;
    let key_path = offline.join(format!("root-{}.key", certificate.serial));
    write(&offline.join("ПРОЧТИ-README.txt"), NOTE)?;
    write(&offline.join(format!("root-{}.pem", certificate.serial)), &certificate.pem())?;
    write(&key_path, &key.serialize_pem())?;
    write(&believed.join(format!("{}.pem", certificate.serial)), &certificate.pem())?;
    Ok((NewRoot { certificate, key_path }, key))
}

fn make_issuing(
    directory: &Path,
    first: Signer,
    also: Vec<Signer>,
    region: &RegionId,
    now: Timestamp,
) -> Result<CertificateInfo, DirectoryError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(DirectoryError::Make)?;
    let issuing = first.certify(&key, region, now)?;
    let crossing = directory.join(CROSS);
    make_directory(&crossing)?;
    let before = list(&crossing)?;
    for signer in also {
        // Passed over by whoever loads meanwhile, because the key in use is still another.
        let crossed = signer.certify(&key, region, now)?;
        write(&crossing.join(format!("{}.pem", crossed.serial)), &crossed.pem())?;
    }
    write(&directory.join(ISSUING), &format!("{}{}", issuing.pem(), key.serialize_pem()))?;
    for stale in before {
        // One that stays is passed over: it is of a key that is no longer in use.
        let _ = fs::remove_file(stale);
    }
    Ok(issuing)
}

fn info(signed: rcgen::Certificate) -> Result<CertificateInfo, DirectoryError> {
    CertificateInfo::read(signed.into()).map_err(|_| DirectoryError::Make(rcgen::Error::CouldNotParseCertificate))
}

/// Every certificate of a folder's `.pem` files, by file name; none where the folder is absent.
fn read_certificates(directory: &Path) -> Result<Vec<CertificateInfo>, DirectoryError> {
    let mut paths = list(directory)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pem"));
    paths.sort();
    paths.iter().map(|path| read_certificate(path)).collect()
}

fn read_certificate(path: &Path) -> Result<CertificateInfo, DirectoryError> {
    let text = read(path)?;
    let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| DirectoryError::NoCertificate { path: path.into() })?;
    CertificateInfo::read(der).map_err(|source| DirectoryError::Certificate { path: path.into(), source })
}

/// The first private key (PKCS #8) of a file; certificates before it are passed over.
fn read_key(path: &Path) -> Result<KeyPair, DirectoryError> {
    let text = read(path)?;
    let key = match text.find("-----BEGIN PRIVATE KEY-----") {
        Some(start) => KeyPair::from_pem(&text[start..]),
        None => Err(rcgen::Error::CouldNotParseKeyPair),
    };
    key.map_err(|source| DirectoryError::Key { path: path.into(), source })
}

fn read(path: &Path) -> Result<String, DirectoryError> {
    fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DirectoryError::Missing { path: path.into() },
        _ => DirectoryError::Read { path: path.into(), source },
    })
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, DirectoryError> {
    let failed = |source| DirectoryError::Read {
        path: directory.into(),
        source,
    };
    match fs::read_dir(directory) {
        Ok(entries) => entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(error)),
    }
}

/// Mode 0700; an existing folder is left as it is.
fn make_directory(path: &Path) -> Result<(), DirectoryError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| DirectoryError::Write { path: path.into(), source })
}

/// Mode 0600, whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), DirectoryError> {
    write_atomically(path, text.as_bytes()).map_err(|source| DirectoryError::Write { path: path.into(), source })
}

fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".new-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let written = write_new(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What matters is the first error; the leftover holds nothing that is read.
        let _ = fs::remove_file(&beside);
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What a running controller needs of `directory`, by its name in it; the keys of roots stay where they are.
pub fn files(directory: &Path) -> Result<Vec<(String, Vec<u8>)>, DirectoryError> {
    load(directory)?;
    let mut names = vec![SIGNING.to_owned()];
    for folder in CERTIFICATES {
        for path in list(&directory.join(folder))? {
            if let Some(name) = path
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|name| name.ends_with(".pem"))
            {
                names.push(format!("{folder}/{name}"));
            }
        }
    }
    names.sort();
    names.push(ISSUING.to_owned());
    names
        .into_iter()
        .map(|name| {
            let text = read(&directory.join(&name))?;
            Ok((name, text.into_bytes()))
        })
        .collect()
}

/// Whether `directory` holds anything.
pub fn has_files(directory: &Path) -> Result<bool, DirectoryError> {
    Ok(!list(directory)?.is_empty())
}

/// Writes what [`files`] read into an empty folder, the issuing CA last: without it the folder counts as incomplete.
pub fn restore_files<'a>(directory: &Path, files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<(), DirectoryError> {
    make_directory(directory)?;
    if has_files(directory)? {
        return Err(DirectoryError::NotEmpty { path: directory.into() });
    }
    for (name, bytes) in files {
        let path = directory.join(name);
        // A backup that was made by somebody else must not reach out of the folder.
        let known = match name.split_once('/') {
            Some((folder, file)) => CERTIFICATES.contains(&folder) && file.ends_with(".pem") && !file.contains(['/', '\\']),
            None => [ISSUING, SIGNING].contains(&name),
        };
        if !known {
            return Err(DirectoryError::Foreign { path });
        }
        make_directory(path.parent().unwrap_or(directory))?;
        write_atomically(&path, bytes).map_err(|source| DirectoryError::Write { path, source })?;
    }
    load(directory)?;
    Ok(())
}
