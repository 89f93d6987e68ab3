//! Observations without any IO, and what is said of them.

use inventory_schema::problem::{Problem, ProblemCode};

use super::words::of_problem;
use super::*;
use crate::language::Language;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn validity() -> Validity {
    Validity {
        not_before: at("2026-08-01T00:00:00.000000Z"),
        not_after: at("2027-09-05T00:00:00.000000Z"),
    }
}

fn contact(failure: Option<TransportFailure>) -> Contact {
    Contact {
        controller: "https://controller.example:8443".parse().unwrap(),
        failure,
    }
}

/// An agent with nothing wrong.
fn well() -> Observations {
    Observations {
        now: at("2026-09-01T06:00:00.000000Z"),
        config: Ok(()),
        state_dir: StateDir::Writable {
            path: "/var/lib/cos-agent".to_owned(),
        },
        enrollment: EnrollmentState::Enrolled {
            region: "RU-PER".parse().unwrap(),
            organization: "МБОУ «СОШ № 7»".to_owned(),
        },
        certificate: CertificateState::Valid(validity()),
        refusal: None,
        token: None,
        contacts: vec![contact(None)],
        clock_offset_micros: Some(1_500_000),
        check_in: Some(Ok(())),
        spool: Ok(SpoolSurvey::default()),
        restored: 0,
        quarantined: false,
    }
}

/// The one thing that is wrong.
fn only_fault(seen: &Observations) -> Finding {
    let mut faults: Vec<Finding> = judge(seen, Language::Ru)
        .into_iter()
        .filter(|finding| finding.verdict == Verdict::Wrong)
        .collect();
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert!(faults[0].advice.as_ref().is_some_and(|advice| !advice.is_empty()), "{faults:?}");
    faults.remove(0)
}

fn failing(failure: TransportFailure) -> Finding {
    only_fault(&Observations {
        contacts: vec![contact(Some(failure))],
        clock_offset_micros: None,
        check_in: None,
        ..well()
    })
}

#[test]
fn nothing_is_wrong_with_a_sound_agent_in_either_language() {
    for lang in [Language::Ru, Language::En] {
        let findings = judge(&well(), lang);
        assert!(is_well(&findings), "{findings:#?}");
        assert_eq!(findings.len(), 8);
    }
}

#[test]
fn each_obstacle_on_the_way_is_named() {
    let controller = || "https://controller.example:8443".to_owned();
    let proxy = || "http://10.0.59.52:3128".to_owned();
    let cases = [
        (TransportFailure::Dns { host: "c.example".into() }, "DNS"),
        (TransportFailure::ConnectionRefused { controller: controller() }, "порт закрыт"),
        (TransportFailure::Timeout { controller: controller() }, "не отвечает"),
        (TransportFailure::ProxyLoginRequired { proxy: proxy() }, "требует логин и пароль"),
        (
            TransportFailure::ProxyLoginRefused { proxy: proxy() },
            "не принимает заданные логин и пароль",
        ),
        (
            TransportFailure::ProxySilent {
                proxy: proxy(),
                controller: controller(),
            },
            "Прокси http://10.0.59.52:3128 не отвечает",
        ),
        (
            TransportFailure::ProxyUnreachable {
                proxy: proxy(),
                reason: "отказ".into(),
            },
            "10.0.59.52:3128 недоступен",
        ),
        (
            TransportFailure::CertificateReplaced {
                controller: controller(),
                issuer: "Школьный фильтр".into(),
            },
            "«Школьный фильтр»",
        ),
        (
            TransportFailure::UnexpectedAnswer {
                controller: controller(),
                status: 200,
                content_type: "text/html".into(),
                title: Some("Вход в сеть".into()),
            },
            "«Вход в сеть»",
        ),
        (
            TransportFailure::CertificateTimeInvalid {
                controller: controller(),
                validity: validity(),
                judged_at: at("2009-01-01T00:00:00.000000Z"),
            },
            "01.01.2009 00:00 UTC",
        ),
        (TransportFailure::CertificateName { controller: controller() }, "не для имени"),
    ];
    for (failure, expected) in cases {
        let finding = failing(failure);
        assert_eq!(finding.check, Check::Connection);
        assert!(finding.sentence.contains(expected), "{finding:?}");
    }
}

#[test]
fn one_address_that_answers_is_enough() {
    let seen = Observations {
        contacts: vec![
            contact(Some(TransportFailure::Dns {
                host: "c.example".to_owned(),
            })),
            contact(None),
        ],
        ..well()
    };
    let findings = judge(&seen, Language::Ru);
    assert!(is_well(&findings));
    assert!(findings.iter().any(|finding| finding.verdict == Verdict::Notice));
}

#[test]
fn a_wrong_clock_is_told_by_how_much() {
    let clock = |micros| Observations {
        clock_offset_micros: Some(micros),
        ..well()
    };
    let behind = only_fault(&clock(-(86_400 * 6000 + 7200 + 5) * 1_000_000));
    assert_eq!(behind.sentence, "Часы компьютера отстают на 6000 сут 2 ч.");
    assert_eq!(only_fault(&clock(3_660_000_000)).sentence, "Часы компьютера спешат на 1 ч 1 мин.");
    assert!(is_well(&judge(&clock(-200_000_000), Language::Ru)));
}

