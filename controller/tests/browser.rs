//! A newcomer's first quarter of an hour, in a real browser against a real controller and the real agent.
//!
//! Needs Debian's chromium and chromium-driver; fails where they are missing, because a test that passes
//! without looking proves nothing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod browser {
    pub mod chromium;
    pub mod gallery;
    pub mod machines;
    pub mod pages;
    pub mod region;
}

use browser::chromium::with_browser;
use browser::gallery::Gallery;
use browser::machines::{Machine, fixtures};
use browser::pages::{Pages, plain};
use browser::region::{LOGIN, Region};

const PASSWORD: &str = "каменный цветок 1939";
const HEADER: &str = "ОГРН;ИНН;КПП;Вид;Полное наименование;ОКТМО муниципалитета;Муниципалитет;Номер здания;Адрес;Населённый пункт;Класс населённого пункта;ОКТМО здания;Кабинет;Назначение кабинета";
const ROW: &str = "1205999000019;5999000016;599901001;ШКОЛА;Школа № 1;57701000;Пермский городской округ;1;ул. Школьная, 1;Пермь;ГОРОД;57701000001;12;КАБИНЕТ";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_finds_this_very_computer_in_its_school() {
    let region = Region::with_this_computer().await;
    let (origin, one_time) = (region.url(""), region.one_time_password.clone());
    let school = region.school.short_name.to_string();
    let device = region.device.to_string();
    let case = region.with_a_likely_double().await;
    with_browser(|browser| async move {
        let pages = Pages::new(browser, origin);
        pages.sign_in_first(LOGIN, &one_time, PASSWORD).await;
        find_school(&pages, &school).await;
        read_device(&pages, &device).await;
        ask_for_proof(&pages).await;
        overrule(&pages, &format!("/devices/{device}")).await;
        switch_language(&pages, &device).await;
        create_token(&pages, &school).await;
        decide_a_case(&pages, &case).await;
        log_out(&pages, &device).await;
    })
    .await;
    region.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_fits_a_desk_and_a_phone() {
    let region = Region::with_this_computer().await;
    let (origin, one_time) = (region.url(""), region.one_time_password.clone());
    let school = format!("/organizations/{}", region.school.external_id);
    let device = format!("/devices/{}", region.device);
    let case = region.with_a_likely_double().await;
    let exchanged = region.with_wandering_parts().await;
    let line = region.with_measured_lines().await;
    let (line_for_ever, act) = (format!("{line}?days=all"), format!("{line}/act"));
    with_browser(|browser| async move {
        let (pages, gallery) = (Pages::new(browser, origin), Gallery::new());
        for (name, path) in [("login", "/login"), ("trust", "/trust")] {
            pages.open(path).await;
            gallery.look(&pages, name).await;
        }
        pages.sign_in_first(LOGIN, &one_time, PASSWORD).await;
        let rest = [
            ("overview", "/"),
            ("organizations", "/organizations"),
            ("organization", &school),
            ("devices", "/devices"),
            ("device", &device),
            ("device-parts", &exchanged),
            ("lines", "/lines"),
            ("line", line.as_str()),
            ("line-all", &line_for_ever),
            ("line-act", &act),
            ("changes", "/changes"),
            ("parts", "/parts?q=kingston"),
            ("names", "/names"),
            ("review", "/review"),
            ("review-case", &case),
            ("tokens", "/tokens"),
            ("operators", "/operators"),
            ("password", "/password"),
            ("import", "/register/import"),
            ("evidence", "/evidence"),
            ("activity", "/activity"),
            ("not-found", "/nowhere"),
        ];
        for (name, path) in rest {
            pages.open(path).await;
            gallery.look(&pages, name).await;
        }
        look_at_forms(&pages, &gallery, &school).await;
        pages.click("button[name=language][value=en]").await;
        pages.find("html[lang=en]").await;
        for (name, path) in rest {
            pages.open(path).await;
            gallery.look(&pages, &format!("{name}-english")).await;
        }
    })
    .await;
    region.end().await;
}

/// Three real machines as their pages show them: would a technician recognise each? Passes over itself where
/// `COS_TEST_FIXTURES` names no folder with their tables; with `COS_TEST_SCREENSHOTS` the pictures of the documentation are
/// made anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_machines_are_recognised_by_the_first_line() {
    let Some(fixtures) = fixtures() else {
        eprintln!("COS_TEST_FIXTURES names no folder: nothing was looked at");
        return;
    };
    let mut region = Region::with_this_computer().await;
    let machines = [
        (
            Machine::laptop(&fixtures),
            "Ноутбук Lenovo ThinkPad T480s (20L8S07A14), Core i7-8650U, 24 ГБ, SSD 256 ГБ, экран",
        ),
        (
            Machine::desktop_with_fillers(&fixtures),
            "Настольный компьютер MSI MS-7816, Core i5-4460",
        ),
        (
            Machine::panel_computer(&fixtures),
            "Компьютер интерактивной панели AZW EQ, Intel N100, 16 ГБ, SSD 512 ГБ, интерактивная панель ActivPanel V6",
        ),
    ];
    let mut addresses = Vec::new();
    for (machine, said) in &machines {
        addresses.push((machine.name, region.with_machine(machine.name, machine.tree()).await, *said));
    }
    let (origin, one_time) = (region.url(""), region.one_time_password.clone());
    with_browser(|browser| async move {
        let (pages, gallery) = (Pages::new(browser, origin), Gallery::new());
        pages.sign_in_first(LOGIN, &one_time, PASSWORD).await;
        for (name, address, said) in &addresses {
            pages.open(address).await;
            let line = pages.text(".headline").await;
            assert!(line.starts_with(said), "{name}: {line}");
            gallery.look(&pages, &format!("machine-{name}")).await;
            gallery.portray(&pages, &format!("device-{name}")).await;
        }
        let fillers = pages_of(&addresses, "desktop");
        pages.open(&fillers).await;
        assert!(pages.text("#numbers").await.contains("заводская заглушка"));
        let panel = pages_of(&addresses, "panel-computer");
        pages.open(&panel).await;
        let screens = pages.text("#display").await;
        assert!(
            screens.contains("неизвестна") && !screens.contains('″'),
            "no inches of a scaler's filler: {screens}"
        );
        overrule(&pages, &fillers).await;
    })
    .await;
    region.end().await;
}

