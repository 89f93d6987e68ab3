//! A tree of files that facts are read from: the running system at `/`, or a copy of one below a directory.
//!
//! Every read is bounded, nothing but regular files is read (a pipe in a copied tree would wait for ever),
//! and symbolic links are followed as the copied system would follow them: an absolute link, or one that
//! climbs, ends inside the tree. Knows nothing of what the files mean. Called by `inventory/collect`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use inventory_schema::section::ReadFailure;

use super::regular_file::open_regular;

/// The most bytes read of a file whose reader names no other limit: attributes of sysfs are one page.
const ATTRIBUTE_LIMIT: u64 = 64 * 1024;

/// The most entries of one directory. The largest that are read have a few hundred; of a million, any four
/// thousand would be another four thousand tomorrow, so that none is listed then.
const ENTRY_LIMIT: usize = 4096;

/// As many links as the kernel follows before it gives up.
const LINK_LIMIT: usize = 40;

/// Why a file of the tree could not be read. Paths are within the tree and name no person.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{path} does not exist")]
    NotPresent { path: String },
    #[error("reading {path} needs the administrator's rights")]
    PermissionDenied { path: String },
    #[error("{path} holds more than {limit} bytes")]
    TooLarge { path: String, limit: u64 },
    #[error("{path} has more than {limit} entries")]
    TooManyEntries { path: String, limit: usize },
    #[error("{path} is no regular file")]
    NotAFile { path: String },
    #[error("{path} cannot be read")]
    System {
        path: String,
        #[source]
        source: io::Error,
    },
}

impl ReadError {
    fn of(path: &str, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotPresent { path },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { path },
            _ => Self::System { path, source: error },
        }
    }

    /// Which file, and what [`Self::failure`] does not say of it yet: the detail of a report's problem, in no
    /// language where it can be.
    pub fn detail(&self) -> String {
        match self {
            Self::NotPresent { path } | Self::PermissionDenied { path } | Self::NotAFile { path } => path.clone(),
            Self::TooLarge { path, limit } => format!("{path} > {limit} B"),
            Self::TooManyEntries { path, limit } => format!("{path} > {limit}"),
            Self::System { path, source } => format!("{path}: {source}"),
        }
    }

    /// The same in the words of a report.
    pub fn failure(&self) -> ReadFailure {
        match self {
            Self::NotPresent { .. } => ReadFailure::NotPresent,
            Self::PermissionDenied { .. } => ReadFailure::PermissionDenied,
            Self::TooLarge { .. } | Self::TooManyEntries { .. } => ReadFailure::TooLarge,
            Self::NotAFile { .. } => ReadFailure::Malformed,
            Self::System { .. } => ReadFailure::SystemError,
        }
    }
}

/// Paths given to its methods are relative to the root: `proc/cpuinfo`.
#[derive(Debug, Clone)]
pub struct FileTree {
    root: PathBuf,
    live: bool,
}

impl FileTree {
    /// The tree below `root`. `/` is the running system, whichever way it is spelt.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        let live = root == Path::new("/") || root.canonicalize().is_ok_and(|path| path == Path::new("/"));
        Self { root, live }
    }

    /// The running system.
    pub fn live() -> Self {
        Self {
            root: PathBuf::from("/"),
            live: true,
        }
    }

    /// Whether this is the running system, so that it may also be asked otherwise than by files.
    pub fn is_live(&self) -> bool {
        self.live
    }

    /// A whole file of at most `limit` bytes.
    pub fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
        let file = self.open(path)?;
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| ReadError::of(path, error))?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge {
                path: path.to_owned(),
                limit,
            });
        }
        Ok(bytes)
    }

    /// A text of at most 64 KiB; what is no UTF-8 becomes U+FFFD.
    pub fn text(&self, path: &str) -> Result<String, ReadError> {
        Ok(String::from_utf8_lossy(&self.read(path, ATTRIBUTE_LIMIT)?).into_owned())
    }

    /// The first line without the white space around it; `None` where there is no such file, it cannot be
    /// read or is empty. For attributes that many computers lack; [`Self::text`] tells the reason.
    pub fn line(&self, path: &str) -> Option<String> {
        let text = self.text(path).ok()?;
        let line = text.lines().next()?.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// A regular file, opened for reading.
    pub fn open(&self, path: &str) -> Result<File, ReadError> {
        let opened = open_regular(&self.full_path(path)?).map_err(|error| ReadError::of(path, error))?;
        opened.ok_or_else(|| ReadError::NotAFile { path: path.to_owned() })
    }

    /// The names in a directory, sorted; an error where there are more than 4096. Names that are no UTF-8 are
    /// passed over: the kernel makes none.
    pub fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let entries = self.full_path(path)?.read_dir().map_err(|error| ReadError::of(path, error))?;
        let mut names = Vec::new();
        for (index, entry) in entries.enumerate() {
            if index == ENTRY_LIMIT {
                return Err(ReadError::TooManyEntries {
                    path: path.to_owned(),
                    limit: ENTRY_LIMIT,
                });
            }
            let entry = entry.map_err(|error| ReadError::of(path, error))?;
            names.extend(entry.file_name().into_string().ok());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Whether a file or directory stands here, links followed.
    pub fn exists(&self, path: &str) -> bool {
        self.full_path(path).is_ok_and(|full| full.exists())
    }

    /// The last name of what a link points to: `driver -> ../../drivers/e1000e` gives `e1000e`. The target
    /// need not exist.
    pub fn link_name(&self, path: &str) -> Option<String> {
        let (parent, name) = path.rsplit_once('/')?;
        let target = self.full_path(parent).ok()?.join(name).read_link().ok()?;
        target.file_name()?.to_str().map(str::to_owned)
    }

    /// Where a path leads when every link is followed, relative to the root. In sysfs this is the device's
    /// place on its buses.
    pub fn resolve(&self, path: &str) -> Result<String, ReadError> {
        let mut done: Vec<String> = Vec::new();
        let mut waiting: Vec<String> = parts(path);
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            done.push(part);
            let Ok(target) = self.root.join(done.join("/")).read_link() else {
                continue;
            };
            links += 1;
            if links > LINK_LIMIT {
                return Err(ReadError::of(path, io::Error::other("too many levels of symbolic links")));
            }
            done.pop();
            if target.is_absolute() {
                done.clear();
            }
            waiting.extend(parts(&target.to_string_lossy()));
        }
        Ok(done.join("/"))
    }

    fn full_path(&self, path: &str) -> Result<PathBuf, ReadError> {
        // The kernel follows links of the running system itself, and faster.
        let inside = if self.live { path.to_owned() } else { self.resolve(path)? };
        Ok(self.root.join(inside.trim_start_matches('/')))
    }
}

