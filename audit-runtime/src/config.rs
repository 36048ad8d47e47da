//! What the environment may set. Each setting has one name, one default and one reader, and all of them stand in one
//! table: `audited doctor` prints it, opening a trail checks it, and nobody else looks at the environment.

use crate::error::{Code, Error};
use crate::model::scrub::scrub;
use std::ffi::OsStr;

/// What a setting's value has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// `true`, `1`, `on`, `yes`, or `false`, `0`, `off`, `no`, in any case.
    Flag,
    /// `redis://…`, `rediss://…` or `unix://…`.
    Url,
}

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name of the environment variable.
    pub name: &'static str,
    /// What holds when the variable is absent or empty; empty for a setting that has no value then.
    pub default: &'static str,
    /// What its value has to look like.
    pub form: Form,
    /// What it decides, for people.
    pub meaning: &'static str,
}

/// Whether contracts are watched and reconciled.
pub const RAC_ENABLED: Setting = Setting {
    name: "RAC_ENABLED",
    default: "true",
    form: Form::Flag,
    meaning: "false: deadlines are not watched and the verdict is DISABLED; recording is the same",
};

/// Whether an entry without a recorder is refused.
pub const AUDIT_REQUIRED: Setting = Setting {
    name: "AUDIT_REQUIRED",
    default: "false",
    form: Form::Flag,
    meaning: "true: an audited function refuses to run while no recorder is installed",
};

/// Whether contracts meet across machines.
pub const AUDIT_REDIS_ENABLED: Setting = Setting {
    name: "AUDIT_REDIS_ENABLED",
    default: "false",
    form: Form::Flag,
    meaning: "true: expectations and acknowledgements meet across machines; refused by a build without Redis",
};

/// Where they meet.
pub const AUDIT_REDIS_URL: Setting =
    Setting { name: "AUDIT_REDIS_URL", default: "", form: Form::Url, meaning: "the server at which they meet" };

/// Every setting, in the order in which `audited doctor` prints them.
pub const SETTINGS: &[Setting] = &[RAC_ENABLED, AUDIT_REQUIRED, AUDIT_REDIS_ENABLED, AUDIT_REDIS_URL];

/// What the environment of this process says of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Word {
    /// Nothing: the default holds.
    Silent,
    /// This, which has the setting's form. Scrubbed.
    Said(String),
    /// Something that does not have the setting's form. It is not repeated: it may be anything.
    Bad,
}

impl Setting {
    /// What the environment of this process says.
    #[must_use]
    pub fn word(&self) -> Word {
        self.read(std::env::var_os(self.name).as_deref())
    }

    fn read(&self, value: Option<&OsStr>) -> Word {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return Word::Silent };
        match value.to_str().map(str::trim) {
            Some(text) if self.takes(text) => Word::Said(scrub(&unpassed(text)).into_owned()),
            _ => Word::Bad,
        }
    }

    fn takes(&self, text: &str) -> bool {
        match self.form {
            Form::Flag => flag(text).is_some(),
            Form::Url => ["redis://", "rediss://", "unix://"].iter().any(|scheme| text.starts_with(scheme)),
        }
    }

    /// Whether a flag is up; one that cannot be read is taken for `doubtful`.
    fn is_up(&self, doubtful: bool) -> bool {
        match self.word() {
            Word::Silent => flag(self.default).unwrap_or(false),
            Word::Said(text) => flag(&text).unwrap_or(doubtful),
            Word::Bad => doubtful,
        }
    }
}

/// Without the password that may stand among the options behind a URL.
fn unpassed(text: &str) -> String {
    let parts = text.split_inclusive(['?', '&']);
    let shown = |part: &str| match part.strip_prefix("pass=") {
        Some(rest) => format!("pass=[password]{}", if rest.ends_with('&') { "&" } else { "" }),
        None => part.to_owned(),
    };
    parts.map(shown).collect()
}

