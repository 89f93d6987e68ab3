//! What a measurement found and proves, as it is said to people. Pure: a record and its judgement in, text out.

use std::fmt::Write as _;

use cos_measurement::lease::Refusal;
use cos_measurement::probe::Failure;
use inventory_schema::measurement::verdict::{Judgement, Reason, Verdict};
use inventory_schema::measurement::{Direction, Fault, Measurement, Method, ServerPlace, TimestampSource};

use super::Checked;
use crate::language::Language;

/// The answer in full: the verdict, the figures it stands on, why nothing is proven and what to do about it.
pub fn answer(checked: &Checked, judgement: &Judgement, lang: Language) -> String {
    let measurement = &checked.measurement;
    let mut text = headline(measurement, judgement, lang);
    if measurement.rates.is_some() {
        text.push_str(&figures(measurement, judgement, lang));
    }
    if let Some(failure) = checked.failure {
        let _ = writeln!(
            text,
            "  • {}",
            failure_in_words(failure, measurement.has_fault(Fault::UdpBlocked), lang)
        );
    }
    for reason in &judgement.reasons {
        let _ = writeln!(text, "  • {}", reason_in_words(*reason, lang));
    }
    if judgement.verdict == Verdict::Meets && !judgement.one_sided.is_empty() {
        let _ = writeln!(
            text,
            "  {}",
            lang.choose(
                "Если бы линия не прошла, это измерение ничего бы не доказало:",
                "Had the line failed, this measurement would have proven nothing:"
            )
        );
        for reason in &judgement.one_sided {
            let _ = writeln!(text, "  • {}", reason_in_words(*reason, lang));
        }
    }
    text
}

fn headline(measurement: &Measurement, judgement: &Judgement, lang: Language) -> String {
    let way = match measurement.direction {
        Direction::Down => lang.choose("К компьютеру", "Download"),
        Direction::Up => lang.choose("От компьютера", "Upload"),
    };
    let target = megabits(judgement.target.get(), lang);
    let carried = megabits(judgement.carried.get(), lang);
    let unit = lang.choose("Мбит/с", "Mbit/s");
    match (judgement.verdict, measurement.rates.is_some()) {
        (_, false) => match lang {
            Language::Ru => format!("{way}: НЕ ИЗМЕРЕНО.\n"),
            Language::En => format!("{way}: NOT MEASURED.\n"),
        },
        (Verdict::Meets, _) => match lang {
            Language::Ru => format!("{way}: СООТВЕТСТВУЕТ. Линия пропускает {carried} {unit} при норме {target}.\n"),
            Language::En => format!("{way}: MEETS. The line carries {carried} {unit}, the target is {target}.\n"),
        },
        (Verdict::Below, _) => match lang {
            Language::Ru => format!("{way}: НЕ СООТВЕТСТВУЕТ. Линия пропускает {carried} {unit} при норме {target}.\n"),
            Language::En => format!("{way}: BELOW. The line carries {carried} {unit}, the target is {target}.\n"),
        },
        (Verdict::Inconclusive | Verdict::NoData, _) => match lang {
            Language::Ru => format!("{way}: НЕДОСТОВЕРНО. Измерено {carried} {unit} при норме {target}, и это ничего не доказывает:\n"),
            Language::En => format!("{way}: INCONCLUSIVE. {carried} {unit} were measured, the target is {target}; this proves nothing:\n"),
        },
    }
}

