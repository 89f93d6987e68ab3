//! Observations to findings: pure, in the order in which a person should read them.

use inventory_schema::enrollment::{TokenAnswer, TokenError};
use inventory_schema::problem::ProblemCode;
use inventory_schema::timestamp::Timestamp;

use super::words::{Said, of_failure, of_problem};
use super::{CertificateState, Check, Contact, EnrollmentState, Finding, Observations, StateDir, TokenSeen, Verdict};
use crate::enrollment::Refusal;
use crate::faults::Reason;
use crate::language::{Language, moment};
use crate::spool::SpoolSurvey;
use crate::transport::TransportFailure;

/// Beyond this the computer's clock counts as wrong: signed-in sites and certificates begin to fail.
const CLOCK_TOLERANCE_SECONDS: i64 = 300;

/// What the observations mean, in the order in which a person should read them.
pub fn judge(seen: &Observations, lang: Language) -> Vec<Finding> {
    let judge = Judge { lang };
    let mut findings = vec![
        judge.config(&seen.config),
        judge.state_dir(&seen.state_dir),
        judge.enrollment(&seen.enrollment),
    ];
    findings.extend(judge.restored(seen));
    findings.extend(judge.quarantine(seen.quarantined));
    findings.extend(seen.refusal.as_ref().map(|refusal| judge.refusal(refusal)));
    findings.extend(seen.token.as_ref().map(|token| judge.token(token, &seen.enrollment, seen.now)));
    findings.extend(judge.certificate(&seen.certificate, seen.now));
    findings.extend(judge.contacts(&seen.contacts));
    findings.extend(seen.clock_offset_micros.map(|offset| judge.clock(offset)));
    findings.extend(seen.check_in.as_ref().map(|answer| judge.controller(answer)));
    findings.extend(judge.spool(&seen.spool));
    findings
}

struct Judge {
    lang: Language,
}

impl Judge {
    fn text(&self, russian: impl Into<String>, english: impl Into<String>) -> String {
        match self.lang {
            Language::Ru => russian.into(),
            Language::En => english.into(),
        }
    }

    fn time(&self, at: Timestamp) -> String {
        moment(at, self.lang)
    }

    fn well(&self, check: Check, russian: impl Into<String>, english: impl Into<String>) -> Finding {
        Finding {
            check,
            verdict: Verdict::Well,
            sentence: self.text(russian, english),
            advice: None,
        }
    }

    /// Each pair is Russian and English: what is wrong, and what to do.
    fn wrong(&self, check: Check, what: (String, String), advice: (&str, &str)) -> Finding {
        Finding {
            check,
            verdict: Verdict::Wrong,
            sentence: self.text(what.0, what.1),
            advice: Some(self.text(advice.0, advice.1)),
        }
    }

    fn said(check: Check, verdict: Verdict, said: Said) -> Finding {
        Finding {
            check,
            verdict,
            sentence: said.what,
            advice: Some(said.advice).filter(|advice| !advice.is_empty()),
        }
    }

    fn config(&self, config: &Result<(), Reason>) -> Finding {
        match config {
            Ok(()) => self.well(Check::Config, "Файл настроек в порядке.", "The configuration is in order."),
            Err(reason) => self.wrong(
                Check::Config,
                (
                    format!("Файл настроек не читается: {}.", reason.russian),
                    format!("The configuration cannot be read: {}.", reason.english),
                ),
                (
                    "Исправьте названную строку; образец печатает «cos-agent config print».",
                    "Mend the line; «cos-agent config print» prints a sample.",
                ),
            ),
        }
    }

    /// The state is read back from an image: it is as old as the image at every boot.
    fn restored(&self, seen: &Observations) -> Option<Finding> {
        let StateDir::Writable { path } = &seen.state_dir else {
            return None;
        };
        (seen.restored > 0).then(|| Finding {
            check: Check::StateDirectory,
            verdict: Verdict::Notice,
            sentence: self.text(
                "Папка состояния была восстановлена из старой копии: отчёты продолжены с того, что есть у контроллера.",
                "The state folder was restored from an older copy: the reports go on from what the controller holds.",
            ),
            advice: Some(self.text(
                format!("Если диск восстанавливается при каждой загрузке, исключите из восстановления папку {path}."),
                format!("If the disk restores itself at every boot, exclude the folder {path} from it."),
            )),
        })
    }

