//! Asks the printers in the network who they are, where the settings say so. Off unless switched on.
//!
//! Only the hosts that the queues of CUPS name are asked, one datagram each and one more to those that keep
//! silent, all at once and for two seconds in all. What is asked and answered is `peripherals::snmp`'s business.
//! Called by `cos-agent inventory --network-printers` and by the collector of the agent, in the process that has
//! a network; the unit with the administrator's rights only tells the hosts.

use std::net::{ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use std::{fmt, io};

use inventory_schema::Inventory;
use inventory_schema::device::Source;
use inventory_schema::inventory::{Peripherals, PrinterAnswer, PrinterKind};
use inventory_schema::section::{CollectionProblem, ReadFailure, Section};
use inventory_schema::text::{DeviceName, Diagnosis};
use serde::{Deserialize, Serialize};

use super::peripherals::ieee1284::named_multifunction;
use super::peripherals::snmp;

/// A printer of the inventory, by its place in the list, and where it can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrinterHost {
    pub place: usize,
    pub host: String,
}

/// How long and where printers are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asking {
    pub port: u16,
    pub patience: Duration,
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            port: 161,
            patience: Duration::from_secs(2),
        }
    }
}

/// A school has a handful; a list of hundreds is a mistake, and no reason to flood the network.
const MOST_PRINTERS: usize = 32;

const MOST_ANSWER_BYTES: usize = 2048;

#[derive(Debug)]
enum AskError {
    Silent,
    NoAnswer,
    Network(io::Error),
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("the printer did not answer in time"),
            Self::NoAnswer => f.write_str("the printer answered without saying what it is"),
            Self::Network(error) => error.fmt(f),
        }
    }
}

/// Adds what the printers say of themselves; who keeps silent becomes a problem of the section.
pub fn complete(inventory: &mut Inventory, hosts: &[PrinterHost], asking: Asking) {
    let answers = ask_all(hosts, asking);
    if answers.is_empty() {
        return;
    }
    let (mut content, mut problems) = match &inventory.sections.peripherals {
        Section::Read(content) => (content.clone(), Vec::new()),
        Section::Partial { content, problems } => (content.clone(), problems.clone()),
        Section::Failed { .. } => return,
    };
    for (place, answer) in answers {
        problems.extend(keep(&mut content, place, answer));
    }
    inventory.sections.peripherals = Section::new(content, problems);
}

fn keep(content: &mut Peripherals, place: usize, answer: Result<PrinterAnswer, AskError>) -> Option<CollectionProblem> {
    let printer = content.printers.get_mut(place)?;
    let error = match answer {
        Ok(answer) => {
            let texts = [&answer.model, &answer.system];
            if texts.into_iter().flatten().any(|text| named_multifunction(text.as_str())) {
                printer.kind = Some(PrinterKind::Multifunction);
            }
            printer.model = printer.model.take().or_else(|| answer.model.clone());
            printer.serial = printer.serial.take().or_else(|| answer.serial.clone());
            printer.answer = Some(answer);
            return None;
        }
        Err(error) => error,
    };
    Some(CollectionProblem {
        source: Source::Snmp,
        failure: match error {
            AskError::NoAnswer => ReadFailure::Malformed,
            AskError::Silent | AskError::Network(_) => ReadFailure::SystemError,
        },
        subject: DeviceName::observed(printer.name.as_str()),
        detail: Diagnosis::observed(&error.to_string()),
    })
}

/// Each printer in a thread of its own: looking up a name cannot be cut short otherwise. A thread that is still
/// waiting when the time is over ends by itself and is heard no more.
fn ask_all(hosts: &[PrinterHost], asking: Asking) -> Vec<(usize, Result<PrinterAnswer, AskError>)> {
    let deadline = Instant::now() + asking.patience;
    let (answers, heard) = mpsc::channel();
    let asked: Vec<&PrinterHost> = hosts.iter().take(MOST_PRINTERS).collect();
    for (number, PrinterHost { place, host }) in (1u32..).zip(asked.iter().copied().cloned()) {
        let answers = answers.clone();
        let ask = move || {
            // Nobody listens any more when the time is over.
            let _ = answers.send((place, ask(&host, number, asking.port, deadline)));
        };
        let started = thread::Builder::new().name("printer".to_owned()).stack_size(256 * 1024).spawn(ask);
        if let Err(error) = started {
            tracing::warn!(%error, "a printer could not be asked");
        }
    }
    drop(answers);
    let mut found: Vec<(usize, Result<PrinterAnswer, AskError>)> = Vec::new();
    while let Ok(answer) = heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        found.push(answer);
    }
    let silent = asked
        .iter()
        .map(|host| host.place)
        .filter(|place| !found.iter().any(|(heard, _)| heard == place));
    let silent: Vec<usize> = silent.collect();
    found.extend(silent.into_iter().map(|place| (place, Err(AskError::Silent))));
    found.sort_by_key(|(place, _)| *place);
    found
}

