//! The parts of a server's URL. A password never leaves this file but towards the server.

use std::fmt;
use std::path::PathBuf;

/// Where the server listens.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Door {
    Tcp(String, u16),
    Unix(PathBuf),
}

/// A server, the database in it, and as whom it is asked.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) door: Door,
    pub(super) user: Option<String>,
    pub(super) password: Option<String>,
    pub(super) database: Option<u32>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.door {
            Door::Tcp(host, port) => write!(f, "redis://{host}:{port}"),
            Door::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

impl Address {
    /// Reads `redis://[user[:password]@]host[:port][/database]` or `unix:///path[?db=…&user=…&pass=…]`.
    pub(super) fn parse(url: &str) -> Result<Address, &'static str> {
        if url.starts_with("rediss://") {
            return Err("this build speaks no TLS: lead redis:// through a tunnel");
        }
        if let Some(rest) = url.strip_prefix("unix://") {
            return unix(rest);
        }
        tcp(url.strip_prefix("redis://").ok_or("takes redis:// or unix://")?)
    }
}

fn tcp(rest: &str) -> Result<Address, &'static str> {
    let (rest, _query) = rest.split_once('?').unwrap_or((rest, ""));
    let (credentials, rest) = match rest.rsplit_once('@') {
        Some((credentials, rest)) => (Some(credentials), rest),
        None => (None, rest),
    };
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match place.rsplit_once(':') {
        // A bracket behind the last colon: the colon is one of an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| "its port is no number")?),
        _ => (place, 6379),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let (user, password) = match credentials.map(|both| both.split_once(':').unwrap_or((both, ""))) {
        Some((user, password)) => (plain(user)?, plain(password)?),
        None => (None, None),
    };
    Ok(Address { door: Door::Tcp(host.to_owned(), port), user, password, database: number(database)? })
}

fn unix(rest: &str) -> Result<Address, &'static str> {
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    if !path.starts_with('/') {
        return Err("the socket's path is not absolute");
    }
    let mut address = Address { door: Door::Unix(path.into()), user: None, password: None, database: None };
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "db" => address.database = number(value)?,
            "user" => address.user = plain(value)?,
            "pass" => address.password = plain(value)?,
            _ => {}
        }
    }
    Ok(address)
}

fn number(text: &str) -> Result<Option<u32>, &'static str> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| "its database is no number") }
}

/// Text with `%41` and the like resolved; `None` for an empty one.
fn plain(text: &str) -> Result<Option<String>, &'static str> {
    let bad = "its percent signs are not followed by two hexadecimal digits";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|two| std::str::from_utf8(two).ok()).ok_or(bad)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad)?);
        rest = &rest[2..];
    }
    let text = String::from_utf8(bytes).map_err(|_| bad)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Address {
        Address::parse(url).expect(url)
    }

    #[test]
    fn every_form_of_a_url_is_read_and_no_text_of_it_shows_the_password() {
        let full = read("redis://app:canary%40pw@db.example:7000/3");
        assert!(full.door == Door::Tcp("db.example".into(), 7000) && full.database == Some(3));
        assert_eq!((full.user.as_deref(), full.password.as_deref()), (Some("app"), Some("canary@pw")));
        assert!(!format!("{full:?}").contains("canary"), "{full:?}");
        assert!(read("redis://").door == Door::Tcp("127.0.0.1".into(), 6379));
        assert!(read("redis://[::1]").door == Door::Tcp("::1".into(), 6379));
        assert!(read("redis://[::1]:7").door == Door::Tcp("::1".into(), 7));
        let socket = read("unix:///run/redis.sock?db=2&pass=canary");
        assert!(socket.door == Door::Unix("/run/redis.sock".into()) && socket.database == Some(2));
        assert!(!format!("{socket:?}").contains("canary"), "{socket:?}");
    }

    #[test]
    fn what_cannot_be_a_server_is_refused() {
        for url in [
            "rediss://db",
            "http://db",
            "redis://db:port",
            "redis://db/x",
            "unix://relative",
            "redis://a:%4@db",
            "redis://a:%é@db",
            "redis://a:%ff@db",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }
}