    fn quarantine(&self, quarantined: bool) -> Option<Finding> {
        quarantined.then(|| {
            self.wrong(
                Check::Enrollment,
                (
                    "Агент на карантине: ключ на этом диске, похоже, принадлежит другому компьютеру.".to_owned(),
                    "The agent is quarantined: the key on this disk seems to be another computer's.".to_owned(),
                ),
                (
                    "Делать ничего не нужно, если есть связь с контроллером: он выдаст этому компьютеру собственный ключ. Образы для копирования готовьте командой «cos-agent seal».",
                    "With a connection to the controller nothing has to be done: it gives this computer a key of its own. Prepare images for copying with «cos-agent seal».",
                ),
            )
        })
    }

    fn state_dir(&self, state_dir: &StateDir) -> Finding {
        match state_dir {
            StateDir::Writable { path } => self.well(
                Check::StateDirectory,
                format!("Папка состояния {path} доступна для записи."),
                format!("The state folder {path} can be written."),
            ),
            StateDir::Missing { path } => Finding {
                verdict: Verdict::Notice,
                ..self.well(
                    Check::StateDirectory,
                    format!("Папки состояния {path} ещё нет: она появится при регистрации."),
                    format!("The state folder {path} is not there yet: enrollment makes it."),
                )
            },
            StateDir::NotWritable { path, reason } => self.wrong(
                Check::StateDirectory,
                (
                    format!("В папку состояния {path} нельзя писать: {}.", reason.russian),
                    format!("The state folder {path} cannot be written: {}.", reason.english),
                ),
                (
                    "Запустите команду от имени администратора (sudo); проверьте место на диске и права.",
                    "Run the command as administrator (sudo); check free space and permissions.",
                ),
            ),
        }
    }

    fn enrollment(&self, enrollment: &EnrollmentState) -> Finding {
        match enrollment {
            EnrollmentState::Enrolled { region, organization } => self.well(
                Check::Enrollment,
                format!("Компьютер зарегистрирован: {organization}, регион {region}."),
                format!("The computer is enrolled: {organization}, region {region}."),
            ),
            EnrollmentState::None => self.wrong(
                Check::Enrollment,
                (
                    "Компьютер не зарегистрирован.".to_owned(),
                    "The computer is not enrolled.".to_owned(),
                ),
                (
                    "Возьмите токен у регионального оператора и выполните «cos-agent enroll ТОКЕН».",
                    "Take a token from your regional operator and run «cos-agent enroll TOKEN».",
                ),
            ),
            EnrollmentState::Unreadable { reason } => self.wrong(
                Check::Enrollment,
                (
                    format!("Регистрация не читается: {}.", reason.russian),
                    format!("The enrollment cannot be read: {}.", reason.english),
                ),
                (
                    "Запустите команду от имени администратора (sudo). Если файл повреждён, зарегистрируйте компьютер заново: «cos-agent enroll --again ТОКЕН».",
                    "Run the command as administrator (sudo). If the file is damaged, enroll again: «cos-agent enroll --again TOKEN».",
                ),
            ),
        }
    }

    fn refusal(&self, refusal: &Refusal) -> Finding {
        let said = of_problem(refusal.code, self.lang);
        let when = self.text(
            format!("Последняя попытка регистрации ({}) отклонена. ", self.time(refusal.at)),
            format!("The last attempt to enroll ({}) was refused. ", self.time(refusal.at)),
        );
        let what = format!("{when}{}", said.what);
        Self::said(Check::LastAttempt, Verdict::Wrong, Said { what, ..said })
    }

