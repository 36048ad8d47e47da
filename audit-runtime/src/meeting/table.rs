//! The hash of one run. Fields are set where there is none yet and never otherwise, so that a record that is sent again
//! changes nothing and no process can overwrite what another has sent.

use super::wire::{Command, Reply, Wire, unreachable};
use crate::contract::Doubt;
use crate::error::{Code, Error};
use crate::model::scrub::scrub;
use crate::model::{Id, Kind, Record, RunId};
use crate::seeded;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Which life of the hash this is: random, set by whoever sends first.
const EPOCH: &[u8] = b"epoch";
/// Set by a process that finds another life than the one that it knew: whatever was sent before may be missing.
const LOST: &[u8] = b"lost";

/// Whether records of this kind are what the processes of a run tell each other.
pub(crate) const fn is_shared(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::RunStarted
            | Kind::RunResumed
            | Kind::RunEnded
            | Kind::ContractDeclared
            | Kind::ExpectationDeclared
            | Kind::ContractAck
            | Kind::ContractClosed
    )
}

/// What was found on the server.
#[derive(Debug, Default)]
pub(crate) struct Met {
    /// Records of the run, by stream and sequence.
    pub(crate) records: BTreeMap<(crate::model::StreamId, u64), Record>,
    /// Why something may be missing.
    pub(crate) doubt: Option<Doubt>,
}

/// The hashes of one server, over one connection.
pub(crate) struct Table {
    wire: Wire,
    /// Which life of the server this is, and since when it has lived, by our wall clock.
    pub(crate) server: String,
    since: i64,
}

fn key(run: RunId) -> Vec<u8> {
    format!("audit:run:{:#}", run.0).into_bytes()
}

fn corrupt(run: RunId, why: impl AsRef<str>) -> Error {
    Error::new(Code::MeetingCorrupt, format!("reading what the Redis server holds of run {run}")).detail(why.as_ref())
}