/// The parts of a path, last first, without those that mean nothing.
fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .rev()
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rustix::fs::Mode;

    use super::*;

    fn tree() -> (tempfile::TempDir, FileTree) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("tree/sys/devices/pci/net/eth0")).unwrap();
        fs::create_dir_all(directory.path().join("tree/sys/class/net")).unwrap();
        fs::write(directory.path().join("tree/sys/devices/pci/net/eth0/speed"), " 1000\n").unwrap();
        fs::write(directory.path().join("secret"), "outside").unwrap();
        fs::write(directory.path().join("tree/secret"), "inside").unwrap();
        let tree = FileTree::new(directory.path().join("tree"));
        (directory, tree)
    }

    #[test]
    fn links_are_followed_within_the_tree_only() {
        let (directory, tree) = tree();
        let root = directory.path().join("tree");
        symlink("../../devices/pci/net/eth0", root.join("sys/class/net/eth0")).unwrap();
        symlink("../../secret", root.join("climbs")).unwrap();
        symlink("/secret", root.join("absolute")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        assert_eq!(tree.line("sys/class/net/eth0/speed").as_deref(), Some("1000"));
        assert_eq!(tree.resolve("sys/class/net/eth0").unwrap(), "sys/devices/pci/net/eth0");
        assert_eq!(tree.link_name("sys/class/net/eth0").as_deref(), Some("eth0"));
        assert_eq!(tree.line("climbs").as_deref(), Some("inside"));
        assert_eq!(tree.line("absolute").as_deref(), Some("inside"));
        assert_eq!(tree.line("../secret").as_deref(), Some("inside"));
        assert!(matches!(tree.text("loop"), Err(ReadError::System { .. })));
    }

    #[test]
    fn failures_are_told_apart() {
        let (directory, tree) = tree();
        let root = directory.path().join("tree");
        assert_eq!(tree.text("absent").unwrap_err().failure(), ReadFailure::NotPresent);
        assert_eq!(tree.text("secret/below").unwrap_err().failure(), ReadFailure::NotPresent);
        assert_eq!(tree.text("sys").unwrap_err().failure(), ReadFailure::Malformed);
        assert_eq!(tree.read("secret", 5).unwrap_err().failure(), ReadFailure::TooLarge);
        assert_eq!(tree.read("secret", 6).unwrap(), b"inside");
        // The administrator, as whom tests may run, is denied nothing.
        let denied = ReadError::of("secret", io::ErrorKind::PermissionDenied.into());
        assert_eq!(
            (denied.failure(), denied.detail().as_str()),
            (ReadFailure::PermissionDenied, "secret")
        );
        rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(tree.text("pipe").unwrap_err().failure(), ReadFailure::Malformed);
    }

    #[test]
    fn the_running_system_is_recognised() {
        assert!(FileTree::new("/").is_live());
        assert!(FileTree::new("/proc/..").is_live());
        assert!(!FileTree::new("/proc").is_live());
    }
}
