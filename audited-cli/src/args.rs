//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Where a trail is looked for when nothing names one.
const DEFAULT_TRAIL: &str = "audit-trail";

const EXAMPLES: &str = "\
Examples:
  audited runs                    list the runs of ./audit-trail
  audited show                    the latest run: what ran, what failed
  audited --trail DIR runs        the same of another trail
  audited explain 7k3q9d-1041     the story of one entry
  audited sweep && echo nothing is missing
  audited verify --json | jq .findings

Exit codes: 0 fine, 1 a problem was found, 2 wrong usage, 3 the trail cannot be
opened, 4 the trail contradicts itself (4 beats 3 beats 1).";

/// Ask an audit trail: what happened, what is missing, can it be proved.
///
/// Reads the trail that a program wrote with the `audit-runtime` crate. Nothing in it is changed, except by `index
/// rebuild`, which makes the index anew, and by `recover`, `purge`, `hold add` and `hold remove`, which say so by records
/// of their own.
#[derive(Debug, Parser)]
#[command(name = "audited", version, after_help = EXAMPLES, propagate_version = true)]
pub(crate) struct Cli {
    /// The trail's directory [default: $AUDIT_TRAIL, else ./audit-trail]
    #[arg(long, global = true, value_name = "DIR")]
    trail: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The trail that is asked.
    pub(crate) fn trail(&self) -> PathBuf {
        let named = || std::env::var_os("AUDIT_TRAIL").filter(|dir: &OsString| !dir.is_empty()).map(PathBuf::from);
        self.trail.clone().or_else(named).unwrap_or_else(|| PathBuf::from(DEFAULT_TRAIL))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List runs with their status and counts
    ///
    /// Example: audited runs
    Runs,
    /// Show one run: its nodes, and its entries as a tree with a waterfall
    ///
    /// Example: audited show 7k3q9d-2 --limit 100
    Show {
        /// The run's id, as `audited runs` prints it [default: the latest run]
        run: Option<String>,
        /// How many entries to draw
        #[arg(long, default_value_t = 40, value_name = "N")]
        limit: u32,
    },
    /// Tell the story of an entry, a run, any record, a trace, a session or a tenant
    ///
    /// Example: audited explain 7k3q9d-1041
    Explain {
        /// An id as the other commands print it, a trace id, or the name of a session or a tenant; `trace:`, `session:`
        /// and `tenant:` in front of it say which is meant
        id: String,
    },
    /// Print the latest records; --json prints one compact line per record
    ///
    /// Example: audited tail --follow --json
    Tail {
        /// How many records
        #[arg(long, short = 'n', default_value_t = 20, value_name = "N")]
        lines: usize,
        /// Go on printing records as they come
        #[arg(long, short)]
        follow: bool,
        /// Only records of this event type, for example NOTE; may be given several times
        #[arg(long = "kind", value_name = "EVENT_TYPE", value_parser = kind)]
        kinds: Vec<audit_runtime::model::Kind>,
    },
    /// Find what never ended and what breaks a rule (exit code 1 when something is found)
    ///
    /// Example: audited sweep
    Sweep {
        /// Only this run
        run: Option<String>,
        /// How many seconds an action of a living process may be PENDING
        #[arg(long, default_value_t = 300, value_name = "SECS")]
        pending: u64,
        /// How many seconds a run of a living process may take [default: what its program said, else 3600]
        #[arg(long, value_name = "SECS")]
        running_timeout: Option<u64>,
    },
    /// Compare what a run declared with what was acknowledged (exit code 1 unless it is a PASS)
    ///
    /// Example: audited reconcile 7k3q9d-2
    Reconcile {
        /// The run's id
        run: String,
    },
    /// Prove that no record was changed, lost, reordered or cut off (exit code 4 when one was)
    ///
    /// Reads the journal alone: frames, checksums, sequence, lifecycle, and the Merkle root that each stream's end states.
    ///
    /// Example: audited verify
    Verify,
    /// Latencies by node, the slowest entries, and what never ended
    ///
    /// Example: audited stats 7k3q9d-2
    Stats {
        /// Only this run
        run: Option<String>,
    },
    /// Numbers for a dashboard, computed from the trail, in the Prometheus text format
    ///
    /// Example: audited metrics > /var/lib/node_exporter/audit.prom
    Metrics,
    /// Look at SQLite, format, streams, runs, payloads, index, spool, gaps, space, clocks and settings
    ///
    /// Example: audited doctor
    Doctor {
        /// How many seconds a run of a living process may take [default: what its program said, else 3600]
        #[arg(long, value_name = "SECS")]
        running_timeout: Option<u64>,
    },
    /// Settle what dead processes left, as the next start of the program would; writes to the trail
    ///
    /// Open entries and runs of processes that are gone end as ABANDONED, outcome unknown, and the ends of their streams are
    /// attested. What living processes have open is left alone.
    ///
    /// Example: audited recover
    Recover,
    /// Remove payloads of runs that ended long ago; writes to the trail unless --dry-run
    ///
    /// Payloads that a younger run names too stay, and so do those of a held run. Digests stay always, and the purge is a
    /// record of its own.
    ///
    /// Example: audited purge --older-than 90d --policy "rows for 90 days" --authority "M. Okafor"
    Purge {
        /// How long ago a run must have ended: 90d, 12h, 30m, 45s
        #[arg(long, value_name = "AGE", value_parser = age)]
        older_than: std::time::Duration,
        /// Only say what would go; nothing is written
        #[arg(long)]
        dry_run: bool,
        /// The rule that is followed
        #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
        policy: Option<String>,
        /// On whose authority
        #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
        authority: Option<String>,
    },
    /// Runs whose payloads no purge touches
    ///
    /// Example: audited hold list
    Hold {
        #[command(subcommand)]
        command: HoldCommand,
    },
    /// List every function of the sources with its audit attributes, without building; --check compares with a lock file
    ///
    /// Macro calls that may hold more functions are named. Nothing is read but the sources: no trail is needed.
    ///
    /// Example: audited surface src > audit.lock && audited surface src --check audit.lock
    Surface {
        /// Files and directories [default: .]
        paths: Vec<PathBuf>,
        /// Compare with this lock file (exit code 1 when they differ)
        #[arg(long, value_name = "FILE")]
        check: Option<PathBuf>,
    },
    /// Which failure paths of which function the tests have seen, merged over all test programs (exit code 1 when a case
    /// failed, a floor is missed, an excuse has expired or the base is fallen below)
    ///
    /// The testkit writes what it sees below the target directory; no trail is needed.
    ///
    /// Example: audited coverage --html target/failure-paths.html
    Coverage(Coverage),
    /// The index: a SQLite projection of the journal
    ///
    /// Example: audited index rebuild
    Index {
        #[command(subcommand)]
        command: IndexCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// Hold a run: its payloads stay; writes to the trail
    ///
    /// Example: audited hold add 7k3q9d-2 --authority "M. Okafor" --reason "claim 17"
    Add {
        /// The run's id
        run: String,
        #[command(flatten)]
        why: Why,
    },
    /// Lift a hold; writes to the trail
    ///
    /// Example: audited hold remove 7k3q9d-90 --authority "M. Okafor" --reason "claim 17 is settled"
    Remove {
        /// The hold's id
        hold: String,
        #[command(flatten)]
        why: Why,
    },
    /// List the holds that stand
    ///
    /// Example: audited hold list
    List,
}

/// What `audited coverage` reads and writes.
#[derive(Debug, clap::Args)]
pub(crate) struct Coverage {
    /// Directories with `.jsonl` files, or such files [default: $AUDIT_COVERAGE, else audit-coverage in the target directory]
    #[arg(value_name = "DIR")]
    pub(crate) dirs: Vec<PathBuf>,
    /// Floors and excuses [default: ./audit-coverage.toml, where it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) gate: Option<PathBuf>,
    /// What was reached before; it may not be fallen below [default: what the gate file says]
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// Write the base file instead of comparing with it
    #[arg(long)]
    pub(crate) write_base: bool,
    /// Write one self-contained page with a heat map
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// The day on which excuses are judged [default: today, UTC]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) today: Option<String>,
    /// Columns of the table; from 110 on it says where a site stands [default: $COLUMNS, else 80]
    #[arg(long, value_name = "N")]
    pub(crate) width: Option<usize>,
}

/// Who, and why.
#[derive(Debug, clap::Args)]
pub(crate) struct Why {
    /// On whose authority
    #[arg(long, value_name = "TEXT")]
    pub(crate) authority: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IndexCommand {
    /// Make the index anew from the journal; losing it loses nothing
    ///
    /// Example: audited index rebuild
    Rebuild,
    /// Print every row, sorted: two projections of one journal print the same bytes
    ///
    /// Example: audited index dump > before.txt
    Dump {
        /// Project the whole journal anew and print that, whatever the index holds
        #[arg(long)]
        scan: bool,
    },
}

impl Command {
    /// The command as JSON names it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Command::Runs => "runs",
            Command::Show { .. } => "show",
            Command::Explain { .. } => "explain",
            Command::Tail { .. } => "tail",
            Command::Sweep { .. } => "sweep",
            Command::Reconcile { .. } => "reconcile",
            Command::Verify => "verify",
            Command::Stats { .. } => "stats",
            Command::Metrics => "metrics",
            Command::Doctor { .. } => "doctor",
            Command::Recover => "recover",
            Command::Purge { .. } => "purge",
            Command::Hold { command: HoldCommand::Add { .. } } => "hold add",
            Command::Hold { command: HoldCommand::Remove { .. } } => "hold remove",
            Command::Hold { command: HoldCommand::List } => "hold list",
            Command::Surface { .. } => "surface",
            Command::Coverage(_) => "coverage",
            Command::Index { command: IndexCommand::Rebuild } => "index rebuild",
            Command::Index { command: IndexCommand::Dump { .. } } => "index dump",
        }
    }
}

fn kind(name: &str) -> Result<audit_runtime::model::Kind, String> {
    let name = name.to_ascii_uppercase();
    audit_runtime::model::Kind::from_name(&name).ok_or_else(|| {
        let all = || audit_runtime::model::Kind::ALL.iter().map(|kind| kind.name());
        match crate::near::names_near(&name, all()).as_slice() {
            [] => format!("event types are {}", all().collect::<Vec<_>>().join(", ")),
            near => format!("did you mean {}?", near.join(" or ")),
        }
    })
}

fn day(text: &str) -> Result<String, String> {
    if crate::coverage::is_day(text) { Ok(text.to_owned()) } else { Err("a day is written 2027-06-30".to_owned()) }
}

/// `90d`, `12h`, `30m`, `45s`.
fn age(text: &str) -> Result<std::time::Duration, String> {
    const WRONG: &str = "an age is a number and one of d, h, m, s: 90d";
    let unit = text.chars().next_back().ok_or(WRONG)?;
    let seconds = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)].into_iter().find(|(name, _)| *name == unit);
    let (_, seconds) = seconds.ok_or(WRONG)?;
    let count: u64 = text[..text.len() - 1].parse().map_err(|_| WRONG)?;
    count.checked_mul(seconds).map(std::time::Duration::from_secs).ok_or_else(|| WRONG.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_a_unit() {
        let seconds = |text: &str| age(text).ok().map(|age| age.as_secs());
        assert_eq!(["90d", "2h", "3m", "4s"].map(seconds), [Some(7_776_000), Some(7_200), Some(180), Some(4)]);
        assert_eq!(
            ["", "d", "90", "-1d", "1w", "99999999999999999999d", "9999999999999999999d"].map(seconds),
            [None; 7]
        );
    }

    #[test]
    fn the_arguments_hold_together_and_each_command_shows_an_example() {
        fn each(command: &clap::Command) {
            let about = command.get_long_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.contains("Example: audited "), "{}: {about}", command.get_name());
            command.get_subcommands().for_each(each);
        }
        let command = <Cli as clap::CommandFactory>::command();
        command.clone().debug_assert();
        command.get_subcommands().for_each(each);
    }
}
