//! Ports that nobody uses, below the range from which the kernel takes ports for outgoing connections: a
//! controller that was killed must find its own free when it starts again.

use std::net::TcpListener;

pub fn free() -> u16 {
    loop {
        let drawn = uuid::Uuid::now_v7().as_u128() % 15_000;
        let port = 16_000 + u16::try_from(drawn).expect("below 15,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
