//! Rows of what firmware's tables say beside the usual: the kind of device with its reasons, the security chip,
//! sockets, what was left empty.

use std::io;

use inventory_schema::inventory::{DeviceKind, KindReason, Memory, MemoryModule, Processors, System};

use super::{View, binary_size, joined, shown, words};

impl View<'_> {
    /// «ноутбук — уверенно: аккумулятор, встроенный экран»; signs of another kind say for which they speak.
    pub(super) fn device_kind(&mut self, system: &System) -> io::Result<()> {
        let lang = self.lang;
        let Some(verdict) = &system.kind else { return Ok(()) };
        let reasons: Vec<String> = verdict.reasons.iter().map(|reason| self.reason(reason, verdict.kind)).collect();
        let kind = words::kind::device(verdict.kind, lang);
        let certainty = words::kind::certainty(verdict.certainty, lang);
        self.row(
            "Вид устройства",
            "Kind of device",
            Some(format!("{kind} — {certainty}: {}", reasons.join(", "))),
        )
    }

    fn reason(&self, reason: &KindReason, concluded: DeviceKind) -> String {
        let sign = words::kind::sign(reason.sign, self.lang);
        if reason.speaks_for == concluded {
            return sign.to_owned();
        }
        let other = words::kind::device(reason.speaks_for, self.lang);
        format!("{} {sign} ({other})", self.lang.choose("но", "but"))
    }

    pub(super) fn firmware_details(&mut self, system: &System) -> io::Result<()> {
        let lang = self.lang;
        if let Some(tpm) = &system.tpm {
            let parts = [
                shown(&tpm.maker, lang),
                shown(&tpm.specification, lang),
                shown(&tpm.firmware, lang),
                shown(&tpm.description, lang),
            ];
            self.row("TPM", "TPM", Some(joined(parts)))?;
        }
        if let Some(slots) = &system.expansion_slots {
            let free = system.free_expansion_slots.as_ref().map_or(0, |fact| fact.value.get());
            let text = format!("{}, {} {free}", slots.value.get(), lang.choose("свободно", "free"));
            self.row("Разъёмов расширения", "Expansion slots", Some(text))?;
        }
        let strings = system.oem_strings.iter().map(|fact| Some(fact.value.to_string()));
        self.row("Строки изготовителя", "Maker's strings", Some(joined(strings)))?;
        let boards = system.compatible.iter().map(|fact| Some(fact.value.to_string()));
        self.row("Совместима с", "Compatible with", Some(joined(boards)))?;
        let blank = system
            .blank
            .iter()
            .map(|reading| Some(words::identifier(reading.identifier, lang).to_owned()));
        self.row("Не заполнено", "Left empty", Some(joined(blank)))
    }

    pub(super) fn caches(&mut self, content: &Processors) -> io::Result<()> {
        let caches = content.caches.iter().map(|cache| {
            let size = binary_size(cache.size.value, self.lang);
            Some(format!("L{} {size}", cache.level.get()))
        });
        let caches = joined(caches);
        self.row("Кэш", "Cache", Some(caches))
    }

    pub(super) fn arrays(&mut self, memory: &Memory) -> io::Result<()> {
        let lang = self.lang;
        let names = memory.empty_slots.iter().map(|name| Some(name.to_string()));
        self.row("Пустые разъёмы", "Empty slots", Some(joined(names)))?;
        self.row(
            "Наибольший объём",
            "Largest size",
            memory.max_capacity.as_ref().map(|fact| binary_size(fact.value, lang)),
        )?;
        self.row(
            "Коррекция ошибок",
            "Error correction",
            memory
                .error_correction
                .as_ref()
                .map(|fact| words::error_correction(fact.value, lang).to_owned()),
        )
    }

    /// The socket's name, with that of its bank where several sockets are called alike.
    pub(super) fn module_label(&self, memory: &Memory, module: &MemoryModule) -> String {
        let Some(slot) = &module.slot else {
            return self.lang.choose("Модуль", "Module").to_owned();
        };
        let alike = memory.modules.iter().filter(|other| other.slot.as_ref() == Some(slot)).count();
        match &module.bank {
            Some(bank) if alike > 1 => format!("{slot}, {bank}"),
            _ => slot.to_string(),
        }
    }

    /// The name, and the code where it is not the name itself.
    pub(super) fn module_maker(&self, module: &MemoryModule) -> Option<String> {
        let name = shown(&module.maker, self.lang);
        let code = module.maker_code.as_ref().map(|fact| format!("JEDEC {}", fact.value));
        Some(joined([name, code])).filter(|text| !text.is_empty())
    }
}
