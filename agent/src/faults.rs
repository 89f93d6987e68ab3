//! Faults of this computer in Russian: what `enroll`, `run`, `status` and `doctor` end with. The library's own
//! errors are English, for logs; a person at the computer is told in Russian. Called by the command line and by
//! `doctor`; it decides nothing.

use std::error::Error;
use std::io;

use crate::carry::{CarryError, StickError};
use crate::config::ConfigError;
use crate::durable_file::FileError;
use crate::enrollment::{EnrollError, EnrollmentFileError};
use crate::eventloop::RunError;
use crate::identity::IdentityError;
use crate::rekey::RekeyError;
use crate::sealed::SealError;
use crate::spool::SpoolError;
use crate::transport::TransportError;

/// The sentence for this error without its cause; `None` where there is no better one than its own text.
pub fn in_russian(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<RunError>() {
        return of_run(error);
    }
    if let Some(error) = error.downcast_ref::<SealError>() {
        return of_seal(error);
    }
    if let Some(error) = error.downcast_ref::<RekeyError>() {
        return of_rekey(error);
    }
    if let Some(error) = error.downcast_ref::<EnrollError>() {
        return of_enroll(error);
    }
    if let Some(error) = error.downcast_ref::<CarryError>() {
        return of_carry(error);
    }
    if let Some(error) = error.downcast_ref::<EnrollmentFileError>() {
        return of_enrollment_file(error);
    }
    if let Some(error) = error.downcast_ref::<IdentityError>() {
        return of_identity(error);
    }
    if let Some(error) = error.downcast_ref::<SpoolError>() {
        return of_spool(error);
    }
    if let Some(error) = error.downcast_ref::<TransportError>() {
        return of_transport(error);
    }
    if let Some(error) = error.downcast_ref::<FileError>() {
        return Some(of_file(error));
    }
    if let Some(error) = error.downcast_ref::<ConfigError>() {
        return Some(of_config(error));
    }
    error.downcast_ref::<io::Error>().and_then(of_system)
}

/// An error with its causes in one line, in both languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub russian: String,
    pub english: String,
}

impl Reason {
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let causes = || std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
        let russian: Vec<String> = causes()
            .map(|cause| in_russian(cause).unwrap_or_else(|| cause.to_string()))
            .collect();
        let english: Vec<String> = causes().map(ToString::to_string).collect();
        Self {
            russian: russian.join(": "),
            english: english.join(": "),
        }
    }
}

fn of_run(error: &RunError) -> Option<String> {
    match error {
        RunError::NotEnrolled => Some("компьютер не зарегистрирован; выполните: cos-agent enroll ТОКЕН".to_owned()),
        RunError::KeyMissing(folder) => Some(format!(
            "в папке {} нет ключа, хотя компьютер зарегистрирован; выполните: cos-agent enroll --again ТОКЕН",
            folder.display()
        )),
        RunError::Enrollment(error) => of_enrollment_file(error),
        RunError::Identity(error) => of_identity(error),
        RunError::Ledger(error) => Some(of_file(error)),
        RunError::Spool(error) => of_spool(error),
        RunError::Transport(error) => of_transport(error),
        RunError::Rekey(error) => of_rekey(error),
    }
}

fn of_rekey(error: &RekeyError) -> Option<String> {
    match error {
        RekeyError::Identity(error) => of_identity(error),
        RekeyError::Enrollment(error) => of_enrollment_file(error),
        RekeyError::File(error) => Some(of_file(error)),
        RekeyError::SetAside(folder, _) => Some(format!("не удалось отложить отчёты прежнего ключа из {}", folder.display())),
        RekeyError::Receipt(_) => Some("квитанция контроллера неверна; сообщите региональному оператору".to_owned()),
        RekeyError::Trust(_) => Some("корневые сертификаты контроллера не годятся; сообщите региональному оператору".to_owned()),
    }
}

fn of_seal(error: &SealError) -> Option<String> {
    match error {
        SealError::Running(folder) => Some(format!(
            "с папкой {} работает агент; сначала остановите его: sudo systemctl stop cos-agent",
            folder.display()
        )),
        SealError::Folder(folder, _) => Some(format!("не удалось записать папку состояния {}", folder.display())),
        SealError::Remove(path, _) => Some(format!("не удалось удалить {}", path.display())),
        SealError::Spool(error) => of_spool(error),
        SealError::File(error) => Some(of_file(error)),
    }
}

fn of_carry(error: &CarryError) -> Option<String> {
    match error {
        CarryError::NoToken => {
            Some("компьютер не зарегистрирован, и токена у него нет; выполните: cos-agent carry ПАПКА --token ФАЙЛ".to_owned())
        }
        CarryError::File(error) => Some(of_file(error)),
        CarryError::Enrollment(error) => of_enrollment_file(error),
        CarryError::Enroll(error) => of_enroll(error),
        CarryError::Identity(error) => of_identity(error),
        CarryError::Spool(SpoolError::InUse(_)) => {
            Some("служба агента работает; остановите её на время обхода (systemctl stop cos-agent) и запустите снова после него".to_owned())
        }
        CarryError::Spool(error) => of_spool(error),
        CarryError::Stick(error) => Some(of_stick(error)),
        CarryError::Trust(_) => Some("корневые сертификаты региона не читаются".to_owned()),
        CarryError::Collect(_) => Some("не удалось осмотреть оборудование".to_owned()),
    }
}

