//! Failures in sentences for people: what happened, and what to do. Said by `doctor` and `enroll` alike.

use inventory_schema::problem::ProblemCode;

use crate::language::{Language, moment};
use crate::transport::TransportFailure;

/// What happened, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub what: String,
    pub advice: String,
}

/// Picks the language of a sentence that was put together.
fn say(lang: Language, russian: (String, &str), english: (String, &str)) -> Said {
    let (what, advice) = match lang {
        Language::Ru => russian,
        Language::En => english,
    };
    Said {
        what,
        advice: advice.to_owned(),
    }
}

/// Why a controller was not reached, or what it refused.
pub fn of_failure(failure: &TransportFailure, lang: Language) -> Said {
    use TransportFailure as F;
    match failure {
        F::Dns { .. } | F::ConnectionRefused { .. } | F::Unreachable { .. } | F::Timeout { .. } | F::Broken { .. } => {
            of_network(failure, lang)
        }
        F::ProxyUnreachable { .. }
        | F::ProxySilent { .. }
        | F::ProxyLoginRequired { .. }
        | F::ProxyLoginRefused { .. }
        | F::ProxyRefused { .. } => of_proxy(failure, lang),
        F::CertificateReplaced { .. } | F::CertificateTimeInvalid { .. } | F::CertificateName { .. } | F::Tls { .. } => {
            of_certificate(failure, lang)
        }
        F::Problem(problem) => of_problem(problem.code, lang),
        F::UnexpectedAnswer { .. } | F::TimeNotBelieved { .. } | F::RequestTooLarge { .. } => of_answer(failure, lang),
    }
}

fn of_network(failure: &TransportFailure, lang: Language) -> Said {
    use TransportFailure as F;
    match failure {
        F::Dns { host } => say(
            lang,
            (
                format!("Имя «{host}» не находится: DNS не даёт для него адреса."),
                "Проверьте, что сеть подключена и что DNS-сервер школы знает это имя; ошибка в имени исправляется в agent.toml или новым токеном.",
            ),
            (
                format!("The name «{host}» is not found: DNS gives no address for it."),
                "Check that the network is up and that the school's DNS server knows the name.",
            ),
        ),
        F::ConnectionRefused { controller } => say(
            lang,
            (
                format!("{controller} отвергает соединение: порт закрыт."),
                "Откройте исходящие соединения на этот порт в межсетевом экране или проверьте, что контроллер запущен.",
            ),
            (
                format!("{controller} refuses the connection: the port is closed."),
                "Open outgoing connections to this port in the firewall, or check that the controller runs.",
            ),
        ),
        F::Timeout { controller } => say(
            lang,
            (
                format!("{controller} не отвечает: время ожидания истекло."),
                "Вероятно, межсетевой экран молча отбрасывает пакеты или нужен прокси: укажите его в разделе [proxy] файла agent.toml.",
            ),
            (
                format!("{controller} does not answer: the time ran out."),
                "A firewall may drop the packets silently, or a proxy is needed: name it in [proxy] of agent.toml.",
            ),
        ),
        F::Broken { controller, reason } => say(
            lang,
            (
                format!("Соединение с {controller} оборвалось: {reason}."),
                "Повторите; если обрыв постоянный, проверьте фильтр или прокси между школой и контроллером.",
            ),
            (
                format!("The connection to {controller} broke off: {reason}."),
                "Try again; if it always breaks, look at the filter or proxy in between.",
            ),
        ),
        other => say(
            lang,
            (
                format!("Контроллер недоступен: {other}."),
                "Проверьте, что сеть подключена и маршрут есть.",
            ),
            (
                format!("The controller cannot be reached: {other}."),
                "Check that the network is up.",
            ),
        ),
    }
}