    fn token(&self, token: &Result<TokenSeen, TokenError>, enrollment: &EnrollmentState, now: Timestamp) -> Finding {
        let seen = match token {
            Err(_) => return Self::said(Check::Token, Verdict::Wrong, of_problem(ProblemCode::TokenMalformed, self.lang)),
            Ok(seen) => seen,
        };
        match enrollment {
            EnrollmentState::Enrolled { region, .. } if *region != seen.region => {
                return Self::said(Check::Token, Verdict::Wrong, of_problem(ProblemCode::TokenForeign, self.lang));
            }
            _ if seen.expires <= now => return Self::said(Check::Token, Verdict::Wrong, of_problem(ProblemCode::TokenExpired, self.lang)),
            _ => {}
        }
        match &seen.answer {
            Some(Ok(answer)) => self.good_token(answer),
            // A controller that is older than the question.
            Some(Err(TransportFailure::Problem(problem))) if problem.code == ProblemCode::NotFound => self.unasked_token(seen),
            Some(Err(failure)) => Self::said(Check::Token, Verdict::Wrong, of_failure(failure, self.lang)),
            None => self.unasked_token(seen),
        }
    }

    fn good_token(&self, answer: &TokenAnswer) -> Finding {
        let (left, name) = (answer.uses_left.get(), &answer.organization_name);
        self.well(
            Check::Token,
            format!(
                "Токен годен: осталось {left}, школа {name}, действует до {}.",
                self.time(answer.expires)
            ),
            format!(
                "The token is good: uses left {left}, {name}, valid until {}.",
                self.time(answer.expires)
            ),
        )
    }

    fn unasked_token(&self, seen: &TokenSeen) -> Finding {
        let until = self.time(seen.expires);
        Finding {
            verdict: Verdict::Notice,
            ..self.well(
                Check::Token,
                format!("Токен читается и выписан до {until}; контроллер о нём не сказал, отозван ли он и сколько использований осталось."),
                format!(
                    "The token can be read and was made to last until {until}; the controller did not say whether it is revoked or used up."
                ),
            )
        }
    }

    fn certificate(&self, certificate: &CertificateState, now: Timestamp) -> Option<Finding> {
        let again = (
            "Зарегистрируйте компьютер заново: «cos-agent enroll --again ТОКЕН».",
            "Enroll the computer again: «cos-agent enroll --again TOKEN».",
        );
        let check = Check::Certificate;
        Some(match certificate {
            CertificateState::NotExpected => return None,
            CertificateState::Valid(validity) if validity.contains(now) => self.well(
                check,
                format!("Сертификат устройства действует до {}.", self.time(validity.not_after)),
                format!("The device's certificate is valid until {}.", self.time(validity.not_after)),
            ),
            CertificateState::Valid(validity) => self.wrong(
                check,
                (
                    format!(
                        "Сертификат устройства действует с {} по {}.",
                        self.time(validity.not_before),
                        self.time(validity.not_after)
                    ),
                    format!(
                        "The device's certificate is valid from {} to {}.",
                        self.time(validity.not_before),
                        self.time(validity.not_after)
                    ),
                ),
                (
                    "Агент обновит его сам, как только свяжется с контроллером: запустите службу агента.",
                    "The agent renews it by itself on its next contact: start the agent's service.",
                ),
            ),
            CertificateState::Missing => self.wrong(
                check,
                (
                    "Нет ключа или сертификата устройства.".to_owned(),
                    "The device's key or certificate is missing.".to_owned(),
                ),
                again,
            ),
            CertificateState::OtherKey => self.wrong(
                check,
                (
                    "Ключ устройства не тот, что был зарегистрирован.".to_owned(),
                    "The device's key is not the one that was enrolled.".to_owned(),
                ),
                again,
            ),
            CertificateState::Unreadable { reason } => self.wrong(
                check,
                (
                    format!("Ключ или сертификат не читается: {}.", reason.russian),
                    format!("The key or the certificate cannot be read: {}.", reason.english),
                ),
                again,
            ),
        })
    }