impl Table {
    pub(super) fn over(mut wire: Wire) -> Result<Table, Error> {
        let info = match wire.ask(&[vec![b"INFO", b"server"]])?.pop() {
            Some(Reply::Bytes(info)) => String::from_utf8_lossy(&info).into_owned(),
            Some(Reply::Refused(why)) => return Err(unreachable(why)),
            _ => return Err(unreachable("it does not say what it is")),
        };
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let uptime = field("uptime_in_seconds").and_then(|text| text.trim().parse::<u32>().ok());
        let (Some(server), Some(uptime)) = (field("run_id"), uptime) else {
            return Err(unreachable("it does not say since when it lives"));
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // Whole seconds are told: it lives for less than one more.
        let since = now.saturating_sub(Duration::from_secs(u64::from(uptime) + 1)).as_nanos();
        Ok(Table { server: server.trim().to_owned(), since: i64::try_from(since).unwrap_or(i64::MAX), wire })
    }

    /// Whether the server is there.
    pub(crate) fn ping(&mut self) -> Result<(), Error> {
        refused(self.wire.ask(&[vec![b"PING"]])?, None).map(drop)
    }

    /// Adds records of a run; the epoch that the hash has.
    pub(crate) fn put(&mut self, run: RunId, items: &[(Id, Vec<u8>)], ttl: Duration) -> Result<Vec<u8>, Error> {
        let (key, epoch) = (key(run), random()?);
        let ttl = ttl.as_millis().max(1).to_string();
        let names: Vec<String> = items.iter().map(|(id, _)| format!("{id:#}")).collect();
        let overwrites = seeded::is("redis_overwrites");
        let mut commands: Vec<Command<'_>> = Vec::with_capacity(items.len() + 4);
        if overwrites {
            commands.push(vec![b"DEL", &key]);
        }
        commands.push(vec![b"HSETNX", &key, EPOCH, if overwrites { b"planted" } else { &epoch }]);
        // Before the records: a connection that breaks between leaves no hash that lives for ever.
        commands.push(vec![b"PEXPIRE", &key, ttl.as_bytes()]);
        for (name, (_, bytes)) in names.iter().zip(items) {
            commands.push(vec![b"HSETNX", &key, name.as_bytes(), bytes]);
        }
        commands.push(vec![b"HGET", &key, EPOCH]);
        match refused(self.wire.ask(&commands)?, Some(run))?.pop() {
            Some(Reply::Bytes(epoch)) => Ok(epoch),
            // Over between two commands of ours.
            _ => Ok(Vec::new()),
        }
    }

    /// Says that what was sent before may be missing.
    pub(crate) fn mourn(&mut self, run: RunId, why: Doubt) -> Result<(), Error> {
        refused(self.wire.ask(&[vec![b"HSETNX", &key(run), LOST, why.name().as_bytes()]])?, Some(run)).map(drop)
    }

    /// What the server holds of a run, checked. `epoch` is the one that this process knows; `local` are the wall times of
    /// the run's first and last record in the trail.
    pub(crate) fn get(&mut self, run: RunId, epoch: Option<&[u8]>, local: Option<(i64, i64)>) -> Result<Met, Error> {
        let key = key(run);
        let Some(Reply::List(list)) = refused(self.wire.ask(&[vec![b"HGETALL", &key]])?, Some(run))?.pop() else {
            return Err(corrupt(run, "it is no hash"));
        };
        let mut met = Met::default();
        let (mut held, mut lost, mut first) = (None, None, local.map_or(i64::MAX, |(first, _)| first));
        let mut list = list.into_iter();
        while let (Some(Reply::Bytes(name)), Some(Reply::Bytes(bytes))) = (list.next(), list.next()) {
            match name.as_slice() {
                EPOCH => held = Some(bytes),
                LOST => {
                    lost =
                        Some(if bytes == Doubt::Expired.name().as_bytes() { Doubt::Expired } else { Doubt::Restarted })
                }
                name => {
                    let (id, record) = checked(run, name, &bytes)?;
                    first = first.min(record.header.wall_ns);
                    met.records.insert((id.stream, id.seq), record);
                }
            }
        }
        met.doubt = match (held, epoch) {
            (None, _) if local.is_some_and(|(_, last)| last < self.since) => Some(Doubt::Restarted),
            (None, _) => Some(Doubt::Expired),
            (Some(held), Some(known)) if held != known => Some(Doubt::Restarted),
            (Some(_), _) if lost.is_some() => lost,
            // The server is younger than the run. What it held then may be lost, and not everybody may have sent it again.
            (Some(_), _) if first < self.since => Some(Doubt::Restarted),
            (Some(_), _) => None,
        };
        Ok(met)
    }
}

/// A field and its value as a record of this run.
fn checked(run: RunId, name: &[u8], bytes: &[u8]) -> Result<(Id, Record), Error> {
    let text = String::from_utf8_lossy(name.get(..64).unwrap_or(name));
    let text = scrub(&text);
    let bad = |why: &str| corrupt(run, format!("field {text}: {why}"));
    let id = std::str::from_utf8(name).ok().and_then(Id::parse).filter(|id| id.ord == 0);
    let id = id.ok_or_else(|| bad("its name is no place of a record"))?;
    let record = Record::decode(bytes).map_err(|why| bad(&format!("its value is no record: {why}")))?;
    let header = &record.header;
    if header.seq != id.seq {
        return Err(bad(&format!("its value is the record of sequence {}", header.seq)));
    }
    if !is_shared(header.kind) {
        return Err(bad(&format!("a record of kind {} does not belong here", header.kind.name())));
    }
    let of = if header.kind == Kind::RunStarted { RunId(id) } else { header.run };
    if of != run {
        return Err(bad(&format!("its value is a record of run {of:#}")));
    }
    Ok((id, record))
}

/// The replies, unless the server refuses one of the commands.
fn refused(replies: Vec<Reply>, run: Option<RunId>) -> Result<Vec<Reply>, Error> {
    match (replies.iter().find_map(|reply| if let Reply::Refused(why) = reply { Some(why) } else { None }), run) {
        (None, _) => Ok(replies),
        (Some(why), Some(run)) if why.starts_with("WRONGTYPE") => Err(corrupt(run, "it is no hash")),
        (Some(why), _) => Err(unreachable(why)),
    }
}

fn random() -> Result<[u8; 16], Error> {
    let mut bytes = [0; 16];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(16) => Ok(bytes),
        _ => Err(unreachable("no random number can be had for its epoch")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BodyWriter, Key, StreamId};

    fn ack(run: RunId, seq: u64) -> Vec<u8> {
        let mut header = crate::model::record::Header::new(Kind::ContractAck);
        (header.run, header.seq) = (run, seq);
        let mut body = BodyWriter::new();
        body.text(Key::Domain, "billing").text(Key::Action, "charge").text(Key::Outcome, "success");
        body.text(Key::Location, "src/a.rs:1").text(Key::Via, "recorder").text(Key::Result, "r-1");
        let mut bytes = header.encode().to_vec();
        bytes.extend(body.finish());
        bytes
    }

    #[test]
    fn a_value_is_taken_as_the_record_that_its_field_names_or_refused_by_name() {
        let stream = StreamId([7; 16]);
        let (run, other) = (RunId(Id::new(stream, 1)), RunId(Id::new(stream, 2)));
        let name = format!("{:#}", Id::new(stream, 9));
        assert!(checked(run, name.as_bytes(), &ack(run, 9)).is_ok());
        let cut = &ack(run, 9)[..40];
        for (name, bytes, why) in [
            (name.as_bytes(), ack(other, 9).as_slice(), "a record of run"),
            (name.as_bytes(), ack(run, 8).as_slice(), "sequence 8"),
            (name.as_bytes(), cut, "no record"),
            (b"\xff\xfe", cut, "no place"),
            (b"password=canary", cut, "no place"),
        ] {
            let error = checked(run, name, bytes).expect_err(why);
            assert_eq!(error.code(), Code::MeetingCorrupt);
            assert!(error.to_string().contains(why) && !error.to_string().contains("canary"), "{error}");
        }
    }
}
