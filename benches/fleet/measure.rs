//! What a child process costs, as far as the system tells.

use std::fmt;
use std::fs;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// How often the process is looked at.
const EVERY: Duration = Duration::from_millis(2);
/// Linux counts a process's time on the processor in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// What a run of the program took.
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// On the processor, in the program and in the system for it; only on Linux.
    cpu: Option<Duration>,
    /// The most memory that it held, in KiB; only on Linux. Up to one look old at its end.
    peak: Option<u64>,
}

impl Cost {
    /// Watches the child until it has ended, and leaves it to be waited for.
    pub(crate) fn of(child: &Child) -> Self {
        let began = Instant::now();
        let process = format!("/proc/{}", child.id());
        let (mut cpu, mut peak) = (None, None);
        // One that has ended keeps its times until it is waited for, and nothing else.
        while let Some(times) = times(&process) {
            cpu = Some(times.cpu);
            if times.ended {
                break;
            }
            peak = high_water(&process).or(peak);
            thread::sleep(EVERY);
        }
        Self {
            wall: began.elapsed(),
            cpu,
            peak,
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cpu = self
            .cpu
            .map_or("-".to_owned(), |cpu| format!("{:.2}", cpu.as_secs_f64()));
        let peak = self.peak.map_or("-".to_owned(), |peak| {
            format!("{:.1}", peak as f64 / 1024.0)
        });
        let wall = self.wall.as_secs_f64();
        write!(f, "{cpu:>8} {wall:>8.2} {peak:>9}")
    }
}

struct Times {
    cpu: Duration,
    ended: bool,
}

fn times(process: &str) -> Option<Times> {
    let stat = fs::read_to_string(format!("{process}/stat")).ok()?;
    // The name of the program, in brackets, may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(Times {
        cpu: TICK * (ticks(11)? + ticks(12)?),
        ended: matches!(fields.first(), Some(&("Z" | "X"))),
    })
}

fn high_water(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
