//! Every refusal: `application/problem+json` (RFC 9457) with a stable code.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantity::Seconds;
use crate::text::{PRINTABLE_PATTERN, checked_text, printable};
use crate::timestamp::Timestamp;

pub const PROBLEM_CONTENT_TYPE: &str = "application/problem+json";

checked_text!(/// A sentence for people: what happened, to which thing, and what to do next.
    Sentence, at most 600, PRINTABLE_PATTERN => printable, from "the controller's own sentences");

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    #[schemars(range(min = 400, max = 599))]
    pub status: u16,
    pub code: ProblemCode,
    /// In Russian, for people.
    pub detail: Sentence,
    /// The controller's time: an agent whose clock is wrong learns it even from a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_time: Option<Timestamp>,
    /// When to ask again: the answer's `Retry-After` header, which is no part of the document.
    #[serde(skip)]
    pub retry_after: Option<Seconds>,
}

macro_rules! problem_codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $detail:literal;)*) => {
        /// What was refused, stable for programs. Sentences may be reworded, codes may not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum ProblemCode {
            $($(#[$doc])* #[serde(rename = $code)] $variant,)*
            /// A code that a newer controller knows and this program does not.
            #[serde(other, rename = "other")]
            Other,
        }

        impl ProblemCode {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Other => "other",
                }
            }

            /// The HTTP status this code is answered with.
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                    Self::Other => 400,
                }
            }

            /// What happened and what to do, in Russian: said by the controller, `enroll` and `doctor` alike.
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$variant => $detail,)*
                    Self::Other => "Контроллер отказал по причине, которой эта версия агента не знает. Обновите агент.",
                }
            }
        }
    };
}

problem_codes! {
    TokenMalformed = "token_malformed", 400, "Токен набран с ошибкой или обрезан при копировании. Скопируйте его целиком, одной строкой, или возьмите файл токена.";
    TokenUnknown = "token_unknown", 403, "Этот контроллер не выдавал такого токена. Проверьте, что токен от вашего региона, или попросите новый.";
    TokenForeign = "token_foreign", 403, "Токен выдан для другого региона. Попросите токен у своего регионального оператора.";
    TokenExpired = "token_expired", 403, "Срок действия токена истёк. Попросите новый токен у своего регионального оператора.";
    TokenExhausted = "token_exhausted", 403, "Токен использован разрешённое число раз. Попросите новый токен у своего регионального оператора.";
    TokenRevoked = "token_revoked", 403, "Токен отозван оператором. Попросите новый токен.";
    CsrMalformed = "csr_malformed", 400, "Запрос на сертификат повреждён или его подпись неверна. Повторите регистрацию; если не поможет, переустановите агент.";
    CsrKeyType = "csr_key_type", 400, "Запрос на сертификат содержит ключ неподходящего типа: нужен ECDSA P-256. Переустановите агент.";
    CertificateRequired = "certificate_required", 401, "Соединение без сертификата устройства. Зарегистрируйте агент: cos-agent enroll ТОКЕН.";
    CertificateForeign = "certificate_foreign", 403, "Сертификат выдан другому региону. Зарегистрируйте агент токеном своего региона.";
    CertificateExpired = "certificate_expired", 401, "Срок сертификата устройства истёк. Агент обновит его сам; если нет, выполните cos-agent doctor.";
    CertificateRevoked = "certificate_revoked", 403, "Сертификат устройства отозван оператором. Обратитесь к региональному оператору; для возврата нужен новый токен.";
    DeviceMismatch = "device_mismatch", 403, "Отчёт подписан не тем устройством, которое его прислало.";
    RegionMismatch = "region_mismatch", 403, "Отчёт составлен для другого региона.";
    SignatureInvalid = "signature_invalid", 400, "Подпись отчёта не сходится с его содержимым: отчёт изменён или повреждён.";
    EnvelopeInvalid = "envelope_invalid", 400, "Конверт отчёта не читается или записан не по правилам.";
    BodyMismatch = "body_mismatch", 400, "Содержимое раздела не совпадает с подписанной контрольной суммой.";
    SectionInvalid = "section_invalid", 400, "Раздел отчёта не читается: значение нарушает свой тип или версия раздела неизвестна.";
    ReceiptInvalid = "receipt_invalid", 400, "Квитанция о регистрации не подписана этим контроллером.";
    BodyTooLarge = "body_too_large", 413, "Запрос больше допустимого, до или после распаковки.";
    BodyUnreadable = "body_unreadable", 400, "Тело запроса не читается: не JSON, неверная кодировка или повреждённое сжатие.";
    ProtocolUnsupported = "protocol_unsupported", 400, "Версия агента и версия контроллера не понимают друг друга. Обновите ту из них, что старше.";
    NotFound = "not_found", 404, "По этому адресу ничего нет.";
    MethodNotAllowed = "method_not_allowed", 405, "Этот адрес не принимает такого запроса.";
    Busy = "busy", 503, "Контроллер занят. Агент повторит позже сам.";
    StorageUnavailable = "storage_unavailable", 503, "База данных контроллера недоступна или на её диске нет места. Агент повторит позже сам; ничего не потеряно.";
    Internal = "internal", 500, "Внутренняя ошибка контроллера. Она записана в его журнал; агент повторит позже сам.";
}

impl fmt::Display for ProblemCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Problem {
    pub fn new(code: ProblemCode, server_time: Option<Timestamp>) -> Self {
        let detail = Sentence::observed(code.sentence()).expect("every code has a sentence");
        Self {
            status: code.status(),
            code,
            detail,
            server_time,
            retry_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_written_as_it_is_named_and_has_a_sentence() {
        for code in ProblemCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            let problem = Problem::new(*code, None);
            assert_eq!(
                problem.detail.as_str(),
                code.sentence(),
                "the sentence of {code} is longer than a Sentence may be"
            );
            assert!((400..600).contains(&problem.status));
        }
    }

    #[test]
    fn a_code_of_the_future_can_be_read() {
        let problem: Problem = serde_json::from_str(r#"{"status":409,"code":"moon_phase","detail":"Полнолуние"}"#).unwrap();
        assert_eq!(problem.code, ProblemCode::Other);
    }
}
