//! The load check without an allocation, for verifying many records: it says "surely right" or "look closer", and looking
//! closer is [`Record::decode`](crate::model::Record::decode). A test holds the two together.

use std::sync::OnceLock;

use crate::model::check::{self, Need};
use crate::model::digest::{Absence, Scope};
use crate::model::kind::{Key, Kind, Shape};
use crate::model::record::HEADER;
use crate::model::{Header, Status};

/// What the table of kinds says, as bits by key.
#[derive(Clone, Copy, Default)]
struct Masks {
    required: u128,
    allowed: u128,
}

/// What the table of states says, as bits by key.
#[derive(Clone, Copy, Default)]
struct StateMasks {
    required: u128,
    absent: u128,
    exits: u32,
}

struct Tables {
    kinds: [Masks; 256],
    states: [StateMasks; 16],
    shapes: [Option<Shape>; 128],
}

fn bit(key: Key) -> u128 {
    1u128.checked_shl(u32::from(key.code())).unwrap_or(0)
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables =
            Tables { kinds: [Masks::default(); 256], states: [StateMasks::default(); 16], shapes: [None; 128] };
        for kind in Kind::ALL {
            let required = kind.required().iter().copied().map(bit).fold(0, |a, b| a | b);
            let optional = kind.optional().iter().copied().map(bit).fold(0, |a, b| a | b);
            // Kinds that need a key beyond the masks always take the long way: no record has every bit. A record that has
            // such a key without need takes it too, since the scan stops there.
            let beyond = kind.required().iter().any(|key| key.code() > 127);
            let required = if beyond { u128::MAX } else { required };
            if let Some(slot) = tables.kinds.get_mut(usize::from(kind.code())) {
                *slot = Masks { required, allowed: required | optional };
            }
        }
        for row in check::STATE_ROWS {
            let of = |need: Need| row.fields.iter().filter(|(_, n)| *n == need).fold(0, |a, (key, _)| a | bit(*key));
            let exits = row.exits.iter().fold(0, |a, exit| a | 1 << exit.code());
            tables.states[usize::from(row.status.code())] =
                StateMasks { required: of(Need::Required), absent: of(Need::Absent), exits };
        }
        for key in Key::ALL {
            if let Some(slot) = tables.shapes.get_mut(usize::from(key.code())) {
                *slot = Some(key.shape());
            }
        }
        tables
    })
}

/// Whether this record, whose header was decoded, surely passes the load check.
pub(super) fn surely_right(header: &Header, record: &[u8]) -> bool {
    let tables = tables();
    let Some(masks) = tables.kinds.get(usize::from(header.kind.code())) else { return false };
    let mut scan = Scan { bytes: record, at: HEADER };
    match scan.body(tables) {
        Some(seen) => {
            seen & masks.required == masks.required && seen & !masks.allowed == 0 && status_fits(header, seen, tables)
        }
        None => false,
    }
}

