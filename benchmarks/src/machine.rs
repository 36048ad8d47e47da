//! What runs beside us, and what the machine is.

use std::fs;
use std::time::Duration;

/// Processor time of the whole machine and of this process with its dead children, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    machine: f64,
    ours: f64,
}

impl Busy {
    /// As it is now.
    pub fn now() -> Busy {
        let second = rustix::param::clock_ticks_per_second() as f64;
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields = numbers(stat.lines().next().unwrap_or_default(), 1);
        // user nice system idle iowait irq softirq steal: all but idle and iowait is work of somebody.
        let machine = [0, 1, 2, 5, 6, 7].iter().filter_map(|at| fields.get(*at)).sum::<f64>() / second;
        let own = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // Behind the name, which may hold blanks: state is the first field, times of ours and of our children follow.
        let behind = own.rsplit(')').next().unwrap_or_default();
        let ours = numbers(behind, 1).get(10..14).map(|times| times.iter().sum::<f64>()).unwrap_or(0.0) / second;
        Busy { machine, ours }
    }

    /// The share of one core that others used since `before`.
    pub fn foreign_since(&self, before: &Busy, took: Duration) -> f64 {
        let others = (self.machine - before.machine) - (self.ours - before.ours);
        others.max(0.0) / took.as_secs_f64().max(0.01)
    }
}

fn numbers(line: &str, skip: usize) -> Vec<f64> {
    line.split_whitespace().skip(skip).map(|field| field.parse().unwrap_or(0.0)).collect()
}

/// Processor time of the calling thread, in seconds. Other programs beside us change it far less than the wall clock.
pub fn thread_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The machine in one line, without names.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    let has = |flag: &str| flags.split_whitespace().any(|f| f == flag);
    let sha = if has("sha_ni") { "with SHA extensions" } else { "without SHA extensions" };
    let wide = if has("avx512f") {
        "AVX-512"
    } else if has("avx2") {
        "AVX2"
    } else {
        "no AVX2"
    };
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores {sha}, {wide}; Linux {}", system.trim())
}
