//! The seam to the administrator's rights (DESIGN §4): what needs them is an action of its own.
//!
//! The agent that talks to the network should run without those rights. What needs them is a closed list,
//! [`PrivilegedAction`], done by the same binary as a second unit (`cos-agent privileged`) that has no network:
//! it listens on a socket in the file system, performs one action per connection and answers. Nothing that
//! came from the network is passed through but the action's name.
//!
//! Reading firmware tables is such an action: `/sys/firmware/dmi/tables` and serial numbers are readable by
//! the administrator only.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use inventory_schema::Inventory;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::AgentConfig;
use crate::inventory::ask_printers::{self, Asking, PrinterHost};
use crate::inventory::{collect, printer_hosts};
use crate::platform::FileTree;
use crate::platform::local_socket::{self, Connection};

/// All that the second unit can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PrivilegedAction {
    CollectInventory,
    /// Where the printers can be asked that the queues of CUPS name: only the administrator reads those.
    NamePrinterHosts,
}

#[derive(Debug, thiserror::Error)]
pub enum PrivilegedError {
    #[error("the privileged unit cannot be reached at {0}; is cos-agent-privileged running?")]
    Connect(PathBuf, #[source] io::Error),
    #[error("the privileged unit at {0} did not answer")]
    Answer(PathBuf, #[source] io::Error),
    #[error("the privileged unit at {0} answered something else than an inventory")]
    Contents(PathBuf, #[source] serde_json::Error),
    #[error("the socket {0} cannot be opened")]
    Listen(PathBuf, #[source] io::Error),
}

/// Longer than any collection takes; a hung unit must not stop the agent for ever.
const PATIENCE: Duration = Duration::from_secs(60);
const MAX_REQUEST_BYTES: u64 = 256;
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// Who looks at the hardware.
#[derive(Debug, Clone)]
pub enum Collector {
    /// This process, with the rights it has. What it may not read is named in the report.
    OwnRights(FileTree),
    /// The second unit, by its socket.
    SecondUnit(PathBuf),
    /// As the other one, and then this process asks the printers of the network.
    WithNetworkPrinters(Box<Collector>),
}

impl Collector {
    /// As the settings say.
    pub fn of(config: &AgentConfig) -> Self {
        let collector = match &config.privileged_socket {
            Some(socket) => Self::SecondUnit(socket.clone()),
            None => Self::OwnRights(FileTree::live()),
        };
        if config.network_printers {
            Self::WithNetworkPrinters(Box::new(collector))
        } else {
            collector
        }
    }

    pub fn collect(&self) -> Result<Inventory, PrivilegedError> {
        match self {
            Self::OwnRights(tree) => Ok(collect(tree)),
            Self::SecondUnit(socket) => ask(socket, PrivilegedAction::CollectInventory),
            Self::WithNetworkPrinters(collector) => {
                let mut inventory = collector.collect()?;
                ask_printers::complete(&mut inventory, &collector.printer_hosts()?, Asking::default());
                Ok(inventory)
            }
        }
    }

    fn printer_hosts(&self) -> Result<Vec<PrinterHost>, PrivilegedError> {
        match self {
            Self::OwnRights(tree) => Ok(printer_hosts(tree)),
            Self::SecondUnit(socket) => ask(socket, PrivilegedAction::NamePrinterHosts),
            Self::WithNetworkPrinters(collector) => collector.printer_hosts(),
        }
    }
}

fn ask<T: DeserializeOwned>(socket: &Path, action: PrivilegedAction) -> Result<T, PrivilegedError> {
    let mut connection = local_socket::connect(socket, PATIENCE).map_err(|error| PrivilegedError::Connect(socket.to_owned(), error))?;
    let mut request = serde_json::to_vec(&action).expect("an action is a word");
    request.push(b'\n');
    let mut answer = Vec::new();
    connection
        .write_all(&request)
        .and_then(|()| connection.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).map(drop))
        .map_err(|error| PrivilegedError::Answer(socket.to_owned(), error))?;
    serde_json::from_slice(&answer).map_err(|error| PrivilegedError::Contents(socket.to_owned(), error))
}

/// The second unit's life: one action per connection, one connection at a time.
pub fn serve(socket: &Path, tree: &FileTree) -> Result<(), PrivilegedError> {
    let listener = local_socket::listen(socket).map_err(|error| PrivilegedError::Listen(socket.to_owned(), error))?;
    for connection in listener.connections(PATIENCE) {
        let served = connection.and_then(|connection| perform(connection, tree));
        if let Err(error) = served {
            tracing::warn!(%error, "a request to the privileged unit failed");
        }
    }
    Ok(())
}

fn perform(mut connection: Connection, tree: &FileTree) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new((&mut connection).take(MAX_REQUEST_BYTES)).read_line(&mut line)?;
    let action: PrivilegedAction = serde_json::from_str(&line)?;
    match action {
        PrivilegedAction::CollectInventory => {
            let inventory = collect(tree);
            connection.write_all(&serde_json::to_vec(&inventory)?)
        }
        PrivilegedAction::NamePrinterHosts => connection.write_all(&serde_json::to_vec(&printer_hosts(tree))?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printers_of_the_network_are_asked_only_when_told_to() {
        let asking = AgentConfig {
            network_printers: true,
            ..AgentConfig::default()
        };
        assert!(matches!(Collector::of(&AgentConfig::default()), Collector::OwnRights(_)));
        assert!(matches!(Collector::of(&asking), Collector::WithNetworkPrinters(_)));
    }

    #[test]
    fn the_second_unit_collects_for_one_that_has_no_rights() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("proc")).unwrap();
        std::fs::write(root.join("proc/meminfo"), "MemTotal:        8000000 kB\n").unwrap();
        std::fs::create_dir_all(root.join("etc/cups")).unwrap();
        let queue = "<Printer MFU>\nDeviceURI socket://10.0.0.5:9100\n</Printer>\n";
        std::fs::write(root.join("etc/cups/printers.conf"), queue).unwrap();
        let socket = folder.path().join("privileged.sock");
        let (unit_socket, tree) = (socket.clone(), FileTree::new(&root));
        std::thread::spawn(move || serve(&unit_socket, &tree));
        // The socket's file appears when the unit listens.
        while !socket.exists() {
            std::thread::yield_now();
        }
        let inventory = Collector::SecondUnit(socket.clone()).collect().unwrap();
        let usable = inventory.sections.memory.content().unwrap().usable.clone().unwrap();
        assert_eq!(usable.value.get(), 8_000_000 * 1024);
        let host = PrinterHost {
            place: 0,
            host: "10.0.0.5".to_owned(),
        };
        assert_eq!(Collector::SecondUnit(socket.clone()).printer_hosts().unwrap(), [host]);
        let mut stranger = local_socket::connect(&socket, PATIENCE).unwrap();
        stranger.write_all(b"\"run_a_program\"\n").unwrap();
        let mut answer = Vec::new();
        stranger.read_to_end(&mut answer).unwrap();
        assert!(answer.is_empty(), "an action that is not on the list was answered");
    }
}