fn of_proxy(failure: &TransportFailure, lang: Language) -> Said {
    use TransportFailure as F;
    match failure {
        F::ProxyLoginRequired { proxy } => say(
            lang,
            (
                format!("Прокси {proxy} требует логин и пароль."),
                "Впишите login и password в раздел [proxy] файла agent.toml или попросите пропускать адрес контроллера без входа.",
            ),
            (
                format!("The proxy {proxy} wants a login and a password."),
                "Write login and password into [proxy] of agent.toml, or have the controller's address let through without them.",
            ),
        ),
        F::ProxyLoginRefused { proxy } => say(
            lang,
            (
                format!("Прокси {proxy} не принимает заданные логин и пароль."),
                "Проверьте login и password в разделе [proxy] файла agent.toml. Если они верны, прокси требует другой способ входа (NTLM, Kerberos): агент его не поддерживает, попросите пропускать адрес контроллера без входа.",
            ),
            (
                format!("The proxy {proxy} does not accept the login and password."),
                "Check login and password in [proxy] of agent.toml. If they are right, the proxy wants another method (NTLM, Kerberos), which the agent does not support: have the controller's address let through without a login.",
            ),
        ),
        F::ProxySilent { proxy, controller } => say(
            lang,
            (
                format!("Прокси {proxy} не отвечает: соединение с {controller} через него не установлено за отведённое время."),
                "Проверьте адрес и порт прокси в agent.toml, в токене или в настройках системы и то, что прокси пропускает к адресу и порту контроллера.",
            ),
            (
                format!("The proxy {proxy} does not answer: no connection to {controller} was made through it in time."),
                "Check the proxy's address and port in agent.toml, in the token or in the system's settings, and that it lets through to the controller's address and port.",
            ),
        ),
        F::ProxyUnreachable { proxy, reason } => say(
            lang,
            (
                format!("Прокси {proxy} недоступен: {reason}."),
                "Проверьте адрес и порт прокси в agent.toml, в токене или в настройках системы.",
            ),
            (
                format!("The proxy {proxy} cannot be reached: {reason}."),
                "Check the proxy's address and port in agent.toml, in the token or in the system's settings.",
            ),
        ),
        other => say(
            lang,
            (
                format!("Прокси не пропускает агент к контроллеру ({other})."),
                "Попросите администратора прокси разрешить метод CONNECT к адресу и порту контроллера.",
            ),
            (
                format!("The proxy does not let the agent through ({other})."),
                "Have the proxy allow CONNECT to the controller's address and port.",
            ),
        ),
    }
}

fn of_certificate(failure: &TransportFailure, lang: Language) -> Said {
    use TransportFailure as F;
    match failure {
        F::CertificateReplaced { controller, issuer } => say(
            lang,
            (
                format!(
                    "Кто-то между компьютером и {controller} подменяет сертификат: вместо удостоверяющего центра региона его выпустил «{issuer}»."
                ),
                "Это делает фильтр с проверкой HTTPS. Внесите адрес контроллера в исключения фильтра: отчёты через подмену не отправляются.",
            ),
            (
                format!(
                    "Something between this computer and {controller} replaces the certificate: it was issued by «{issuer}», not by the region's authority."
                ),
                "A filter that inspects HTTPS does this. Exempt the controller's address from inspection: no report is sent through it.",
            ),
        ),
        F::CertificateTimeInvalid { validity, judged_at, .. } => say(
            lang,
            (
                format!(
                    "Сертификат контроллера действует с {} по {}, а сейчас, по мнению агента, {}.",
                    moment(validity.not_before, lang),
                    moment(validity.not_after, lang),
                    moment(*judged_at, lang)
                ),
                "Если время неверно, исправьте часы (часто разряжена батарейка на плате). Если верно, сообщите региональному оператору: сертификат контроллера истёк.",
            ),
            (
                format!(
                    "The controller's certificate is valid from {} to {}, and the agent takes it to be {}.",
                    moment(validity.not_before, lang),
                    moment(validity.not_after, lang),
                    moment(*judged_at, lang)
                ),
                "If that time is wrong, set the clock (often the board's battery is dead). If it is right, tell the regional operator.",
            ),
        ),
        F::CertificateName { controller } => say(
            lang,
            (
                format!("Сертификат выпущен регионом, но не для имени из адреса {controller}."),
                "Проверьте адрес контроллера в agent.toml или сообщите региональному оператору.",
            ),
            (
                format!("The region issued the certificate, but not for the name in {controller}."),
                "Check the controller's address in agent.toml, or tell the regional operator.",
            ),
        ),
        other => say(
            lang,
            (
                format!("Защищённое соединение не устанавливается: {other}."),
                "Проверьте, что по этому адресу и порту отвечает контроллер и что фильтр не вмешивается в HTTPS.",
            ),
            (
                format!("No secure connection can be made: {other}."),
                "Check that a controller answers at this address and that no filter meddles with HTTPS.",
            ),
        ),
    }
}

