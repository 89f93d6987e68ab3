//! A socket in the file system, between two units on one computer.
//!
//! On Linux a Unix socket that only its owner and group may open. Elsewhere the second unit is not needed yet:
//! the service runs with the rights it needs, and asking says so.

#[cfg(unix)]
mod unix {
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::Path;
    use std::time::Duration;

    pub type Connection = UnixStream;

    #[derive(Debug)]
    pub struct Listener(UnixListener);

    pub fn connect(path: &Path, patience: Duration) -> io::Result<Connection> {
        bounded(UnixStream::connect(path)?, patience)
    }

    /// Listens at `path`, in the place of a socket that an ended process left.
    pub fn listen(path: &Path) -> io::Result<Listener> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Listener(listener))
    }

    impl Listener {
        pub fn connections(&self, patience: Duration) -> impl Iterator<Item = io::Result<Connection>> {
            self.0.incoming().map(move |stream| bounded(stream?, patience))
        }
    }

    fn bounded(stream: UnixStream, patience: Duration) -> io::Result<Connection> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(stream)
    }
}

#[cfg(unix)]
pub use unix::{Connection, Listener, connect, listen};

#[cfg(not(unix))]
mod elsewhere {
    use std::fs::File;
    use std::io;
    use std::path::Path;
    use std::time::Duration;

    pub type Connection = File;

    #[derive(Debug)]
    pub struct Listener;

    pub fn connect(_: &Path, _: Duration) -> io::Result<Connection> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn listen(_: &Path) -> io::Result<Listener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    impl Listener {
        pub fn connections(&self, _: Duration) -> impl Iterator<Item = io::Result<Connection>> {
            std::iter::empty()
        }
    }
}

#[cfg(not(unix))]
pub use elsewhere::{Connection, Listener, connect, listen};