fn of_stick(error: &StickError) -> String {
    match error {
        StickError::NotMounted(path) => format!("{} — не папка; подключена ли флешка?", path.display()),
        StickError::NotAFolder(path) => format!("{} — ссылка или не папка: на флешку ничего не записано", path.display()),
        StickError::Folder(path, _) => format!("не удалось создать на флешке папку {}", path.display()),
        StickError::Read(path, _) => format!("не удалось прочитать {}", path.display()),
        StickError::Write(error) => of_file(error),
    }
}

fn of_enroll(error: &EnrollError) -> Option<String> {
    match error {
        EnrollError::OtherRegion { current, token } => Some(format!(
            "компьютер зарегистрирован в регионе {current}, а токен выдан регионом {token}"
        )),
        EnrollError::Folder(folder, _) => Some(format!("не удалось создать папку состояния {}", folder.display())),
        EnrollError::File(error) => Some(of_file(error)),
        EnrollError::Enrollment(error) => of_enrollment_file(error),
        EnrollError::Identity(error) => of_identity(error),
        EnrollError::Transport(error) => of_transport(error),
        EnrollError::Receipt(_) => Some("квитанция контроллера неверна; сообщите региональному оператору".to_owned()),
        EnrollError::Trust(_) => Some("корневые сертификаты контроллера не годятся; сообщите региональному оператору".to_owned()),
        _ => None,
    }
}

fn of_enrollment_file(error: &EnrollmentFileError) -> Option<String> {
    Some(match error {
        EnrollmentFileError::File(error) => of_file(error),
        EnrollmentFileError::Contents(path, _) => format!("{} не читается: повреждён или от другой версии агента", path.display()),
        EnrollmentFileError::Receipt(_) => "квитанция о регистрации неверна".to_owned(),
    })
}

fn of_identity(error: &IdentityError) -> Option<String> {
    Some(match error {
        IdentityError::File(error) => of_file(error),
        IdentityError::Folder(folder, _) => format!("не удалось создать папку {}", folder.display()),
        IdentityError::Key(path, _) => format!("в файле {} нет ключа ECDSA P-256", path.display()),
        IdentityError::Generate(_) => "не удалось создать ключ".to_owned(),
        IdentityError::Request(_) => "не удалось составить запрос на сертификат".to_owned(),
        IdentityError::Certificate { from, .. } => format!("сертификат не читается: {from}"),
        IdentityError::ForeignCertificate(_) => "сертификат выпущен не для ключа этого компьютера".to_owned(),
        IdentityError::KeyType(_) => "ключ не того типа, который принимает регион".to_owned(),
    })
}

fn of_spool(error: &SpoolError) -> Option<String> {
    match error {
        SpoolError::InUse(folder) => Some(format!(
            "очередь отчётов {} занята другим процессом: агент уже работает",
            folder.display()
        )),
        SpoolError::Folder(folder, _) => Some(format!("не удалось открыть папку {}", folder.display())),
        SpoolError::DiskFull(folder, _) => Some(format!("на диске с папкой {} нет места", folder.display())),
        SpoolError::File(error) => Some(of_file(error)),
        SpoolError::Remove(path, _) => Some(format!("не удалось удалить {}", path.display())),
        _ => None,
    }
}

fn of_transport(error: &TransportError) -> Option<String> {
    Some(match error {
        TransportError::Trust(_) => "корневые сертификаты региона не читаются".to_owned(),
        TransportError::Credentials(_) => "ключ или сертификат устройства не годится для TLS".to_owned(),
        TransportError::Client(_) => "не удалось подготовить соединение; верен ли адрес прокси?".to_owned(),
        TransportError::NoController => "не указан ни один адрес контроллера".to_owned(),
    })
}

fn of_file(error: &FileError) -> String {
    match error {
        FileError::Write(path, _) => format!("не удалось записать {}", path.display()),
        FileError::Rename(path, _) => format!("не удалось поставить на место {}", path.display()),
        FileError::SyncFolder(folder, _) => format!("не удалось сохранить на диск папку {}", folder.display()),
        FileError::Read(path, _) => format!("не удалось прочитать {}", path.display()),
    }
}

fn of_config(error: &ConfigError) -> String {
    match error {
        ConfigError::Read(path, _) => format!("не удалось прочитать файл настроек {}", path.display()),
        ConfigError::Invalid { path, line, key, message } => {
            format!("{}, строка {line}, ключ «{key}»: {message}", path.display())
        }
    }
}

fn of_system(error: &io::Error) -> Option<String> {
    let said = match error.kind() {
        io::ErrorKind::NotFound => "такого файла или папки нет",
        io::ErrorKind::PermissionDenied => "нет прав: запустите от имени администратора (sudo)",
        io::ErrorKind::StorageFull => "на диске нет места",
        io::ErrorKind::ReadOnlyFilesystem => "диск доступен только для чтения",
        io::ErrorKind::IsADirectory => "это папка, а не файл",
        io::ErrorKind::NotADirectory => "на пути стоит файл, а не папка",
        io::ErrorKind::InvalidData => "это не текст в UTF-8",
        _ => return None,
    };
    Some(said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_meet_is_told_in_russian() {
        let denied = || io::Error::from(io::ErrorKind::PermissionDenied);
        let cases: [(Box<dyn Error>, &str); 4] = [
            (Box::new(RunError::Spool(SpoolError::InUse("/s".into()))), "агент уже работает"),
            (Box::new(RunError::NotEnrolled), "не зарегистрирован"),
            (
                Box::new(EnrollError::File(FileError::Write("/k".into(), denied()))),
                "не удалось записать /k",
            ),
            (Box::new(denied()), "нет прав"),
        ];
        for (error, expected) in cases {
            let said = in_russian(error.as_ref()).unwrap();
            assert!(said.contains(expected), "{said}");
        }
    }
}
