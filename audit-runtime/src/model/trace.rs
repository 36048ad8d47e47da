//! W3C trace context: the id that joins our records to telemetry. A correlation, never a key and never evidence.

use super::id::StreamId;
use std::fmt;

/// A trace id: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// A span's id: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId([u8; 8]);

/// Why an inbound id was replaced. Says what kind of text it was and how long, never what it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// What was wrong with it.
    pub class: &'static str,
    /// Its length in bytes.
    pub length: usize,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a trace context of {} bytes was rejected: {}", self.length, self.class)
    }
}

fn reject<T>(text: &str, class: &'static str) -> Result<T, Rejected> {
    Err(Rejected { class, length: text.len() })
}

/// Reads lower-case hexadecimal digits, all of them.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    let mut out = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl TraceId {
    /// From bytes; `None` for all zeros, which names no trace.
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Option<TraceId> {
        (bytes != [0; 16]).then_some(TraceId(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The trace id that a stream's own random bits make. For work that nobody gave a trace.
    #[must_use]
    pub fn of_stream(stream: StreamId) -> Option<TraceId> {
        TraceId::new(stream.0)
    }

    /// Reads 32 hexadecimal digits, or a dashed UUID in either case, which names the same 16 bytes.
    ///
    /// # Errors
    /// [`Rejected`] for everything else.
    pub fn parse(text: &str) -> Result<TraceId, Rejected> {
        let plain = match text.len() {
            0 => return reject(text, "empty"),
            32 => hex(text),
            36 if [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-') => {
                hex(&text.replace('-', "").to_ascii_lowercase())
            }
            36 => return reject(text, "separator"),
            _ => return reject(text, "length"),
        };
        match plain.map(TraceId::new) {
            Some(Some(id)) => Ok(id),
            Some(None) => reject(text, "all zero"),
            None => reject(text, "not hexadecimal"),
        }
    }
}

impl SpanId {
    /// From bytes; `None` for all zeros, which names no span.
    #[must_use]
    pub fn new(bytes: [u8; 8]) -> Option<SpanId> {
        (bytes != [0; 8]).then_some(SpanId(bytes))
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

/// The `traceparent` header.
///
/// ```
/// # use audit_runtime::model::trace::TraceParent;
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// assert_eq!(TraceParent::parse(header).unwrap().to_string(), header);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The caller's span.
    pub span: SpanId,
    /// Flags; bit 0 says that the caller samples the trace.
    pub flags: u8,
}

impl TraceParent {
    /// Reads the header. A later version than ours is read as far as it looks like ours.
    ///
    /// # Errors
    /// [`Rejected`] when it is no such header.
    pub fn parse(text: &str) -> Result<TraceParent, Rejected> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(""), None, ..) => return reject(text, "empty"),
            (Some(version), Some(trace), Some(span), Some(flags)) => (version, trace, span, flags),
            _ => return reject(text, "parts"),
        };
        let rest = parts.next().is_some();
        match hex::<1>(version) {
            None | Some([0xff]) => return reject(text, "version"),
            Some([0]) if rest => return reject(text, "parts"),
            Some(_) => {}
        }
        let (Some(trace), Some(span), Some([flags])) = (hex(trace), hex(span), hex::<1>(flags)) else {
            return reject(text, "not hexadecimal");
        };
        match (TraceId::new(trace), SpanId::new(span)) {
            (Some(trace), Some(span)) => Ok(TraceParent { trace, span, flags }),
            _ => reject(text, "all zero"),
        }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn a14_a_dashed_uuid_names_the_same_bytes() {
        let dashed = "4BF92F35-77b3-4da6-a3ce-929d0e0e4736";
        assert_eq!(TraceId::parse(dashed), TraceId::parse(TRACE));
        assert_eq!(TraceId::parse(dashed).map(|id| id.to_string()).as_deref(), Ok(TRACE));
    }

    #[test]
    fn a14_what_is_no_trace_id_is_rejected_with_class_and_length() {
        let class = |text: &str| TraceId::parse(text).map_err(|why| (why.class, why.length));
        assert_eq!(class(""), Err(("empty", 0)));
        assert_eq!(class("4bf92f"), Err(("length", 6)));
        assert_eq!(class(&TRACE.to_uppercase()), Err(("not hexadecimal", 32)));
        assert_eq!(class(&"0".repeat(32)), Err(("all zero", 32)));
        assert_eq!(class(&"4".repeat(36)), Err(("separator", 36)));
        assert_eq!(class("4bf92f35-77b3-4da6-a3ce-929d0e0e47é"), Err(("not hexadecimal", 36)));
    }

    #[test]
    fn a14_a_traceparent_of_a_later_version_is_read_as_far_as_we_know_it() {
        let parse = |text: String| TraceParent::parse(&text).map(|parent| parent.flags).map_err(|why| why.class);
        let span = "00f067aa0ba902b7";
        assert_eq!(parse(format!("00-{TRACE}-{span}-01")), Ok(1));
        assert_eq!(parse(format!("cc-{TRACE}-{span}-01-what")), Ok(1));
        assert_eq!(parse(format!("00-{TRACE}-{span}-01-what")), Err("parts"));
        assert_eq!(parse(format!("ff-{TRACE}-{span}-01")), Err("version"));
        assert_eq!(parse(format!("00-{TRACE}-{}-01", "0".repeat(16))), Err("all zero"));
        assert_eq!(parse(format!("00-{TRACE}-{span}")), Err("parts"));
        assert_eq!(parse(String::new()), Err("empty"));
    }

    proptest! {
        #[test]
        fn a14_any_text_is_answered_without_a_panic(text in any::<String>()) {
            for why in [TraceId::parse(&text).err(), TraceParent::parse(&text).err()].into_iter().flatten() {
                prop_assert_eq!(why.length, text.len());
            }
        }

        #[test]
        fn a14_what_we_write_we_read(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), flags in any::<u8>()) {
            if let (Some(trace), Some(span)) = (TraceId::new(trace), SpanId::new(span)) {
                let parent = TraceParent { trace, span, flags };
                prop_assert_eq!(TraceParent::parse(&parent.to_string()), Ok(parent));
                prop_assert_eq!(TraceId::parse(&trace.to_string()), Ok(trace));
            }
        }
    }
}
