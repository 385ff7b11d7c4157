use crate::model::escape;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::{Term, truncate_str};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::paint::Paint;
use super::phrase;
use super::rows::{Columns, Row, rows};
use crate::apply::Event;
use crate::plan::Plan;

/// How many running steps are shown at once; the others are counted.
const RUNNING: usize = 8;

/// How often the running steps are drawn anew.
const TICK: Duration = Duration::from_millis(100);

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// Tells how far a plan is carried out: a line for each step that is done, has failed or is
/// skipped, and on a terminal the running ones below, drawn over and over.
pub struct Progress {
    lines: Lines,
    out: Out,
}

enum Out {
    /// One line after the other, for logs.
    Plain(Box<dyn Write + Send>),
    /// Lines above, and a block below that is redrawn.
    Live(Live),
}

struct Live {
    // One bar whose text is the whole block, because a bar for each step would leave gaps and grow
    // beyond the screen.
    bar: ProgressBar,
    board: Arc<Mutex<Board>>,
}

/// What the block shows.
struct Board {
    running: BTreeMap<usize, Running>,
    settled: usize,
    failed: usize,
    total: usize,
    /// When it should be over, by the plan's estimate.
    over: Option<Instant>,
    paint: Paint,
}

struct Running {
    name: String,
    why: String,
    since: Instant,
}

/// The lines of the steps.
struct Lines {
    rows: BTreeMap<usize, Row>,
    columns: Columns,
    paint: Paint,
    settled: usize,
    running: usize,
}

impl Progress {
    /// To standard error: with a live block if that is wanted and it is a terminal, else as plain
    /// lines.
    #[must_use]
    pub fn stderr(plan: &Plan, color: bool, live: bool) -> Self {
        let terminal = ProgressDrawTarget::stderr();
        // A hidden target swallows even what is to stay.
        if !live || terminal.is_hidden() {
            return Self::plain(plan, color, Box::new(std::io::stderr()));
        }
        let width = || usize::from(Term::stderr().size().1);
        Self::live(plan, color, terminal, width)
    }

    /// Plain lines into `sink`: what a log or a pipe gets.
    #[must_use]
    pub fn plain(plan: &Plan, color: bool, sink: Box<dyn Write + Send>) -> Self {
        Self {
            lines: Lines::new(plan, color),
            out: Out::Plain(sink),
        }
    }

    /// A live block on a terminal; `width` is asked before each drawing how wide it is.
    #[must_use]
    pub fn live(
        plan: &Plan,
        color: bool,
        terminal: ProgressDrawTarget,
        width: impl Fn() -> usize + Send + Sync + Clone + 'static,
    ) -> Self {
        let lines = Lines::new(plan, color);
        let board = Arc::new(Mutex::new(Board {
            running: BTreeMap::new(),
            settled: 0,
            failed: 0,
            total: lines.rows.len(),
            over: plan
                .estimate
                .and_then(|estimate| Instant::now().checked_add(estimate.duration)),
            paint: lines.paint,
        }));
        let drawn = Arc::clone(&board);
        let style = ProgressStyle::with_template("{block}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .with_key(
                "block",
                move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
                    // A block that cannot be written is drawn at the next tick.
                    let _ = out.write_str(&lock(&drawn).text(Instant::now(), width()));
                },
            );
        let bar = ProgressBar::with_draw_target(None, terminal).with_style(style);
        bar.enable_steady_tick(TICK);
        Self {
            lines,
            out: Out::Live(Live { bar, board }),
        }
    }

    /// Says what happened. That a log cannot be written is no reason to stop applying, so nothing
    /// is returned.
    pub fn event(&mut self, event: &Event) {
        let said = self.lines.of(event);
        match &mut self.out {
            Out::Plain(sink) => {
                let waiting = match event {
                    Event::Waiting { step, id, why } => self.lines.waiting(*step, id, why),
                    _ => None,
                };
                if let Some(line) = said.or(waiting) {
                    let _ = writeln!(sink, "{line}");
                    let _ = sink.flush();
                }
            }
            Out::Live(live) => {
                live.update(event, &self.lines);
                if let Some(line) = said {
                    live.bar.println(line);
                }
            }
        }
    }

    /// Takes the block away; the lines stay. Dropping it does the same.
    pub fn finish(self) {}
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Live {
    fn update(&self, event: &Event, lines: &Lines) {
        let mut board = lock(&self.board);
        match event {
            Event::Started { step } => {
                let running = Running {
                    name: lines.name(*step).unwrap_or_default(),
                    why: String::new(),
                    since: Instant::now(),
                };
                board.running.insert(*step, running);
            }
            Event::Waiting { step, why, .. } => {
                if let Some(running) = board.running.get_mut(step) {
                    running.why = escape(why).into_owned();
                }
            }
            Event::Lost { step, .. } => {
                if let Some(running) = board.running.get_mut(step) {
                    running.why = phrase::LOST.to_owned();
                }
            }
            Event::Failed { step, .. } => {
                board.running.remove(step);
                board.failed += 1;
            }
            Event::Finished { step, .. } | Event::Skipped { step, .. } => {
                board.running.remove(step);
            }
            Event::Paused { .. } | Event::Interrupted => {}
        }
        board.settled = lines.settled;
    }
}