fn figures(measurement: &Measurement, judgement: &Judgement, lang: Language) -> String {
    let unit = lang.choose("Мбит/с", "Mbit/s");
    let mut text = format!("  ± {} {unit}", megabits(judgement.half_width.get().max(10_000), lang));
    let mut push = |russian: String, english: String| {
        let _ = write!(text, ", {}", lang.choose(&russian, &english));
    };
    if let Some(packets) = measurement.packets {
        push(
            format!("потеряно {} из {} пакетов", packets.lost.get(), packets.sent.get()),
            format!("{} of {} packets lost", packets.lost.get(), packets.sent.get()),
        );
    }
    let delay = measurement.delay;
    if let Some(time) = delay.and_then(|delay| delay.round_trip_median) {
        let time = milliseconds(time.get(), lang);
        push(format!("задержка {time} мс"), format!("round trip {time} ms"));
    }
    if let Some(rise) = delay.and_then(|delay| delay.one_way_rise) {
        let rise = milliseconds(rise.get(), lang);
        push(format!("под нагрузкой +{rise} мс"), format!("under load +{rise} ms"));
    }
    let used = measurement.bytes_used.get() / 100_000;
    let used = decimal(used / 10, used % 10, lang);
    push(format!("передано {used} МБ"), format!("{used} MB were sent"));
    text.push('\n');
    if let Some(raw) = measurement.rates.and_then(|rates| rates.raw) {
        text.push_str(&own_number(measurement, raw.get(), lang));
    }
    if let Some(server) = &measurement.server {
        let name = server.title.as_ref().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(
            text,
            "  {} {name} ({})",
            lang.choose("Сервер:", "Server:"),
            place(server.place, lang)
        );
    }
    if measurement.timestamps == TimestampSource::UserSpace {
        let _ = writeln!(
            text,
            "  {}",
            lang.choose(
                "Время прихода пакетов отмечала программа, а не система: точность ниже.",
                "The program and not the system noted when packets arrived: this is less precise."
            )
        );
    }
    text
}

/// What the method itself prints, and what such a number is good for.
fn own_number(measurement: &Measurement, raw: u64, lang: Language) -> String {
    let raw = megabits(raw, lang);
    let (name, advisory) = match measurement.method {
        Method::Ndt7 => ("ndt7", true),
        Method::Librespeed => ("LibreSpeed", true),
        _ => ("TCP", false),
    };
    let mut text = match lang {
        Language::Ru => format!("  По счёту {name}: {raw} Мбит/с; выше — в пересчёте на IP.\n"),
        Language::En => format!("  As {name} counts: {raw} Mbit/s; above it is reckoned at the IP layer.\n"),
    };
    if advisory {
        text.push_str(lang.choose(
            "  Справочно: этот способ показывает скорость отдельных соединений, а не то, что пропускает линия.\n",
            "  Advisory: this method shows how fast single connections were, and not what the line carries.\n",
        ));
    }
    text
}

fn place(place: ServerPlace, lang: Language) -> &'static str {
    match place {
        ServerPlace::Loopback => lang.choose("этот же компьютер", "this very computer"),
        ServerPlace::School => lang.choose("в сети школы", "in the school's network"),
        ServerPlace::RegionalNode => lang.choose("региональный узел", "regional node"),
        ServerPlace::Beyond => lang.choose("за пределами сети оператора", "beyond the provider's network"),
        ServerPlace::Other => lang.choose("место не указано", "its place is not said"),
    }
}

/// Why a measurement proves nothing, and what to do about it.
pub fn reason_in_words(reason: Reason, lang: Language) -> &'static str {
    match reason {
        Reason::Loopback => lang.choose(
            "сервер стоит на этом же компьютере или в сети школы: линия не измерялась",
            "the server stands on this computer or in the school's network: no line was measured",
        ),
        Reason::Clock => lang.choose(
            "во время измерения перевели часы; повторите",
            "the clock was set during the measurement; measure again",
        ),
        Reason::Proxy => lang.choose(
            "между компьютером и сервером стоит прокси: измерен он, а не линия",
            "a proxy stands between this computer and the server: it was measured, and not the line",
        ),
        Reason::Wifi => lang.choose(
            "компьютер подключён по Wi-Fi: подключите его кабелем и повторите",
            "this computer is on Wi-Fi: use a cable and measure again",
        ),
        Reason::Nic => lang.choose(
            "сетевая карта, кабель или порт медленнее нормы (или их скорость неизвестна): нужна карта на 1 Гбит/с и исправный кабель",
            "the network card, cable or port is slower than the target, or its speed is not known: use a gigabit card and a sound cable",
        ),
        Reason::ServerBusy => lang.choose(
            "сервер занят или не выдержал темпа; повторите позже",
            "the server was busy or did not keep its pace; try again later",
        ),
        Reason::UdpBlocked => lang.choose(
            "UDP до сервера не проходит: откройте его порт в фильтре",
            "UDP does not pass to the server: open its port in the filter",
        ),
        Reason::CrossTraffic => lang.choose(
            "линией пользовались другие компьютеры, или неизвестно, пользовались ли: отключите их и повторите с ключом --alone",
            "other computers used the line, or nobody knows whether they did: switch them off and repeat with --alone",
        ),
        Reason::Cpu => lang.choose(
            "компьютер был занят и не успевал принимать или передавать: закройте программы и повторите",
            "this computer was too busy to receive or send: close programs and measure again",
        ),
        Reason::BurstCredit => lang.choose(
            "линия могла держаться на накопленном запасе скорости: повторите с ключом --deep",
            "the line may have lived on saved-up credit: repeat with --deep",
        ),
        Reason::Lossy => lang.choose(
            "пакеты терялись не из-за переполнения линии: проверьте кабель и оборудование",
            "packets were lost otherwise than by a full line: check cable and equipment",
        ),
        Reason::Short => lang.choose("измерено слишком мало; повторите", "too little was measured; measure again"),
        Reason::PassOnly => lang.choose(
            "этот способ может доказать только соответствие",
            "this method can only ever prove that a line meets its target",
        ),
    }
}