    /// One address that answers is enough; the others are then worth a notice.
    fn contacts(&self, contacts: &[Contact]) -> Vec<Finding> {
        let reached = contacts.iter().any(|contact| contact.failure.is_none());
        let verdict = if reached { Verdict::Notice } else { Verdict::Wrong };
        let judged = contacts.iter().map(|contact| match &contact.failure {
            None => self.well(
                Check::Connection,
                format!("Контроллер {} отвечает, его сертификат подлинный.", contact.controller),
                format!("The controller {} answers, and its certificate is genuine.", contact.controller),
            ),
            Some(failure) => Self::said(Check::Connection, verdict, of_failure(failure, self.lang)),
        });
        judged.collect()
    }

    fn clock(&self, offset_micros: i64) -> Finding {
        let seconds = offset_micros / 1_000_000;
        if seconds.abs() <= CLOCK_TOLERANCE_SECONDS {
            return self.well(Check::Clock, "Часы компьютера верны.", "The computer's clock is right.");
        }
        let ahead = seconds > 0;
        let russian = format!(
            "Часы компьютера {} на {}.",
            if ahead { "спешат" } else { "отстают" },
            duration(seconds.unsigned_abs(), Language::Ru)
        );
        let english = format!(
            "The computer's clock is {} {}.",
            duration(seconds.unsigned_abs(), Language::En),
            if ahead { "ahead" } else { "behind" }
        );
        self.wrong(
            Check::Clock,
            (russian, english),
            (
                "Установите время; если оно сбивается после выключения, замените батарейку на плате. Агент работает и так: он берёт время у контроллера.",
                "Set the clock; if it is lost at power-off, replace the board's battery. The agent works nevertheless: it takes the controller's time.",
            ),
        )
    }

    fn controller(&self, answer: &Result<(), TransportFailure>) -> Finding {
        match answer {
            Ok(()) => self.well(
                Check::Controller,
                "Контроллер признаёт это устройство.",
                "The controller recognizes this device.",
            ),
            Err(failure) => Self::said(Check::Controller, Verdict::Wrong, of_failure(failure, self.lang)),
        }
    }

    fn spool(&self, spool: &Result<SpoolSurvey, Reason>) -> Vec<Finding> {
        let survey = match spool {
            Ok(survey) => survey,
            Err(reason) => {
                return vec![self.wrong(
                    Check::Spool,
                    (
                        format!("Очередь отчётов не читается: {}.", reason.russian),
                        format!("The spool cannot be read: {}.", reason.english),
                    ),
                    (
                        "Запустите команду от имени администратора (sudo).",
                        "Run the command as administrator (sudo).",
                    ),
                )];
            }
        };
        let mut findings = vec![self.well(
            Check::Spool,
            format!("Ждут отправки отчётов: {} ({} байт).", survey.reports, survey.bytes),
            format!("Reports that wait: {} ({} bytes).", survey.reports, survey.bytes),
        )];
        let notices = [
            (
                survey.tombstones,
                "Отчётов, от которых из-за нехватки места остался только подписанный заголовок",
                "Reports of which only the signed header is left, for want of space",
            ),
            (
                survey.forgotten,
                "Отчётов, удалённых неотправленными из-за нехватки места",
                "Reports deleted undelivered for want of space",
            ),
            (
                survey.damaged,
                "Повреждённых файлов отложено в папку spool/damaged; проверьте диск",
                "Damaged files moved to spool/damaged; check the disk",
            ),
            (
                survey.refused,
                "Отчётов, которые контроллер отверг, отложено в папку spool/refused",
                "Reports that the controller refused, kept in spool/refused",
            ),
        ];
        for (number, russian, english) in notices.into_iter().filter(|(number, _, _)| *number > 0) {
            findings.push(Finding {
                verdict: Verdict::Notice,
                ..self.well(Check::Spool, format!("{russian}: {number}."), format!("{english}: {number}."))
            });
        }
        findings
    }
}

/// The two largest units of a length of time.
fn duration(seconds: u64, lang: Language) -> String {
    let units = [(86_400, "сут", "d"), (3600, "ч", "h"), (60, "мин", "min"), (1, "с", "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (length, russian, english) in units {
        if left >= length && parts.len() < 2 {
            parts.push(format!("{} {}", left / length, lang.choose(russian, english)));
        }
        left %= length;
    }
    parts.join(" ")
}