#[test]
fn the_controllers_refusal_is_said_in_its_own_sentence() {
    let seen = Observations {
        check_in: Some(Err(TransportFailure::Problem(Problem::new(ProblemCode::CertificateRevoked, None)))),
        ..well()
    };
    let finding = only_fault(&seen);
    assert_eq!(finding.check, Check::Controller);
    assert_eq!(finding.sentence, "Сертификат устройства отозван оператором.");
    assert!(finding.advice.unwrap().contains("новый токен"));
}

#[test]
fn an_expired_certificate_is_a_fault_of_its_own() {
    let seen = Observations {
        now: at("2028-01-01T00:00:00.000000Z"),
        ..well()
    };
    assert_eq!(only_fault(&seen).check, Check::Certificate);
}

#[test]
fn tokens_are_judged_without_spending_them() {
    let unenrolled = |token| Observations {
        enrollment: EnrollmentState::Enrolled {
            region: "RU-PER".parse().unwrap(),
            organization: "Школа".to_owned(),
        },
        token: Some(token),
        ..well()
    };
    let seen = |region: &str, expires| {
        Ok(TokenSeen {
            answer: None,
            region: region.parse().unwrap(),
            expires: at(expires),
        })
    };
    let sentence = |token| only_fault(&unenrolled(token)).sentence;
    assert!(sentence(Err(TokenError::Checksum)).contains("набран с ошибкой"));
    assert!(sentence(seen("RU-SVE", "2026-12-31T00:00:00.000000Z")).contains("другого региона"));
    assert!(sentence(seen("RU-PER", "2026-08-31T00:00:00.000000Z")).contains("истёк"));
    assert!(is_well(&judge(
        &unenrolled(seen("RU-PER", "2026-12-31T00:00:00.000000Z")),
        Language::Ru
    )));
}

#[test]
fn what_the_last_attempt_was_refused_for_is_shown() {
    let seen = Observations {
        refusal: Some(Refusal {
            token: "01900000-0000-7000-8000-000000000001".parse().unwrap(),
            code: ProblemCode::TokenExhausted,
            at: at("2026-09-01T06:00:00.000000Z"),
        }),
        ..well()
    };
    let finding = only_fault(&seen);
    assert_eq!(finding.check, Check::LastAttempt);
    assert!(finding.sentence.contains("разрешённое число раз"), "{}", finding.sentence);
}

#[test]
fn an_unenrolled_computer_is_told_how_to_enroll() {
    let seen = Observations {
        enrollment: EnrollmentState::None,
        certificate: CertificateState::NotExpected,
        contacts: Vec::new(),
        clock_offset_micros: None,
        check_in: None,
        ..well()
    };
    assert!(only_fault(&seen).advice.unwrap().contains("cos-agent enroll"));
}

#[test]
fn a_broken_configuration_names_its_line() {
    let seen = Observations {
        config: Err(Reason {
            russian: "agent.toml, строка 3, ключ «contollers»: unknown field".to_owned(),
            english: "agent.toml, line 3, key «contollers»: unknown field".to_owned(),
        }),
        ..well()
    };
    assert!(only_fault(&seen).sentence.contains("строка 3"));
}

#[test]
fn a_spool_that_lost_something_is_worth_a_notice() {
    let seen = Observations {
        spool: Ok(SpoolSurvey {
            reports: 12,
            tombstones: 3,
            bytes: 4096,
            damaged: 1,
            refused: 0,
            forgotten: 2,
        }),
        ..well()
    };
    let findings = judge(&seen, Language::Ru);
    assert!(is_well(&findings));
    let notices = findings.iter().filter(|finding| finding.verdict == Verdict::Notice).count();
    assert_eq!(notices, 3);
}

#[test]
fn every_refusal_has_words_in_both_languages() {
    for code in ProblemCode::ALL {
        for lang in [Language::Ru, Language::En] {
            assert!(of_problem(*code, lang).what.ends_with('.'), "{code}");
        }
    }
}

#[test]
fn a_disk_that_restores_itself_is_told_with_the_folder_to_exclude() {
    let seen = Observations { restored: 1, ..well() };
    let findings = judge(&seen, Language::Ru);
    let told = findings.iter().find(|finding| finding.sentence.contains("восстановлен")).unwrap();
    assert_eq!(told.verdict, Verdict::Notice);
    assert!(told.advice.as_ref().unwrap().contains("/var/lib/cos-agent"), "{told:?}");
    let seen = Observations {
        quarantined: true,
        ..well()
    };
    let findings = judge(&seen, Language::En);
    assert!(
        findings
            .iter()
            .any(|finding| finding.verdict == Verdict::Wrong && finding.sentence.contains("another computer"))
    );
}
