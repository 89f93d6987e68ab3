//! Measurements as ndt7 writes them: JSON with counts in bytes and times in microseconds.
//!
//! Written whole, read leniently: servers of others leave out what they like, add what they like, and some write
//! numbers with a point. Only what is no JSON object at all is refused. Pure.

use std::time::Duration;

use inventory_schema::measurement::Direction;
use serde_json::{Map, Value, json};

use crate::tcp_info::TcpInfo;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measurement {
    pub app: Option<AppInfo>,
    pub connection: Option<ConnectionInfo>,
    pub tcp: Option<TcpFigures>,
}

/// What the program counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppInfo {
    pub elapsed: Duration,
    pub bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionInfo {
    pub client: String,
    pub server: String,
    pub uuid: String,
}

/// Of the kernel's figures what is used here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpFigures {
    pub elapsed: Option<Duration>,
    pub bytes_acked: Option<u64>,
    pub bytes_received: Option<u64>,
    pub min_round_trip: Option<Duration>,
    pub bytes_retransmitted: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a measurement is no JSON object")]
pub struct NotJson;

/// Names come from the other side: a short text, or nothing.
const LONGEST_NAME: usize = 256;

pub fn read(text: &str) -> Result<Measurement, NotJson> {
    let Ok(Value::Object(fields)) = serde_json::from_str(text) else {
        return Err(NotJson);
    };
    let object = |name: &str| fields.get(name).and_then(Value::as_object);
    Ok(Measurement {
        app: object("AppInfo").and_then(|app| {
            Some(AppInfo {
                elapsed: Duration::from_micros(number(app, "ElapsedTime")?),
                bytes: number(app, "NumBytes")?,
            })
        }),
        connection: object("ConnectionInfo").map(|connection| ConnectionInfo {
            client: name(connection, "Client"),
            server: name(connection, "Server"),
            uuid: name(connection, "UUID"),
        }),
        tcp: object("TCPInfo").map(|tcp| TcpFigures {
            elapsed: number(tcp, "ElapsedTime").map(Duration::from_micros),
            bytes_acked: number(tcp, "BytesAcked"),
            bytes_received: number(tcp, "BytesReceived"),
            min_round_trip: number(tcp, "MinRTT").filter(|micros| *micros > 0).map(Duration::from_micros),
            bytes_retransmitted: number(tcp, "BytesRetrans"),
        }),
    })
}

fn number(object: &Map<String, Value>, name: &str) -> Option<u64> {
    let value = object.get(name)?;
    let whole = value.as_u64();
    whole.or_else(|| {
        let pointed = value.as_f64().filter(|number| (0.0..9.0e15).contains(number))?;
        Some(pointed as u64)
    })
}

fn name(object: &Map<String, Value>, name: &str) -> String {
    let text = object.get(name).and_then(Value::as_str).unwrap_or_default();
    text.chars().filter(|letter| !letter.is_control()).take(LONGEST_NAME).collect()
}

/// Who measured, for [`write`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Client,
    Server,
}

/// A measurement of one's own.
pub fn write(origin: Origin, direction: Direction, app: AppInfo, tcp: Option<&TcpInfo>, connection: Option<&ConnectionInfo>) -> String {
    let mut out = json!({
        "AppInfo": { "ElapsedTime": micros(app.elapsed), "NumBytes": app.bytes },
        "Origin": match origin { Origin::Client => "client", Origin::Server => "server" },
        "Test": match direction { Direction::Down => "download", Direction::Up => "upload" },
    });
    if let Some(connection) = connection {
        out["ConnectionInfo"] = json!({
            "Client": connection.client,
            "Server": connection.server,
            "UUID": connection.uuid,
        });
    }
    if let Some(tcp) = tcp {
        out["TCPInfo"] = Value::Object(tcp_info(tcp, app.elapsed));
    }
    out.to_string()
}

fn tcp_info(tcp: &TcpInfo, elapsed: Duration) -> Map<String, Value> {
    let time = |time: Option<Duration>| time.map(micros);
    let fields = [
        ("BusyTime", time(tcp.busy)),
        ("BytesAcked", tcp.bytes_acked),
        ("BytesReceived", tcp.bytes_received),
        ("BytesSent", tcp.bytes_sent),
        ("BytesRetrans", tcp.bytes_retransmitted),
        ("ElapsedTime", Some(micros(elapsed))),
        ("MinRTT", time(tcp.min_round_trip)),
        ("RTT", time(tcp.round_trip)),
        ("RTTVar", time(tcp.round_trip_variation)),
        ("RWndLimited", time(tcp.limited_by_receiver)),
        ("SndBufLimited", time(tcp.limited_by_buffer)),
    ];
    let present = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))));
    present.collect()
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let app = AppInfo {
            elapsed: Duration::from_millis(2_500),
            bytes: 31_250_000,
        };
        let tcp = TcpInfo {
            bytes_acked: Some(31_000_000),
            min_round_trip: Some(Duration::from_millis(20)),
            ..TcpInfo::default()
        };
        let connection = ConnectionInfo {
            client: "10.0.0.2:5000".to_owned(),
            server: "[fd00::1]:443".to_owned(),
            uuid: "0199".to_owned(),
        };
        let text = write(Origin::Server, Direction::Down, app, Some(&tcp), Some(&connection));
        let measurement = read(&text).unwrap();
        assert_eq!((measurement.app, measurement.connection), (Some(app), Some(connection)));
        let figures = measurement.tcp.unwrap();
        assert_eq!(figures.bytes_acked, Some(31_000_000));
        assert_eq!(
            (figures.min_round_trip, figures.bytes_received),
            (Some(Duration::from_millis(20)), None)
        );
    }

    #[test]
    fn servers_of_others_are_read_leniently() {
        // In the manner of the reference server: no AppInfo, fields of its own, more of the kernel's than we know.
        let text = r#"{"ConnectionInfo":{"Client":"1.2.3.4:5","Server":"6.7.8.9:443","UUID":"x","StartTime":"2026"},
            "BBRInfo":{"BW":1,"ElapsedTime":12},"TCPInfo":{"State":1,"BytesReceived":12500000,"ElapsedTime":1000000,"MinRTT":0}}"#;
        let figures = read(text).unwrap().tcp.unwrap();
        assert_eq!(figures.bytes_received, Some(12_500_000));
        assert_eq!((figures.elapsed, figures.min_round_trip), (Some(Duration::from_secs(1)), None));
        let odd = read(r#"{"AppInfo":{"ElapsedTime":1.5e6,"NumBytes":"many"},"TCPInfo":{"BytesAcked":-4,"ElapsedTime":2.0}}"#).unwrap();
        assert_eq!(odd.app, None);
        assert_eq!(odd.tcp.unwrap().elapsed, Some(Duration::from_micros(2)));
        for text in ["", "[]", "7", "{", "null"] {
            assert_eq!(read(text), Err(NotJson), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in ".{0,300}", number in any::<f64>()) {
            let _ = read(&text);
            let _ = read(&format!("{{\"TCPInfo\":{{\"ElapsedTime\":{number:e}}}}}"));
            let _ = read(&format!("{{\"TCPInfo\":{text}}}"));
        }
    }
}
