//! Commands and replies of a Redis server (RESP 2). Nothing waits longer than the time-outs below, and no length that
//! the server names is believed beyond what a record can have.

use super::address::{Address, Door};
use crate::error::{Code, Error};
use crate::model::record::MAX_RECORD;
use crate::model::scrub::scrub;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(2);
/// The longest line of a reply: lengths, numbers, refusals.
const LINE: u64 = 4096;
/// Elements of one list.
const LIST: usize = 1 << 23;

/// What a server answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Nil,
    Said(String),
    Number(i64),
    Bytes(Vec<u8>),
    List(Vec<Reply>),
    /// The server refuses, in its own words.
    Refused(String),
}

/// One command: its name and what it is given.
pub(super) type Command<'a> = Vec<&'a [u8]>;

enum Pipe {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Pipe::Tcp(stream) => stream.read(into),
            Pipe::Unix(stream) => stream.read(into),
        }
    }
}

/// One connection.
pub(super) struct Wire(BufReader<Pipe>);

/// The error of a server that does not answer, or that refuses.
pub(super) fn unreachable(why: impl AsRef<str>) -> Error {
    let why = why.as_ref().get(..LINE as usize).unwrap_or(why.as_ref());
    Error::new(Code::MeetingUnreachable, "asking the Redis server").detail(scrub(why))
}

fn failed(cause: &io::Error) -> Error {
    unreachable(match cause.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        _ => cause.to_string(),
    })
}

impl Wire {
    pub(super) fn connect(address: &Address) -> Result<Wire, Error> {
        let pipe = open(address).map_err(|cause| failed(&cause))?;
        let mut wire = Wire(BufReader::new(pipe));
        let database = address.database.map(|n| n.to_string());
        let mut hello: Vec<Command<'_>> = Vec::new();
        match (&address.user, &address.password) {
            (Some(user), Some(password)) => hello.push(vec![b"AUTH", user.as_bytes(), password.as_bytes()]),
            (None, Some(password)) => hello.push(vec![b"AUTH", password.as_bytes()]),
            (_, None) => {}
        }
        if let Some(database) = &database {
            hello.push(vec![b"SELECT", database.as_bytes()]);
        }
        for reply in wire.ask(&hello)? {
            if let Reply::Refused(why) = reply {
                return Err(unreachable(why));
            }
        }
        Ok(wire)
    }

    /// Sends the commands in one piece; their replies, in order.
    pub(super) fn ask(&mut self, commands: &[Command<'_>]) -> Result<Vec<Reply>, Error> {
        let bytes = written(commands);
        let sent = match self.0.get_mut() {
            Pipe::Tcp(stream) => stream.write_all(&bytes),
            Pipe::Unix(stream) => stream.write_all(&bytes),
        };
        sent.map_err(|cause| failed(&cause))?;
        commands.iter().map(|_| reply(&mut self.0, 0)).collect()
    }
}

fn open(address: &Address) -> io::Result<Pipe> {
    match &address.door {
        Door::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(ANSWER))?;
            stream.set_write_timeout(Some(ANSWER))?;
            Ok(Pipe::Unix(stream))
        }
        Door::Tcp(host, port) => {
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
            for address in (host.as_str(), *port).to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, CONNECT) {
                    Ok(stream) => {
                        stream.set_read_timeout(Some(ANSWER))?;
                        stream.set_write_timeout(Some(ANSWER))?;
                        stream.set_nodelay(true)?;
                        return Ok(Pipe::Tcp(stream));
                    }
                    Err(cause) => last = cause,
                }
            }
            Err(last)
        }
    }
}

fn written(commands: &[Command<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in commands {
        bytes.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
        for word in command {
            bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            bytes.extend_from_slice(word);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

/// Reads one reply. A list inside a list is more than any of our commands asks for.
fn reply(from: &mut impl BufRead, depth: u8) -> Result<Reply, Error> {
    let line = line(from)?;
    let (sort, rest) = line.split_at_checked(1).ok_or_else(|| odd("an empty line"))?;
    let number = || rest.parse::<i64>().map_err(|_| odd("a number that is none"));
    Ok(match sort {
        "+" => Reply::Said(rest.to_owned()),
        "-" => Reply::Refused(rest.to_owned()),
        ":" => Reply::Number(number()?),
        "$" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(len) if len > 2 * MAX_RECORD => {
                return Err(Error::new(Code::MeetingCorrupt, "reading the Redis server's answer")
                    .detail(format!("a value of {len} bytes is no record")));
            }
            Ok(len) => Reply::Bytes(bulk(from, len)?),
        },
        "*" => match usize::try_from(number()?) {
            Err(_) => Reply::Nil,
            Ok(len) if len > LIST || depth > 0 => return Err(odd("a list that nobody asked for")),
            Ok(len) => Reply::List((0..len).map(|_| reply(from, depth + 1)).collect::<Result<_, _>>()?),
        },
        _ => return Err(odd("something else than a reply")),
    })
}

fn odd(what: &str) -> Error {
    unreachable(format!("it answers {what}"))
}

fn line(from: &mut impl BufRead) -> Result<String, Error> {
    let mut line = Vec::new();
    from.take(LINE).read_until(b'\n', &mut line).map_err(|cause| failed(&cause))?;
    match line.strip_suffix(b"\r\n") {
        Some(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        None if line.is_empty() => Err(failed(&io::ErrorKind::UnexpectedEof.into())),
        None => Err(odd("a line without an end")),
    }
}

fn bulk(from: &mut impl BufRead, len: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = vec![0; len + 2];
    from.read_exact(&mut bytes).map_err(|cause| failed(&cause))?;
    if bytes.split_off(len) == b"\r\n" { Ok(bytes) } else { Err(odd("a value without an end")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies_are_read_and_commands_are_written_as_the_protocol_says() {
        assert_eq!(written(&[vec![b"GET", b"a b"]]), b"*2\r\n$3\r\nGET\r\n$3\r\na b\r\n");
        let read = |mut bytes: &[u8]| reply(&mut bytes, 0);
        assert_eq!(read(b"+OK\r\n").unwrap(), Reply::Said("OK".into()));
        assert_eq!(read(b"$-1\r\n").unwrap(), Reply::Nil);
        assert_eq!(read(b"-ERR no\r\n").unwrap(), Reply::Refused("ERR no".into()));
        let list = Reply::List(vec![Reply::Number(7), Reply::Bytes(b"x\r\n".to_vec())]);
        assert_eq!(read(b"*2\r\n:7\r\n$3\r\nx\r\n\r\n").unwrap(), list);
    }

    #[test]
    fn lengths_that_no_record_has_are_refused_before_memory_is_asked_for() {
        for bytes in ["$99999999999\r\n", "*99999999999\r\n", "*1\r\n*1\r\n:1\r\n", "$3\r\nabcde", "", "?\r\n", "\r\n"]
        {
            assert!(reply(&mut bytes.as_bytes(), 0).is_err(), "{bytes}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), sort in 0usize..6) {
            let mut input = vec![b"+-:$*x"[sort]];
            input.extend(bytes);
            let _read = reply(&mut input.as_slice(), 0);
        }
    }
}
