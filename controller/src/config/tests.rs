use super::*;

const REGION: &str = "[region]\nid = \"RU-PER\"\nname = \"Пермский край\"\ntime_zone = \"Asia/Yekaterinburg\"\n";

fn parse(rest: &str) -> Result<Config, ConfigError> {
    Config::parse(&format!("{REGION}{rest}"), Path::new("controller.toml"))
}

fn refused(rest: &str) -> String {
    parse(rest).unwrap_err().to_string()
}

#[test]
fn the_sample_says_what_holds_without_it() {
    let sample = Config::parse(SAMPLE, Path::new("controller.toml")).unwrap();
    assert_eq!(sample, Config::of_region(sample.region.clone()));
    assert_eq!(parse("").unwrap(), sample);
}

#[test]
fn what_the_sample_comments_out_can_be_put_in_force() {
    let in_force = SAMPLE
        .replace("# public_port", "public_port")
        .replace("# certificate =", "certificate =")
        .replace("# key =", "key =");
    let config = Config::parse(&in_force, Path::new("controller.toml")).unwrap();
    assert_eq!(config.device_listener.urls(8443), ["https://localhost:443"]);
    assert!(config.people_listener.files().is_some());
}

#[test]
fn a_configuration_reads_back() {
    let config = parse("[device_listener]\nnames = [\"controller.example\", \"fd00::1\"]\n").unwrap();
    let text = toml::to_string(&config).unwrap();
    assert_eq!(Config::parse(&text, Path::new("again")).unwrap(), config);
    assert_eq!(
        config.device_listener.urls(8443),
        ["https://controller.example:8443", "https://[fd00::1]:8443"]
    );
}

#[test]
fn the_region_is_not_guessed() {
    let error = Config::parse("", Path::new("/etc/controller.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/etc/controller.toml:1:") && error.contains("region"), "{error}");
}

#[test]
fn complaints_name_file_line_and_key() {
    for (rest, expected) in [
        (
            "[check_in]\nwait_second = 5\n",
            "controller.toml:6: check_in.wait_second: unknown field `wait_second`",
        ),
        (
            "[check_in]\ninterval_seconds = 60\nwait_seconds = 51\n",
            "controller.toml:7: check_in.wait_seconds: 51 is not between 0 and 50",
        ),
        (
            "[limits]\ndevice_body_bytes = \"4M\"\n",
            "controller.toml:6: limits.device_body_bytes: invalid type",
        ),
        (
            "[device_listener]\naddress = \"8443\"\n",
            "controller.toml:6: device_listener.address: invalid socket address",
        ),
        (
            "[device_listener]\nnames = [\n  \"ok.example\",\n  \"https://no\",\n]\n",
            "controller.toml:6: device_listener.names: «https://no»",
        ),
        (
            "[people_listener]\ncertificate = \"a.pem\"\n",
            "controller.toml: people_listener.key is missing",
        ),
        ("[people_listener]\nnames = []\n", "controller.toml: people_listener.names is empty"),
        (
            "[database]\nurl = \"mysql://db\"\n",
            "controller.toml:6: database.url: a database is",
        ),
        (
            "[log]\nfilter = \"cos=loud\"\n",
            "controller.toml:6: log.filter: «cos=loud» is not a log filter",
        ),
        ("[smtp]\n", "controller.toml:5: smtp: unknown field `smtp`"),
        ("[log\n", "controller.toml:5: log"),
    ] {
        let error = refused(rest);
        assert!(error.starts_with(expected), "{error}");
    }
    let zone = REGION.replace("Asia/Yekaterinburg", "Asia/Perm");
    let error = Config::parse(&zone, Path::new("controller.toml")).unwrap_err().to_string();
    assert!(error.starts_with("controller.toml:4: region.time_zone: «Asia/Perm»"), "{error}");
}

#[test]
fn a_password_is_not_shown() {
    let config = parse("[database]\nurl = \"postgres://cos:s3cret@db.example/cos\"\n").unwrap();
    assert!(!format!("{config:?} {}", config.database.url).contains("s3cret"));
    assert_eq!(config.database.url.as_str(), "postgres://cos:s3cret@db.example/cos");
}