fn of_answer(failure: &TransportFailure, lang: Language) -> Said {
    match failure {
        TransportFailure::UnexpectedAnswer {
            controller, status, title, ..
        } => {
            let title = title.as_ref().map(|title| format!(" («{title}»)")).unwrap_or_default();
            say(
                lang,
                (
                    format!("По адресу {controller} отвечает не контроллер: страница с кодом {status}{title}."),
                    "Вероятно, отвечает фильтр или портал входа. Внесите адрес контроллера в исключения.",
                ),
                (
                    format!("It is not a controller that answers at {controller}: a page with status {status}{title}."),
                    "Probably a filter or a login portal. Exempt the controller's address.",
                ),
            )
        }
        other => say(
            lang,
            (
                format!("Ответу нельзя верить: {other}."),
                "Повторите; если не поможет, сообщите региональному оператору.",
            ),
            (
                format!("The answer cannot be believed: {other}."),
                "Try again; if it does not help, tell the regional operator.",
            ),
        ),
    }
}

/// A refusal in the words that controller and agent share. The Russian sentence says what to do as well.
pub fn of_problem(code: ProblemCode, lang: Language) -> Said {
    match lang {
        Language::Ru => {
            let (what, advice) = code.sentence().split_once(". ").unwrap_or((code.sentence(), ""));
            Said {
                what: format!("{}.", what.trim_end_matches('.')),
                advice: advice.to_owned(),
            }
        }
        Language::En => {
            let (what, advice) = in_english(code);
            Said {
                what: what.map_or_else(|| format!("The controller refused: {code}."), str::to_owned),
                advice: advice.to_owned(),
            }
        }
    }
}

fn in_english(code: ProblemCode) -> (Option<&'static str>, &'static str) {
    use ProblemCode as P;
    const ASK: &str = "Ask your regional operator for a new token.";
    const LATER: &str = "The agent tries again by itself; nothing is lost.";
    match code {
        P::TokenMalformed => (
            Some("The token is mistyped or was cut while copying."),
            "Copy it whole, as one line, or take the token's file.",
        ),
        P::TokenUnknown => (Some("This controller issued no such token."), ASK),
        P::TokenForeign => (Some("The token was issued for another region."), ASK),
        P::TokenExpired => (Some("The token has expired."), ASK),
        P::TokenExhausted => (Some("The token was used as often as it may be."), ASK),
        P::TokenRevoked => (Some("An operator revoked the token."), ASK),
        P::CertificateRequired => (
            Some("The connection shows no device certificate."),
            "Enroll the agent: cos-agent enroll TOKEN.",
        ),
        P::CertificateForeign => (Some("The certificate was issued for another region."), ASK),
        P::CertificateExpired => (Some("The device's certificate has expired."), "The agent renews it by itself."),
        P::CertificateRevoked => (
            Some("An operator revoked the device's certificate."),
            "Ask your regional operator; to return, enroll with a new token: cos-agent enroll --again TOKEN.",
        ),
        P::ProtocolUnsupported => (
            Some("Agent and controller do not understand each other."),
            "Update the older of the two.",
        ),
        P::Busy => (Some("The controller is busy."), LATER),
        P::StorageUnavailable => (Some("The controller's database is unavailable or full."), LATER),
        P::Internal => (Some("The controller failed internally."), LATER),
        _ => (None, "See the agent's journal."),
    }
}