fn pages_of(addresses: &[(&str, String, &str)], name: &str) -> String {
    addresses.iter().find(|(of, _, _)| *of == name).unwrap().1.clone()
}

/// What the agent concluded, overruled by hand and taken back; how a number was read, without a script.
async fn overrule(pages: &Pages, device: &str) {
    pages.open(device).await;
    let before = pages.text("#kind h2").await;
    pages.click("#kind details:first-of-type > summary").await;
    pages.find("#ruled-kind").await.select_by_value("panel_computer").await.unwrap();
    pages.fill("#kind-reason", "стоит за панелью в актовом зале").await;
    pages.click("#kind details:first-of-type button.primary").await;
    pages.find("#take-back-reason").await;
    let ruled = pages.text("#kind").await;
    for said in ["указал человек", "стоит за панелью", LOGIN] {
        assert!(ruled.contains(said), "{said}: {ruled}");
    }
    assert!(pages.text(".headline").await.starts_with("Компьютер интерактивной панели"));
    pages.open("/devices?kind=panel_computer").await;
    pages.find(&format!("main a[href='{device}']")).await;
    pages.open(device).await;
    pages.click("#kind details:nth-of-type(2) > summary").await;
    pages.fill("#take-back-reason", "ошибся кабинетом").await;
    pages.click("#kind details:nth-of-type(2) button").await;
    pages.find("#kind details:nth-of-type(2) ul.findings").await;
    assert_eq!(pages.text("#kind h2").await, before);
}

/// Two records that may be one computer: what speaks for it, joined, and parted again.
async fn decide_a_case(pages: &Pages, case: &str) {
    pages.click("nav.main a[href='/review']").await;
    pages.heading("Двойники и копии").await;
    pages.click(&format!("a[href='{case}']")).await;
    pages.heading("Вероятный двойник").await;
    let evidence = pages.text("main").await;
    for said in ["Серийный номер диска", "Совпадает", "один компьютер", "+90", "−80"] {
        assert!(evidence.contains(said), "{said}: {evidence}");
    }
    pages.click("#decide form[action$='/merge'] button").await;
    pages.find("#decide form[action$='/undo']").await;
    assert!(pages.text("main").await.contains("объединены"));
    pages.click("#decide form[action$='/undo'] button").await;
    pages.find("#decide form[action$='/merge']").await;
    assert!(pages.text("main").await.contains("ждёт решения"));
}

/// The pages that only a filled-in form leads to.
async fn look_at_forms(pages: &Pages, gallery: &Gallery, school: &str) {
    pages.open(&format!("{school}/tokens/new")).await;
    gallery.look(pages, "token-new").await;
    pages.click("main form button.primary").await;
    pages.heading("Токен создан").await;
    gallery.look(pages, "token-created").await;

    let folder = tempfile::tempdir().unwrap();
    for (name, row) in [
        (
            "import-errors",
            ROW.replace("5999000016", "5999000017").replace("57701000;", "577;"),
        ),
        ("import-preview", ROW.to_owned()),
    ] {
        let file = folder.path().join(format!("{name}.csv"));
        std::fs::write(&file, format!("{HEADER}\n{row}\n")).unwrap();
        pages.open("/register/import").await;
        pages.find("#file").await.send_keys(file.to_str().unwrap()).await.unwrap();
        pages.click("main form button.primary").await;
        pages.heading("Что изменится").await;
        gallery.look(pages, name).await;
    }

    pages.open("/operators").await;
    pages.fill("#login", "ivanova").await;
    pages.fill("#display_name", "Иванова А. П., методист").await;
    pages.find("#role").await.select_by_value("auditor").await.unwrap();
    pages.click("#new button.primary").await;
    pages.heading("Одноразовый пароль").await;
    gallery.look(pages, "operator-password").await;
}

