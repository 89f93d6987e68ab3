//! Numbers and bytes in and out of datagrams, big endian, with every bound checked. It knows no message.

/// Bytes that are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are cut, too long or out of range")]
pub struct Unreadable;

#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(Unreadable)?;
        self.rest = rest;
        Ok(*head)
    }

    pub fn u8(&mut self) -> Result<u8, Unreadable> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, Unreadable> {
        self.array().map(u64::from_be_bytes)
    }

    /// As many bytes as the byte before them says.
    pub fn short(&mut self) -> Result<&'a [u8], Unreadable> {
        let length = usize::from(self.u8()?);
        let (head, rest) = self.rest.split_at_checked(length).ok_or(Unreadable)?;
        self.rest = rest;
        Ok(head)
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.rest.len()
    }

    pub fn end(&self) -> Result<(), Unreadable> {
        if self.rest.is_empty() { Ok(()) } else { Err(Unreadable) }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
}

impl Writer {
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            out: Vec::with_capacity(bytes),
        }
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub fn u8(&mut self, number: u8) {
        self.out.push(number);
    }

    pub fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    pub fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    pub fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    /// The bytes behind their length; what is beyond 255 is left out.
    pub fn short(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(255);
        self.u8(length as u8);
        self.bytes(&bytes[..length]);
    }

    pub fn as_slice(&self) -> &[u8] {
        &self.out
    }

    pub fn done(self) -> Vec<u8> {
        self.out
    }
}