fn failure_in_words(failure: Failure, server_is_there: bool, lang: Language) -> String {
    match failure {
        Failure::NoAnswer if server_is_there => lang
            .choose(
                "сервер доступен по TCP, но UDP до него не проходит: откройте его порт в фильтре",
                "the server is there by TCP, and UDP does not pass: open its port in the filter",
            )
            .to_owned(),
        Failure::NoAnswer => lang
            .choose(
                "сервер измерений не отвечает: проверьте адрес, порт и связь",
                "the measuring server does not answer: check address, port and network",
            )
            .to_owned(),
        Failure::NoLoad => lang
            .choose(
                "сервер ответил, но измерительные пакеты не дошли: фильтр пропускает не все UDP-пакеты",
                "the server answered, and no load came through: a filter lets not all UDP pass",
            )
            .to_owned(),
        Failure::Direction => lang
            .choose(
                "право на измерение выдано для другого направления",
                "the lease is for the other direction",
            )
            .to_owned(),
        Failure::Refused { refusal, retry_after } => {
            let sentence = refusal_in_words(refusal, lang);
            if retry_after.is_zero() {
                return format!("{sentence} ({})", refusal.code());
            }
            let seconds = retry_after.as_secs() + 1;
            match lang {
                Language::Ru => format!("{sentence}; повторите через {seconds} с ({})", refusal.code()),
                Language::En => format!("{sentence}; try again in {seconds} s ({})", refusal.code()),
            }
        }
    }
}

fn refusal_in_words(refusal: Refusal, lang: Language) -> &'static str {
    match refusal {
        Refusal::Malformed | Refusal::Version => lang.choose(
            "сервер не понял запроса: обновите агент или сервер",
            "the server did not understand: update the agent or the server",
        ),
        Refusal::Forged => lang.choose(
            "сервер не признал право на измерение: оно выдано с другим ключом",
            "the server does not know the lease: it was given with another key",
        ),
        Refusal::Expired => lang.choose("срок права на измерение истёк", "the lease has expired"),
        Refusal::NotYet => lang.choose(
            "право на измерение ещё не действует; проверьте часы сервера",
            "the lease is not valid yet; check the server's clock",
        ),
        Refusal::Replayed => lang.choose("право на измерение уже использовано", "the lease was used already"),
        Refusal::OtherServer => lang.choose("право на измерение выдано для другого сервера", "the lease is for another server"),
        Refusal::OtherSchool => lang.choose("право на измерение выдано другой школе", "the lease is for another school"),
        Refusal::Rate => lang.choose("запрошено больше, чем разрешено", "more was asked for than is allowed"),
        Refusal::ServerBusy => lang.choose("сервер занят", "the server is busy"),
        Refusal::LeaseNeeded => lang.choose(
            "этот сервер меряет только по праву от контроллера: укажите его ключом --lease",
            "this server measures with a lease only: give one with --lease",
        ),
    }
}

/// `100,4`: bits per second as megabits, to a tenth; what is within a tenth of the target keeps two places.
fn megabits(rate: u64, lang: Language) -> String {
    let hundredths = (rate + 5_000) / 10_000;
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    let mark = lang.choose(",", ".");
    format!("{whole}{mark}{rest:02}")
}

fn milliseconds(micros: u64, lang: Language) -> String {
    let tenths = (micros + 50) / 100;
    decimal(tenths / 10, tenths % 10, lang)
}

fn decimal(whole: u64, tenth: u64, lang: Language) -> String {
    format!("{whole}{}{tenth}", lang.choose(",", "."))
}