/// By one word of its name, typed in capitals.
async fn find_school(pages: &Pages, school: &str) {
    assert!(pages.text(".tiles").await.contains("101 организация"));
    pages.click("nav.main a[href='/organizations']").await;
    pages.heading("Организации").await;
    let word = school.split_whitespace().last().unwrap().to_uppercase();
    pages.fill("#q", &word).await;
    pages.click("form[role=search] button").await;
    pages.find(&format!("#q[value='{word}']")).await;
    let link = pages.find("main table tbody a").await;
    assert_eq!(plain(&link.text().await.unwrap()), school);
    link.click().await.unwrap();
    pages.heading(school).await;
}

/// What stands on the page is what this computer's own files say of it.
async fn read_device(pages: &Pages, device: &str) {
    pages.click(&format!("#devices a[href='/devices/{device}']")).await;
    pages.find("#processor").await;
    if let Some(model) = processor_model() {
        let shown = pages.text("#processor").await;
        assert!(shown.contains(&model), "«{model}» is not in: {shown}");
    }
    let (memory, size) = (pages.text("#memory").await, memory_size());
    assert!(memory.contains(&size), "«{size}» is not in: {memory}");
    let storage = pages.text("#storage").await;
    for (name, size) in disks() {
        assert!(
            storage.contains(&name) && storage.contains(&size),
            "«{name}», {size} is not in: {storage}"
        );
    }
    assert!(pages.text("#chain").await.contains("не прерывалась"));
    assert!(pages.text("#reports").await.contains("сохранён"));
}

/// A number opens into how it was read, and the sources come with one tick.
async fn ask_for_proof(pages: &Pages) {
    let source = "сведения ядра о процессоре";
    assert!(!pages.text("#processor").await.contains(source));
    pages.click("label[for=sources]").await;
    assert!(pages.text("#processor").await.contains(source));
    pages.click("main details.proof > summary").await;
    let proof = pages.text("main details.proof[open]").await;
    for said in ["Прочитано дословно", "Откуда", "Что это значит"] {
        assert!(proof.contains(said), "{said}: {proof}");
    }
}

async fn switch_language(pages: &Pages, device: &str) {
    assert_eq!(pages.text("#processor h2").await, "Процессор");
    pages.click("button[name=language][value=en]").await;
    pages.find("html[lang=en]").await;
    assert_eq!(pages.place().await, format!("/devices/{device}"));
    assert_eq!(pages.text("#processor h2").await, "Processor");
    assert!(pages.text("#chain").await.contains("unbroken"));
    let navigation = pages.text("nav.main").await;
    assert!(
        navigation.contains("Organizations") && !navigation.contains("Организации"),
        "{navigation}"
    );
    pages.click("button[name=language][value=ru]").await;
    pages.find("html[lang=ru]").await;
}

/// The token is on one page, once, as text and as a picture.
async fn create_token(pages: &Pages, school: &str) {
    pages.click(".crumbs li:last-child a").await;
    pages.heading(school).await;
    pages.click("a[href$='/tokens/new']").await;
    pages.heading("Создать токен").await;
    pages.click("main form button.primary").await;
    pages.heading("Токен создан").await;
    let line = pages.find("#line").await.prop("value").await.unwrap().unwrap();
    assert!(line.starts_with("cos1."), "{line}");
    let (_, _, width, height) = pages.find("figure.qr svg").await.rectangle().await.unwrap();
    assert!(width > 200.0 && (width - height).abs() < 1.0, "the QR code is {width} × {height}");
    pages.click("nav.main a[href='/tokens']").await;
    pages.heading("Токены").await;
    assert!(pages.text("main table").await.contains(school));
    let source = pages.browser.client.source().await.unwrap();
    assert!(!source.contains(&line) && !source.contains("cos1."));
}

async fn log_out(pages: &Pages, device: &str) {
    pages.click("form[action='/logout'] button").await;
    pages.heading("Вход").await;
    pages.open(&format!("/devices/{device}")).await;
    pages.heading("Вход").await;
    assert!(pages.place().await.starts_with("/login"));
}

/// As the kernel names it; processors that are not x86 have no such line.
fn processor_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| plain(model))
}

/// What the kernel may use, in gigabytes of 1024³ with one decimal.
fn memory_size() -> String {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("MemTotal:")).unwrap();
    let kibibytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    in_gigabytes(kibibytes / 1024.0 / 1024.0)
}

/// The names of this computer's disks with their sizes in gigabytes of 1000³; those under 1 GB have no place here.
fn disks() -> Vec<(String, String)> {
    let entries = std::fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let disks = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let sectors: f64 = std::fs::read_to_string(entry.path().join("size")).ok()?.trim().parse().ok()?;
        let gigabytes = sectors * 512.0 / 1e9;
        let is_disk = ["sd", "vd", "nvme", "xvd"].iter().any(|kind| name.starts_with(kind));
        (is_disk && (1.0..1000.0).contains(&gigabytes)).then(|| (name, in_gigabytes(gigabytes)))
    });
    disks.collect()
}

fn in_gigabytes(value: f64) -> String {
    let text = format!("{value:.1}").replace('.', ",");
    format!("{} ГБ", text.strip_suffix(",0").unwrap_or(&text))
}
