//! One method per section: its facts as rows.

use std::io;

use inventory_schema::device::Fact;
use inventory_schema::inventory::{
    Battery, Disk, Display as Screens, Memory, Network, OperatingSystem, Processor, Processors, Software, Storage, System,
};
use inventory_schema::quantity::{Count, Megahertz};

use super::{View, binary_size, decimal_size, joined, screen, shown, words};
use crate::language::Language;

impl View<'_> {
    pub(super) fn system(&mut self, system: &System) -> io::Result<()> {
        let lang = self.lang;
        self.device_kind(system)?;
        self.row("Изготовитель", "Maker", shown(&system.maker, lang))?;
        self.row("Модель", "Model", shown(&system.model, lang))?;
        self.row("Исполнение", "Version", shown(&system.version, lang))?;
        self.row("Серия", "Family", shown(&system.family, lang))?;
        self.row("Артикул", "SKU", shown(&system.sku, lang))?;
        self.row("Серийный номер", "Serial number", shown(&system.serial, lang))?;
        self.row("UUID", "UUID", shown(&system.uuid, lang))?;
        if let Some(chassis) = &system.chassis {
            self.row(
                "Корпус",
                "Chassis",
                chassis.kind.as_ref().map(|fact| words::chassis(fact.value, lang).to_owned()),
            )?;
            self.row("Номер корпуса", "Chassis serial", shown(&chassis.serial, lang))?;
            self.row("Инвентарная метка", "Asset tag", shown(&chassis.asset_tag, lang))?;
        }
        if let Some(board) = &system.baseboard {
            self.row(
                "Плата",
                "Board",
                Some(joined([shown(&board.maker, lang), shown(&board.model, lang)])),
            )?;
            self.row("Номер платы", "Board serial", shown(&board.serial, lang))?;
        }
        if let Some(firmware) = &system.firmware {
            self.row(
                "Микропрограмма",
                "Firmware",
                Some(joined([
                    shown(&firmware.maker, lang),
                    shown(&firmware.version, lang),
                    shown(&firmware.date, lang),
                ])),
            )?;
            self.row(
                "Безопасная загрузка",
                "Secure boot",
                firmware
                    .secure_boot
                    .as_ref()
                    .map(|fact| words::secure_boot(fact.value, lang).to_owned()),
            )?;
        }
        self.row("Виртуальная машина", "Virtual machine", shown(&system.hypervisor, lang))?;
        self.firmware_details(system)
    }

    pub(super) fn processors(&mut self, content: &Processors) -> io::Result<()> {
        let lang = self.lang;
        for processor in &content.processors {
            self.row(
                "Модель",
                "Model",
                Some(joined([shown(&processor.model, lang), shown(&processor.maker, lang)])),
            )?;
            self.row("Ядра", "Cores", cores(processor, lang))?;
            self.row(
                "Потоки",
                "Threads",
                processor.threads.as_ref().map(|fact| fact.value.get().to_string()),
            )?;
            let rate = |fact: &Option<Fact<Megahertz>>| {
                let fact = fact.as_ref()?;
                Some(format!("{} {}", fact.value.get(), lang.choose("МГц", "MHz")))
            };
            self.row("Обычная частота", "Base clock rate", rate(&processor.base_clock))?;
            self.row("Наибольшая частота", "Highest clock rate", rate(&processor.max_clock))?;
        }
        let several = |fact: &&Fact<Count>| fact.value.get() > 1;
        let number = |fact: &Fact<Count>| fact.value.get().to_string();
        self.row("Процессоров", "Processors", content.packages.as_ref().filter(several).map(number))?;
        self.row("Отключено потоков", "Threads switched off", content.offline.as_ref().map(number))?;
        self.row("Система на кристалле", "System on a chip", shown(&content.chip, lang))?;
        self.caches(content)
    }

    pub(super) fn memory(&mut self, memory: &Memory) -> io::Result<()> {
        let lang = self.lang;
        self.row(
            "Доступно системе",
            "Usable",
            memory.usable.as_ref().map(|fact| binary_size(fact.value, lang)),
        )?;
        self.row(
            "Установлено",
            "Installed",
            memory.installed.as_ref().map(|fact| binary_size(fact.value, lang)),
        )?;
        self.row("Разъёмов", "Slots", memory.slots.as_ref().map(|fact| fact.value.get().to_string()))?;
        self.arrays(memory)?;
        for module in &memory.modules {
            let slot = self.module_label(memory, module);
            let size = module.size.as_ref().map(|fact| binary_size(fact.value, lang));
            let speed = module.speed.as_ref().map(|fact| format!("{} MT/s", fact.value.get()));
            let serial = shown(&module.serial, lang).map(|serial| format!("№ {serial}"));
            let parts = [
                size,
                shown(&module.form, lang),
                shown(&module.technology, lang),
                speed,
                self.module_maker(module),
                shown(&module.part_number, lang),
                serial,
            ];
            self.row(&slot, &slot, Some(joined(parts)))?;
        }
        Ok(())
    }

    pub(super) fn storage(&mut self, storage: &Storage) -> io::Result<()> {
        let lang = self.lang;
        for disk in &storage.disks {
            let kind = Some(words::disk(disk.kind.value, lang).to_owned());
            let size = disk.size.as_ref().map(|fact| decimal_size(fact.value, lang));
            let serial = shown(&disk.serial, lang).map(|serial| format!("№ {serial}"));
            let firmware = shown(&disk.firmware, lang).map(|version| format!("{} {version}", lang.choose("прошивка", "firmware")));
            let health = disk.health.as_ref().map(|fact| words::health(fact.value, lang).to_owned());
            let parts = [
                kind,
                disk.bus.as_ref().and_then(|fact| words::bus(fact.value)).map(str::to_owned),
                size,
                shown(&disk.maker, lang),
                shown(&disk.model, lang),
                serial,
                firmware,
                health,
                life_used(disk, lang),
            ];
            self.row(disk.name.as_str(), disk.name.as_str(), Some(joined(parts)))?;
        }
        self.nothing(storage.disks.is_empty(), "дисков нет", "no disks")
    }

    pub(super) fn screens(&mut self, display: &Screens) -> io::Result<()> {
        let lang = self.lang;
        for adapter in &display.adapters {
            let memory = adapter.memory.as_ref().map(|fact| binary_size(fact.value, lang));
            self.row(
                "Видеоадаптер",
                "Graphics adapter",
                Some(joined([
                    Some(adapter.hardware_id.value.to_string()),
                    shown(&adapter.driver, lang),
                    memory,
                ])),
            )?;
        }
        for monitor in &display.monitors {
            self.row(monitor.port.as_str(), monitor.port.as_str(), Some(screen::line(monitor, lang)))?;
        }
        self.nothing(
            display.adapters.is_empty() && display.monitors.is_empty(),
            "экранов нет",
            "no screens",
        )
    }

    pub(super) fn network(&mut self, network: &Network) -> io::Result<()> {
        let lang = self.lang;
        for card in &network.cards {
            let medium = Some(words::medium(card.medium.value, lang).to_owned());
            let link = card
                .link
                .as_ref()
                .map(|fact| format!("{} {}", fact.value.get() / 1_000_000, lang.choose("Мбит/с", "Mbit/s")));
            let address = shown(&card.permanent_address, lang).or_else(|| shown(&card.address, lang));
            let duplex = card.duplex.as_ref().map(|fact| words::duplex(fact.value, lang).to_owned());
            let parts = [
                medium,
                address,
                link,
                duplex,
                shown(&card.driver, lang),
                shown(&card.hardware_id, lang),
            ];
            self.row(card.name.as_str(), card.name.as_str(), Some(joined(parts)))?;
        }
        self.nothing(network.cards.is_empty(), "сетевых карт нет", "no network cards")
    }

    pub(super) fn operating_system(&mut self, system: &OperatingSystem) -> io::Result<()> {
        let lang = self.lang;
        self.row("Название", "Name", shown(&system.title, lang))?;
        self.row(
            "Версия",
            "Version",
            Some(joined([
                shown(&system.id, lang),
                shown(&system.version, lang),
                shown(&system.variant, lang),
                shown(&system.release, lang),
            ])),
        )?;
        self.row(
            "Ядро",
            "Kernel",
            Some(joined([shown(&system.kernel, lang), shown(&system.architecture, lang)])),
        )?;
        self.row("Имя компьютера", "Host name", shown(&system.host_name, lang))
    }

    pub(super) fn battery(&mut self, battery: &Battery) -> io::Result<()> {
        let lang = self.lang;
        for cell in &battery.cells {
            let energy =
                |fact: &inventory_schema::quantity::MilliwattHours| format!("{} {}", fact.get() / 1000, lang.choose("Вт·ч", "W·h"));
            let capacity = cell
                .full_capacity
                .as_ref()
                .zip(cell.design_capacity.as_ref())
                .map(|(full, design)| format!("{} {} {}", energy(&full.value), lang.choose("из", "of"), energy(&design.value)));
            let parts = [
                shown(&cell.maker, lang),
                shown(&cell.model, lang),
                shown(&cell.technology, lang),
                shown(&cell.serial, lang).map(|serial| format!("№ {serial}")),
                capacity,
                cell.wear
                    .as_ref()
                    .map(|fact| format!("{} {} %", lang.choose("износ", "worn by"), fact.value.get())),
                cell.cycles.as_ref().map(|fact| {
                    format!(
                        "{} {}",
                        lang.choose("циклов заряда не менее", "charge cycles at least"),
                        fact.value.get()
                    )
                }),
            ];
            self.row(cell.name.as_str(), cell.name.as_str(), Some(joined(parts)))?;
        }
        self.nothing(battery.cells.is_empty(), "батареи нет", "no battery")
    }

    pub(super) fn software(&mut self, software: &Software) -> io::Result<()> {
        for list in &software.lists {
            let manager = words::manager(list.manager);
            let count = format!("{} {}", self.lang.choose("пакетов:", "packages:"), list.packages.len());
            let size = list.installed_size.map(|size| decimal_size(size, self.lang));
            let last_change = list.last_change.map(|time| {
                let day = time.to_string();
                let day = day.split('T').next().unwrap_or_default();
                format!("{} {day}", self.lang.choose("последнее изменение", "last changed"))
            });
            self.row(manager, manager, Some(joined([Some(count), size, last_change])))?;
        }
        Ok(())
    }
}

/// `10, из них экономичных 8`.
fn cores(processor: &Processor, lang: Language) -> Option<String> {
    let all = processor.cores.as_ref()?.value.get();
    Some(match &processor.efficient_cores {
        Some(efficient) => format!(
            "{all}, {} {}",
            lang.choose("из них экономичных", "of them economical"),
            efficient.value.get()
        ),
        None => all.to_string(),
    })
}

fn life_used(disk: &Disk, lang: Language) -> Option<String> {
    let percent = disk.life_used.as_ref()?.value.get();
    Some(if percent > 100 {
        lang.choose("ресурс исчерпан", "beyond its life").to_owned()
    } else {
        format!("{} {percent} %", lang.choose("израсходовано ресурса до", "life used up to"))
    })
}