fn flag(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is(&["true", "1", "on", "yes"]), is(&["false", "0", "off", "no"])) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// Whether `RAC_ENABLED` leaves reconciliation on. Recording never depends on it; a run that begins while it is off says
/// so, and its verdict is DISABLED, never PASS.
#[must_use]
pub fn rac_enabled() -> bool {
    RAC_ENABLED.is_up(true)
}

/// Whether `AUDIT_REQUIRED` refuses entries without a recorder. Whoever sets it to something that cannot be read wants
/// something of it: that is taken for a yes.
pub(crate) fn audit_required() -> bool {
    AUDIT_REQUIRED.is_up(true)
}

/// Every setting that cannot be as it is, with why.
#[must_use]
pub fn faults() -> Vec<(&'static Setting, &'static str)> {
    let mut faults: Vec<_> = SETTINGS
        .iter()
        .filter(|setting| setting.word() == Word::Bad)
        .map(|setting| (setting, wanted(setting.form)))
        .collect();
    if AUDIT_REDIS_ENABLED.is_up(false) {
        match AUDIT_REDIS_URL.word() {
            _ if !REDIS => faults.push((&SETTINGS[2], "this build holds no Redis; contracts meet through the trail")),
            Word::Silent => faults.push((&SETTINGS[3], "says where, when AUDIT_REDIS_ENABLED is true")),
            Word::Said(_) | Word::Bad => {}
        }
    }
    faults
}

fn wanted(form: Form) -> &'static str {
    match form {
        Form::Flag => "takes true or false",
        Form::Url => "takes redis://, rediss:// or unix://",
    }
}

/// Whether this build lets contracts meet on a Redis server.
pub const REDIS: bool = cfg!(feature = "redis");

/// Where contracts meet, as it was given: not to be shown to anybody.
pub(crate) fn redis_url() -> Option<String> {
    if !REDIS || !AUDIT_REDIS_ENABLED.is_up(false) {
        return None;
    }
    match AUDIT_REDIS_URL.word() {
        Word::Said(_) => std::env::var(AUDIT_REDIS_URL.name).ok().map(|url| url.trim().to_owned()),
        Word::Silent | Word::Bad => None,
    }
}

/// Refuses what the environment cannot mean, before anything is written.
///
/// # Errors
/// `AUD0810`.
pub(crate) fn check() -> Result<(), Error> {
    match faults().first() {
        Some((setting, why)) => {
            let what = format!("reading {} from the environment", setting.name);
            Err(Error::new(Code::BadSetting, what).detail(*why))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_silent_said_or_bad_and_a_password_is_never_repeated() {
        let read = |setting: &Setting, text: &str| setting.read(Some(OsStr::new(text)));
        for text in ["false", "FALSE", "0", "off", " no "] {
            assert!(matches!(read(&RAC_ENABLED, text), Word::Said(text) if flag(&text) == Some(false)), "{text}");
        }
        assert_eq!(read(&RAC_ENABLED, ""), Word::Silent);
        assert_eq!(RAC_ENABLED.read(None), Word::Silent);
        assert_eq!(read(&RAC_ENABLED, "maybe"), Word::Bad);
        assert_eq!(read(&AUDIT_REDIS_URL, "http://x"), Word::Bad);
        let Word::Said(url) = read(&AUDIT_REDIS_URL, "redis://user:canary-pw@host/0") else { panic!("a URL") };
        assert!(!url.contains("canary-pw"), "{url}");
        let Word::Said(url) = read(&AUDIT_REDIS_URL, "unix:///s?pass=canary-pw&db=1") else { panic!("a URL") };
        assert!(!url.contains("canary-pw") && url.contains("db=1"), "{url}");
    }

    #[test]
    fn every_default_has_its_own_form() {
        for setting in SETTINGS.iter().filter(|setting| !setting.default.is_empty()) {
            assert!(setting.takes(setting.default), "{}", setting.name);
        }
    }
}
