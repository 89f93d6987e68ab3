//! Frames of the WebSocket protocol (RFC 6455), as a speed test needs them: binary payload is counted and never
//! kept, so that a message of 16 MiB costs no memory and no unmasking; text and control frames are kept within limits.
//!
//! Pure: bytes in, events out, and every rule of the framing is checked. [`crate::ndt7`] uses it on both sides. It
//! knows no socket and no HTTP.

/// The longest text message that is kept; a measurement is a tenth of it.
pub const MAX_TEXT_BYTES: usize = 64 << 10;
const MAX_CONTROL_BYTES: u64 = 125;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// Which side of a connection reads or writes: clients mask, servers do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// So many bytes of a binary message; they are gone.
    Binary(u64),
    Text(String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// With its code, if it had one.
    Close(Option<u16>),
}

/// A peer that does not speak the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Violation {
    #[error("a frame uses bits that nobody agreed on")]
    ReservedBits,
    #[error("a frame is of no known kind")]
    UnknownOpcode,
    #[error("a client did not mask a frame, or a server did")]
    Masking,
    #[error("a control frame is in parts or too long")]
    Control,
    #[error("a length is not written in its shortest form")]
    Length,
    #[error("a message begins within another, or goes on where none began")]
    Fragments,
    #[error("a message is longer than allowed")]
    TooLong,
    #[error("a text is no UTF-8")]
    Text,
    #[error("a close frame carries no valid code")]
    CloseCode,
}

impl Violation {
    /// The code that closes the connection.
    pub fn close_code(self) -> u16 {
        match self {
            Self::TooLong => 1009,
            Self::Text => 1007,
            _ => 1002,
        }
    }
}

/// The longest head of a frame.
const MAX_HEAD: usize = 14;

#[derive(Debug)]
pub struct Reader {
    side: Side,
    most_message: u64,
    head: Vec<u8>,
    frame: Option<Frame>,
    /// The message that is in parts, and its length so far.
    message: Option<(Opcode, u64)>,
    text: Vec<u8>,
}

#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    last: bool,
    mask: [u8; 4],
    length: u64,
    left: u64,
    /// Of control frames.
    kept: Vec<u8>,
}

impl Reader {
    /// `side` is the reader's own; binary messages may be as long as `most_message`.
    pub fn new(side: Side, most_message: u64) -> Self {
        Self {
            side,
            most_message,
            head: Vec::with_capacity(MAX_HEAD),
            frame: None,
            message: None,
            text: Vec::new(),
        }
    }