/// A drawing thread that panicked leaves data that is still good enough to be shown.
fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// The running steps, the longest running first, and how far it all is.
    fn text(&self, now: Instant, width: usize) -> String {
        let mut running: Vec<&Running> = self.running.values().collect();
        running.sort_by_key(|step| step.since);
        let mut lines = Vec::new();
        for step in running.iter().take(RUNNING) {
            let time = now.saturating_duration_since(step.since);
            let frame = usize::try_from(time.as_millis() / TICK.as_millis()).unwrap_or(0);
            let spinner = SPINNER
                .get(frame % SPINNER.len())
                .copied()
                .unwrap_or_default();
            let after = format!("{}  {}", step.why, phrase::elapsed(time));
            lines.push(format!(
                "  {spinner}  {}  {}",
                step.name,
                after.trim_start()
            ));
        }
        let hidden = running.len().saturating_sub(RUNNING);
        if hidden > 0 {
            lines.push(format!("     … and {hidden} more"));
        }
        let mut sum = format!("{} of {} done", self.settled, self.total);
        if self.failed > 0 {
            let _ = write!(sum, ", {} failed", self.failed);
        }
        // What takes longer than it should is not guessed at again.
        let left = self.over.and_then(|over| over.checked_duration_since(now));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            let _ = write!(sum, ", {} left", phrase::roughly(left));
        }
        lines.push(self.paint.dim(&sum));
        let lines: Vec<_> = lines
            .iter()
            .map(|line| truncate_str(line, width.max(20), "…"))
            .collect();
        lines.join("\n")
    }
}

impl Lines {
    fn new(plan: &Plan, color: bool) -> Self {
        let rows = rows(plan);
        Self {
            columns: Columns::of(&rows),
            rows: rows.into_iter().map(|row| (row.number, row)).collect(),
            paint: Paint { color },
            settled: 0,
            running: 0,
        }
    }

    /// The line that an event leaves for good.
    fn of(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::Started { .. } => {
                self.running += 1;
                None
            }
            Event::Waiting { .. } => None,
            Event::Lost { step, why } => {
                let why = format!("{}: {}", phrase::LOST, escape(why));
                self.line(*step, "", &format!("{}  …", self.paint.dim(&why)))
            }
            Event::Finished {
                step,
                outcome,
                elapsed,
                ..
            } => {
                self.running = self.running.saturating_sub(1);
                let time = phrase::elapsed(*elapsed);
                let outcome = escape(outcome);
                let after = format!("{outcome}  {}", self.paint.dim(&time));
                self.settle(*step, after.trim_start())
            }
            Event::Failed {
                step,
                error,
                elapsed,
            } => {
                self.running = self.running.saturating_sub(1);
                let failed = self
                    .paint
                    .red(&format!("failed: {}", escape(&error.summary)));
                let time = phrase::elapsed(*elapsed);
                self.settle(*step, &format!("{failed}  {}", self.paint.dim(&time)))
            }
            Event::Skipped { step, because } => {
                let name = self.rows.get(because);
                let name = name.map(|row| format!(" ({} {})", row.kind, row.label));
                let name = name.unwrap_or_default();
                self.settle(*step, &format!("skipped: step {because}{name} failed"))
            }
            Event::Paused { wait, why } => Some(format!(
                "paused for {}: {}",
                phrase::elapsed(*wait),
                escape(why)
            )),
            Event::Interrupted => Some(match self.running {
                0 => "interrupted: nothing new is started".to_owned(),
                running => format!(
                    "interrupted: nothing new is started, {} still running",
                    phrase::count(running, "step")
                ),
            }),
        }
    }

    /// ` 2/10  + server   server1   198.18.0.2, 2001:db8::1   4.1 s`
    fn settle(&mut self, step: usize, after: &str) -> Option<String> {
        self.settled += 1;
        let count = format!("{}/{}", self.settled, self.rows.len());
        self.line(step, &count, after)
    }

    /// That a step's result takes its time.
    fn waiting(&self, step: usize, id: &str, why: &str) -> Option<String> {
        let after = format!("{} (id {})", escape(why), escape(id));
        self.line(step, "", &format!("{}  …", self.paint.dim(&after)))
    }

    fn line(&self, step: usize, count: &str, after: &str) -> Option<String> {
        let widest = self.rows.len().to_string().len() * 2 + 1;
        let count = self.paint.dim(&format!("{count:>widest$}"));
        let name = self.name(step)?;
        Some(format!(" {count}  {name}  {after}").trim_end().to_owned())
    }

    fn name(&self, step: usize) -> Option<String> {
        let row = self.rows.get(&step)?;
        Some(self.columns.name(row, self.paint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_until_it_is_over() {
        let now = Instant::now();
        let mut board = Board {
            running: BTreeMap::new(),
            settled: 1,
            failed: 0,
            total: 3,
            over: Some(now + Duration::from_secs(150)),
            paint: Paint { color: false },
        };
        let after = |board: &Board, seconds| board.text(now + Duration::from_secs(seconds), 80);
        assert_eq!(after(&board, 0), "1 of 3 done, about 3 min left");
        assert_eq!(after(&board, 100), "1 of 3 done, under a minute left");
        assert_eq!(after(&board, 150), "1 of 3 done");
        assert_eq!(after(&board, 999), "1 of 3 done");
        board.over = None;
        assert_eq!(after(&board, 0), "1 of 3 done");
    }
}