fn status_fits(header: &Header, seen: u128, tables: &Tables) -> bool {
    let stands = match header.kind {
        Kind::StateOpened => header.status == Status::Open,
        Kind::StateDeferred => header.status == Status::Deferred,
        Kind::StateClosed => matches!(header.status, Status::Completed | Status::Failed | Status::Abandoned),
        // Rare kinds take the long way.
        Kind::RunStarted | Kind::RunEnded => return false,
        // The landscape's fields depend on each other.
        kind if (64..96).contains(&kind.code()) => return false,
        _ => return true,
    };
    let row = tables.states[usize::from(header.status.code()) & 15];
    stands
        && row.exits & 1 << header.exit.code() != 0
        && seen & row.required == row.required
        && seen & row.absent == 0
        && (header.kind == Kind::StateOpened || !header.subject.is_none())
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    /// The keys that a well-formed body holds; `None` for anything that needs a closer look.
    fn body(&mut self, tables: &Tables) -> Option<u128> {
        if self.byte()? != 0xbf {
            return None;
        }
        let mut seen = 0u128;
        while *self.bytes.get(self.at)? != 0xff {
            let (major, code) = self.head()?;
            if major != 0 || code > 127 {
                return None;
            }
            let bit = 1u128 << code;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            self.field(tables.shapes[code as usize]?)?;
        }
        (self.at + 1 == self.bytes.len()).then_some(seen)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// Major type and argument of the next item; simple values come as major type 7 with their byte.
    fn head(&mut self) -> Option<(u8, u64)> {
        let first = self.byte()?;
        let (major, info) = (first >> 5, first & 31);
        if major == 7 {
            return Some((7, u64::from(info)));
        }
        let len = match info {
            0..=23 => return Some((major, u64::from(info))),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return None,
        };
        let mut wide = [0u8; 8];
        wide[8 - len..].copy_from_slice(self.bytes.get(self.at..self.at + len)?);
        self.at += len;
        Some((major, u64::from_be_bytes(wide)))
    }

    fn take(&mut self, len: u64) -> Option<&[u8]> {
        let len = usize::try_from(len).ok()?;
        let slice = self.bytes.get(self.at..)?.get(..len)?;
        self.at += len;
        Some(slice)
    }

    fn field(&mut self, shape: Shape) -> Option<()> {
        let (major, n) = self.head()?;
        match (shape, major) {
            (Shape::Uint, 0) => Some(()),
            (Shape::Bool, 7) => matches!(n, 20 | 21).then_some(()),
            (Shape::Bytes, 2) => self.take(n).map(drop),
            (Shape::Id, 2) if n == 28 => self.take(n).map(drop),
            (Shape::Text, 3) => {
                let text = self.take(n)?;
                // A blank text may be refused by the matrix: the closer look decides.
                let starts_visible = text.first().is_some_and(|b| b.is_ascii_graphic());
                (starts_visible && (text.is_ascii() || std::str::from_utf8(text).is_ok())).then_some(())
            }
            (Shape::List, 4) => (0..n).try_for_each(|_| self.skip(1)),
            (Shape::Map, 5) => (0..n).try_for_each(|_| {
                let (major, len) = self.head()?;
                let key = if major == 3 { self.take(len)? } else { return None };
                std::str::from_utf8(key).ok()?;
                self.skip(1)
            }),
            (Shape::Slot, 4) => self.slot(n),
            _ => None,
        }
    }

    /// `[1, scope, 32 bytes]` and `[0, absence, 0]`; the rarer forms take the long way.
    fn slot(&mut self, items: u64) -> Option<()> {
        let (Some((0, algorithm)), Some((0, code)), 3) = (self.head(), self.head(), items) else { return None };
        let code = u8::try_from(code).ok()?;
        match (algorithm, self.head()?) {
            (0, (0, 0)) => Absence::from_codes(code, 0).map(drop),
            (1, (2, 32)) => {
                Scope::from_code(code)?;
                self.take(32).map(drop)
            }
            _ => None,
        }
    }

    fn skip(&mut self, depth: usize) -> Option<()> {
        if depth > 8 {
            return None;
        }
        let (major, n) = self.head()?;
        match major {
            0 => Some(()),
            1 => (n <= i64::MAX as u64).then_some(()),
            2 => self.take(n).map(drop),
            3 => std::str::from_utf8(self.take(n)?).ok().map(drop),
            4 => (0..n).try_for_each(|_| self.skip(depth + 1)),
            5 => (0..n).try_for_each(|_| {
                self.skip(depth + 1)?;
                self.skip(depth + 1)
            }),
            7 => match n {
                20..=22 => Some(()),
                27 => self.take(8).map(drop),
                _ => None,
            },
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::tests::{Script, dead_and_recovered};
    use crate::model::{Record, RunId};
    use proptest::prelude::*;

    fn samples() -> Vec<Vec<u8>> {
        let (dead, by) = dead_and_recovered(3, 5);
        let mut traced = Script::new(7);
        let id = traced.open_traced(RunId::NONE, &[9; 16]);
        traced.close(RunId::NONE, id, Status::Completed);
        traced.end();
        [dead.records, by.records, traced.records].concat()
    }

    fn looks_right(bytes: &[u8]) -> bool {
        Header::decode(bytes).is_ok_and(|header| surely_right(&header, bytes))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn j12_what_is_surely_right_passes_the_load_check(
            pick in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            xor in 1u8..,
            cut in any::<bool>(),
        ) {
            let samples = samples();
            let mut bytes = pick.get(&samples).clone();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] ^= xor }
            if looks_right(&bytes) {
                prop_assert!(Record::decode(&bytes).is_ok());
            }
        }
    }

    #[test]
    fn ordinary_records_need_no_closer_look() {
        for bytes in samples() {
            let header = Header::decode(&bytes).unwrap();
            assert_eq!(Record::decode(&bytes).err(), None);
            if !matches!(header.kind, Kind::RunStarted | Kind::RunEnded) {
                assert!(surely_right(&header, &bytes), "{}", header.kind.name());
            }
        }
    }
}
