//! The program on a terminal of its own, and what a person would see there.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rexpect::process::WaitStatus;
use rexpect::session::{Options, PtySession, spawn_with_options};

use super::cloud::LIMIT;
use super::program::Place;

/// The program, with somebody at the keyboard.
pub(crate) struct Session {
    pty: PtySession,
    /// Everything printed so far.
    said: String,
}

/// All that appeared on the terminal, and how the program ended.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) text: String,
    pub(crate) code: i32,
}

impl Place {
    /// Starts the program on a terminal so many columns wide.
    pub(crate) fn at_terminal(&self, columns: usize, line: &str) -> Session {
        self.begin(columns, ":", line)
    }

    /// As [`Self::at_terminal`], with some of the program's files redirected as the shell does.
    pub(crate) fn at_terminal_with(
        &self,
        columns: usize,
        redirections: &str,
        line: &str,
    ) -> Session {
        self.begin(columns, &format!("exec {redirections}"), line)
    }

    /// As [`Self::at_terminal`], and afterwards a command of the shell's, on the same terminal.
    pub(crate) fn at_terminal_then(&self, columns: usize, line: &str, then: &str) -> Session {
        let script = format!("trap : INT; \"$0\" \"$@\"; code=$?; {then}; exit $code");
        self.begin(columns, &script, line)
    }

    fn begin(&self, columns: usize, script: &str, line: &str) -> Session {
        let args: Vec<&str> = line.split_whitespace().collect();
        // A terminal echoes what is typed; the one that the test gets does not, until it is told.
        let prepare = format!("stty echo rows 24 cols {columns}; {script}");
        let mut command = self.command(Some(&prepare), &args);
        command
            .stdin(Stdio::inherit())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit());
        if !self.is_set("TERM") {
            command.env("TERM", "xterm-256color");
        }
        let limit = u64::try_from(LIMIT.as_millis()).ok();
        let pty = spawn_with_options(command, Options::new().timeout_ms(limit))
            .expect("the program starts");
        Session {
            pty,
            said: String::new(),
        }
    }
}

impl Session {
    /// Waits until this appears, after what was waited for last.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str) {
        match self.pty.exp_string(&bytewise(what)) {
            Ok(before) => {
                self.said.push_str(&textual(&before));
                self.said.push_str(what);
            }
            Err(error) => panic!("{what:?} never appears\n{}{error}", self.said),
        }
    }

    /// Types a line.
    pub(crate) fn enter(&mut self, line: &str) {
        self.pty.send_line(line).expect("somebody reads");
    }

    /// Presses a key together with Ctrl.
    pub(crate) fn control(&mut self, key: char) {
        self.pty.send_control(key).expect("somebody reads");
    }

    /// Waits for the end; it must come in time.
    #[track_caller]
    pub(crate) fn end(mut self) -> Seen {
        match self.pty.exp_eof() {
            Ok(rest) => self.said.push_str(&textual(&rest)),
            Err(error) => panic!("it does not end\n{}{error}", self.said),
        }
        let give_up = Instant::now() + LIMIT;
        let code = loop {
            match self.pty.process().status() {
                Some(WaitStatus::Exited(_, code)) => break code,
                Some(WaitStatus::Signaled(_, signal, _)) => break 128 + signal as i32,
                other => assert!(Instant::now() < give_up, "it does not end: {other:?}"),
            }
            thread::park_timeout(Duration::from_millis(5));
        };
        Seen {
            text: self.said,
            code,
        }
    }
}

impl Seen {
    /// It must have ended so.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, what: &str) -> Self {
        assert!(
            self.text.contains(what),
            "{what:?} is not said\n{}",
            self.text
        );
        self
    }

    #[track_caller]
    pub(crate) fn never_says(self, what: &str) -> Self {
        assert!(!self.text.contains(what), "{what:?} is said\n{}", self.text);
        self
    }

    /// What stands on the terminal in the end, from the first line on, with the lines that have
    /// left it at the top.
    pub(crate) fn screen(&self, columns: usize) -> Vec<String> {
        let mut screen = Screen::new(columns);
        let mut rest = self.text.chars();
        while let Some(character) = rest.next() {
            if character == '\u{1b}' {
                screen.steer(&mut rest);
            } else {
                screen.put(character);
            }
        }
        screen.lines()
    }
}

/// The terminal's data is bytes; the crate that reads it makes a character of each.
fn textual(bytes: &str) -> String {
    let bytes: Vec<u8> = bytes
        .chars()
        .filter_map(|character| u8::try_from(u32::from(character)).ok())
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn bytewise(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// As much of a terminal as a program needs that draws a block again and again.
struct Screen {
    columns: usize,
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
}

impl Screen {
    fn new(columns: usize) -> Self {
        Self {
            columns,
            cells: Vec::new(),
            row: 0,
            column: 0,
        }
    }

    fn line(&mut self) -> &mut Vec<char> {
        while self.cells.len() <= self.row {
            self.cells.push(Vec::new());
        }
        &mut self.cells[self.row]
    }

    fn put(&mut self, character: char) {
        match character {
            '\r' => self.column = 0,
            '\n' => self.row += 1,
            // Others take no room.
            _ if character.is_control() => {}
            _ => {
                // The cursor stays behind a full line until something more is written.
                if self.column == self.columns {
                    self.row += 1;
                    self.column = 0;
                }
                let column = self.column;
                let line = self.line();
                while line.len() <= column {
                    line.push(' ');
                }
                line[column] = character;
                self.column += 1;
            }
        }
    }

    /// Carries out an escape sequence, of which the first character has been read.
    fn steer(&mut self, rest: &mut std::str::Chars<'_>) {
        assert_eq!(rest.next(), Some('['), "no other kind is known");
        let mut number = String::new();
        let command = loop {
            match rest.next() {
                Some(character) if character.is_ascii_alphabetic() => break character,
                Some(character) => number.push(character),
                None => panic!("a sequence is cut off"),
            }
        };
        let count = number.parse().unwrap_or(1);
        let column = self.column;
        match command {
            'A' => self.row = self.row.saturating_sub(count),
            'B' => self.row += count,
            'G' => self.column = count.saturating_sub(1),
            'K' if number == "2" => self.line().clear(),
            'K' if number.is_empty() || number == "0" => self.line().truncate(column),
            'J' if number.is_empty() || number == "0" => {
                self.line().truncate(column);
                let row = self.row;
                self.cells.truncate(row + 1);
            }
            // Colours, and whether the cursor is shown.
            'm' | 'h' | 'l' => {}
            other => panic!("the sequence [{number}{other} is not known"),
        }
    }

    fn lines(self) -> Vec<String> {
        self.cells
            .into_iter()
            .map(|line| line.into_iter().collect::<String>().trim_end().to_owned())
            .collect()
    }
}
