//! `cos-agent inventory`: prints what is known of this computer, or of the one whose files lie below a
//! directory. Needs neither network nor enrollment, and starts no program; asks printers in the network only when
//! told to.

use std::error::Error;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use inventory_schema::glpi;
use serde::Serialize;

use crate::inventory::ask_printers::{self, Asking};
use crate::inventory::{self, Limits, text_view};
use crate::language::Language;
use crate::platform::FileTree;

/// Показать, из чего состоит этот компьютер
///
/// Читает только файлы системы: сеть и регистрация не нужны, другие программы не запускаются. Серийные
/// номера и модули памяти видны администратору.
#[derive(Debug, Args)]
#[command(
    after_help = "Примеры:\n  sudo cos-agent inventory\n  sudo cos-agent inventory --json > inventory.json\n  sudo cos-agent inventory --glpi > $(hostname).json\n  cos-agent inventory --root /mnt/disk --lang en"
)]
pub(super) struct Arguments {
    /// Напечатать документ JSON: на экран с отступами, в файл или программе одной строкой
    #[arg(long, conflicts_with_all = ["text", "glpi"])]
    json: bool,
    /// Напечатать таблицу для чтения (так и без ключа)
    #[arg(long, conflicts_with = "glpi")]
    text: bool,
    /// Напечатать документ GLPI (inventory_format, JSON) для сервера GLPI или для cos-controller device import
    #[arg(long)]
    glpi: bool,
    /// Читать копию системы из этого каталога (proc/, sys/, etc/, run/, usr/lib/, var/lib/; вместо
    /// sys/firmware/dmi/tables — файл dmidecode.bin от dmidecode --dump-bin)
    #[arg(long, value_name = "КАТАЛОГ", default_value = "/")]
    root: PathBuf,
    /// Спросить сетевые принтеры из очередей печати об их модели и номере (SNMP, до двух секунд)
    #[arg(long)]
    network_printers: bool,
    /// Сколько секунд ждать каждого раздела, если файлы не отвечают (зависший сетевой диск)
    #[arg(long, value_name = "СЕКУНД", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    section_seconds: u64,
}

#[derive(Debug, thiserror::Error)]
enum InventoryError {
    #[error("«{}» {}", .path.display(), .lang.choose("— не каталог", "is not a directory"))]
    Root { path: PathBuf, lang: Language },
    #[error("{}", .lang.choose("не удалось записать результат", "the inventory cannot be written"))]
    Write {
        lang: Language,
        #[source]
        source: io::Error,
    },
}

pub(super) fn run(arguments: &Arguments, lang: Language) -> Result<ExitCode, Box<dyn Error>> {
    if !arguments.root.is_dir() {
        let path = arguments.root.clone();
        return Err(InventoryError::Root { path, lang }.into());
    }
    let tree = FileTree::new(&arguments.root);
    let mut inventory = inventory::collect_within(&tree, limits(arguments.section_seconds));
    if arguments.network_printers {
        ask_printers::complete(&mut inventory, &inventory::printer_hosts(&tree), Asking::default());
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let for_eyes = io::stdout().is_terminal();
    let written = if arguments.json {
        write_json(&inventory, for_eyes, &mut out)
    } else if arguments.glpi {
        write_json(&glpi::export(&inventory), for_eyes, &mut out)
    } else {
        text_view::write(&inventory, lang, &mut out)
    };
    written
        .and_then(|()| out.flush())
        .map_err(|source| InventoryError::Write { lang, source })?;
    Ok(ExitCode::SUCCESS)
}

/// Who waits longer for one section waits longer for all.
fn limits(section_seconds: u64) -> Limits {
    let section = Duration::from_secs(section_seconds);
    Limits {
        section,
        whole: section * 3,
    }
}

/// Indented for eyes, on one line for programs: indentation alone would add a half to a list of software.
fn write_json(document: &impl Serialize, for_eyes: bool, out: &mut dyn Write) -> io::Result<()> {
    if for_eyes {
        serde_json::to_writer_pretty(&mut *out, document)?;
    } else {
        serde_json::to_writer(&mut *out, document)?;
    }
    writeln!(out)
}