/// Asks twice: a datagram may be lost.
fn ask(host: &str, number: u32, port: u16, deadline: Instant) -> Result<PrinterAnswer, AskError> {
    let addresses = (host, port).to_socket_addrs().map_err(AskError::Network)?;
    let address = addresses.into_iter().next().ok_or(AskError::Silent)?;
    let own: &str = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(own).map_err(AskError::Network)?;
    // Only the printer's own datagrams are heard.
    socket.connect(address).map_err(AskError::Network)?;
    let half = deadline.saturating_duration_since(Instant::now()) / 2;
    let halfway = deadline.checked_sub(half).unwrap_or(deadline);
    let mut heard = Err(AskError::Silent);
    for until in [halfway, deadline] {
        socket.send(&snmp::question(number)).map_err(AskError::Network)?;
        heard = hear(&socket, number, until);
        if !matches!(heard, Err(AskError::Silent)) {
            break;
        }
    }
    heard
}

fn hear(socket: &UdpSocket, number: u32, until: Instant) -> Result<PrinterAnswer, AskError> {
    let mut buffer = [0; MOST_ANSWER_BYTES];
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(AskError::Silent);
    }
    socket.set_read_timeout(Some(left)).map_err(AskError::Network)?;
    match socket.recv(&mut buffer) {
        Ok(length) => snmp::answer(&buffer[..length], number).ok_or(AskError::NoAnswer),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Err(AskError::Silent),
        Err(error) => Err(AskError::Network(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::thread::JoinHandle;

    use super::*;
    use crate::inventory::collect;
    use crate::inventory::peripherals::snmp::printers_answer;
    use crate::platform::FileTree;

    const SOON: Duration = Duration::from_secs(20);

    /// A printer on loopback that answers one datagram after having missed some.
    fn printer(missed: usize, texts: [Option<&'static str>; 3]) -> (u16, JoinHandle<usize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let answering = thread::spawn(move || {
            let mut buffer = [0; 512];
            for _ in 0..missed {
                socket.recv_from(&mut buffer).unwrap();
            }
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            socket.send_to(&printers_answer(&buffer[..length], texts), from).unwrap();
            length
        });
        (port, answering)
    }

    fn inventory() -> (tempfile::TempDir, Inventory, Vec<PrinterHost>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("etc/cups")).unwrap();
        let queue = "<Printer Uchitelskaya>\nDeviceURI socket://127.0.0.1:9100\n</Printer>\n";
        std::fs::write(folder.path().join("etc/cups/printers.conf"), queue.replace("127.0.0.1", "127.1")).unwrap();
        let tree = FileTree::new(folder.path());
        let hosts = vec![PrinterHost {
            place: 0,
            host: "127.0.0.1".to_owned(),
        }];
        (folder, collect(&tree), hosts)
    }

    #[test]
    fn a_printer_says_who_it_is() {
        let (_folder, mut inventory, hosts) = inventory();
        let (port, printer) = printer(0, [Some("KYOCERA Document Solutions"), Some("ECOSYS M2040dn"), Some("VCG1234567")]);
        complete(&mut inventory, &hosts, Asking { port, patience: SOON });
        assert!(printer.join().unwrap() > 0);
        let section = &inventory.sections.peripherals;
        let found = &section.content().unwrap().printers[0];
        assert_eq!(found.serial.as_ref().unwrap().as_str(), "VCG1234567");
        assert_eq!(
            (found.model.as_ref().unwrap().as_str(), found.kind),
            ("ECOSYS M2040dn", Some(PrinterKind::Multifunction))
        );
        assert_eq!(
            found.answer.as_ref().unwrap().system.as_ref().unwrap().as_str(),
            "KYOCERA Document Solutions"
        );
        assert!(!section.problems().iter().any(|problem| problem.source == Source::Snmp));
    }

    #[test]
    fn a_lost_question_is_asked_again() {
        let (_folder, mut inventory, hosts) = inventory();
        let (port, printer) = printer(1, [None, Some("HP LaserJet"), None]);
        complete(
            &mut inventory,
            &hosts,
            Asking {
                port,
                patience: Duration::from_secs(2),
            },
        );
        printer.join().unwrap();
        assert!(inventory.sections.peripherals.content().unwrap().printers[0].answer.is_some());
    }

    #[test]
    fn a_silent_printer_is_named_in_time() {
        let (_folder, mut inventory, hosts) = inventory();
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        let patience = Duration::from_millis(200);
        let started = Instant::now();
        complete(
            &mut inventory,
            &hosts,
            Asking {
                port: silent.local_addr().unwrap().port(),
                patience,
            },
        );
        assert!(started.elapsed() < SOON);
        let problems = inventory.sections.peripherals.problems();
        let problem = problems.iter().find(|problem| problem.source == Source::Snmp).unwrap();
        assert_eq!(problem.subject.as_ref().unwrap().as_str(), "Uchitelskaya");
        assert!(inventory.sections.peripherals.content().unwrap().printers[0].answer.is_none());
    }

    #[test]
    fn an_answer_that_says_nothing_is_no_answer() {
        let (_folder, mut inventory, hosts) = inventory();
        let (port, printer) = printer(0, [None, None, None]);
        complete(&mut inventory, &hosts, Asking { port, patience: SOON });
        printer.join().unwrap();
        let problems = inventory.sections.peripherals.problems();
        assert!(
            problems
                .iter()
                .any(|problem| (problem.source, problem.failure) == (Source::Snmp, ReadFailure::Malformed))
        );
    }
}