    /// Reads what arrived and gives what it means. After a violation nothing more should be read.
    ///
    /// # Errors
    /// The first rule that was broken; events before it have been given.
    pub fn read(&mut self, mut bytes: &[u8], event: &mut dyn FnMut(Event)) -> Result<(), Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.take_head(&mut bytes)? {
                    Some(frame) => frame,
                    None => return Ok(()),
                },
            };
            let taken = usize::try_from(frame.left).unwrap_or(usize::MAX).min(bytes.len());
            let (payload, rest) = bytes.split_at(taken);
            bytes = rest;
            self.take_payload(&mut frame, payload, event);
            frame.left -= taken as u64;
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(());
            }
            self.end(frame, event)?;
        }
    }

    /// The next frame's head, once all of it is there.
    fn take_head(&mut self, bytes: &mut &[u8]) -> Result<Option<Frame>, Violation> {
        while let Some((first, rest)) = bytes.split_first() {
            self.head.push(*first);
            *bytes = rest;
            if self.head.len() == needed(&self.head) {
                let frame = self.judge_head();
                self.head.clear();
                return frame.map(Some);
            }
        }
        Ok(None)
    }

    fn judge_head(&mut self) -> Result<Frame, Violation> {
        let (first, second) = (self.head[0], self.head[1]);
        if first & 0x70 != 0 {
            return Err(Violation::ReservedBits);
        }
        let opcode = Opcode::of(first & 15).ok_or(Violation::UnknownOpcode)?;
        let (last, masked) = (first & 0x80 != 0, second & 0x80 != 0);
        if masked != (self.side == Side::Server) {
            return Err(Violation::Masking);
        }
        let length = length_of(&self.head)?;
        if opcode.is_control() {
            if !last || length > MAX_CONTROL_BYTES {
                return Err(Violation::Control);
            }
        } else {
            self.judge_message(opcode, last, length)?;
        }
        let mask = if masked {
            self.head.last_chunk().copied().unwrap_or_default()
        } else {
            [0; 4]
        };
        Ok(Frame {
            opcode,
            last,
            mask,
            length,
            left: length,
            kept: Vec::new(),
        })
    }

    fn judge_message(&mut self, opcode: Opcode, last: bool, length: u64) -> Result<(), Violation> {
        let (kind, before) = match (opcode, self.message) {
            (Opcode::Continuation, Some(message)) => message,
            (Opcode::Continuation, None) | (_, Some(_)) => return Err(Violation::Fragments),
            (kind, None) => (kind, 0),
        };
        let most = if kind == Opcode::Text {
            MAX_TEXT_BYTES as u64
        } else {
            self.most_message
        };
        let total = before.saturating_add(length);
        if total > most {
            return Err(Violation::TooLong);
        }
        // A message of nothing but empty parts would never end.
        if !last && length == 0 && before > 0 {
            return Err(Violation::Fragments);
        }
        self.message = Some((kind, total));
        Ok(())
    }

    fn take_payload(&mut self, frame: &mut Frame, payload: &[u8], event: &mut dyn FnMut(Event)) {
        let kind = match frame.opcode {
            Opcode::Continuation => self.message.map_or(Opcode::Binary, |message| message.0),
            opcode => opcode,
        };
        if kind == Opcode::Binary {
            if !payload.is_empty() {
                event(Event::Binary(payload.len() as u64));
            }
            return;
        }
        let from = usize::try_from((frame.length - frame.left) % 4).unwrap_or_default();
        let unmasked = payload
            .iter()
            .zip(frame.mask.iter().cycle().skip(from))
            .map(|(byte, mask)| byte ^ mask);
        if kind == Opcode::Text {
            self.text.extend(unmasked);
        } else {
            frame.kept.extend(unmasked);
        }
    }

    fn end(&mut self, frame: Frame, event: &mut dyn FnMut(Event)) -> Result<(), Violation> {
        match frame.opcode {
            Opcode::Ping => event(Event::Ping(frame.kept)),
            Opcode::Pong => event(Event::Pong(frame.kept)),
            Opcode::Close => event(Event::Close(close_code(&frame.kept)?)),
            _ if frame.last => {
                if let Some((Opcode::Text, _)) = self.message.take() {
                    let text = String::from_utf8(std::mem::take(&mut self.text)).map_err(|_| Violation::Text)?;
                    event(Event::Text(text));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// How long a head is that begins like this.
fn needed(head: &[u8]) -> usize {
    let Some(second) = head.get(1) else { return 2 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + if second & 0x80 != 0 { 4 } else { 0 }
}

fn length_of(head: &[u8]) -> Result<u64, Violation> {
    let long = head.get(2..).unwrap_or_default();
    let (length, least) = match head[1] & 0x7f {
        126 => (u64::from(u16::from_be_bytes(long.first_chunk().copied().unwrap_or_default())), 126),
        127 => (u64::from_be_bytes(long.first_chunk().copied().unwrap_or_default()), 1 << 16),
        short => (u64::from(short), 0),
    };
    if length < least || length > i64::MAX.unsigned_abs() {
        return Err(Violation::Length);
    }
    Ok(length)
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok(None) } else { Err(Violation::CloseCode) };
    };
    let code = u16::from_be_bytes(*code);
    let allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    if !allowed {
        return Err(Violation::CloseCode);
    }
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::Text);
    }
    Ok(Some(code))
}

/// The head of a frame in one part. With a mask of `mask` if a client writes it.
pub fn head(opcode: Opcode, length: usize, mask: Option<[u8; 4]>) -> Vec<u8> {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut out = vec![0x80 | opcode.bits()];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => out.push(masked | short),
        (_, Ok(middle)) => {
            out.push(masked | 126);
            out.extend(middle.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend(mask.into_iter().flatten());
    out
}

/// A small frame as a whole.
pub fn frame(opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut out = head(opcode, payload.len(), mask);
    let mask = mask.unwrap_or_default();
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    out
}

/// What a close frame carries; reasons are short.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let mut out = code.to_be_bytes().to_vec();
    out.extend(reason.bytes().take(100));
    out
}

#[cfg(test)]
mod tests;
