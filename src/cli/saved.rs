use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::file;
use crate::model::Diagnostic;
use crate::plan::{Checksum, Moved, Pattern, Plan};
use crate::render::{PlanStyle, plan_text, saved_plan_json, text_diff};

use super::args::{Global, Planning};
use super::failure::{Failure, file_error};
use super::terminal::Terminal;

/// The options that decide what a plan is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    destroy: bool,
    target: Vec<String>,
    exclude: Vec<String>,
    replace: Vec<String>,
    max_destroy: Option<usize>,
    allow_wipe: bool,
    write_back: bool,
    drain: bool,
    sandbox: bool,
    env: Option<String>,
}

impl Options {
    pub(super) fn of(
        planning: &Planning,
        destroy: bool,
        (sandbox, env): (bool, Option<&str>),
    ) -> Self {
        let sorted = |patterns: &[Pattern]| {
            let mut texts: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            texts.sort();
            texts.dedup();
            texts
        };
        Self {
            destroy,
            target: sorted(&planning.target),
            exclude: sorted(&planning.exclude),
            replace: sorted(&planning.replace),
            max_destroy: planning.max_destroy,
            allow_wipe: planning.allow_wipe,
            write_back: !planning.no_write_back,
            drain: !planning.no_drain,
            sandbox,
            env: env.map(ToOwned::to_owned),
        }
    }

    pub(super) fn to_json(&self) -> Json {
        // Text, numbers and lists can always be written.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// How a plan with these options is made; the rest of `planning` is about carrying it out.
    fn planning(&self, planning: &Planning) -> Option<Planning> {
        let parsed = |texts: &[String]| -> Option<Vec<Pattern>> {
            texts.iter().map(|text| text.parse().ok()).collect()
        };
        Some(Planning {
            target: parsed(&self.target)?,
            exclude: parsed(&self.exclude)?,
            replace: parsed(&self.replace)?,
            max_destroy: self.max_destroy,
            allow_wipe: self.allow_wipe,
            no_write_back: !self.write_back,
            no_drain: !self.drain,
            ..planning.clone()
        })
    }
}

/// What the file of a saved plan has besides the plan, for whoever carries it out.
#[derive(Deserialize)]
struct Saved {
    options: Options,
    lines: Vec<String>,
}

/// That file, as far as it is read again: the plan itself is made anew.
#[derive(Deserialize)]
struct Document {
    checksum: String,
    saved: Saved,
}

/// Writes a plan so that it can be carried out later. Gives way to no file that is anything else:
/// cloud.json would be lost by a slip.
///
/// # Errors
/// If the file cannot be written, or is something else.
pub(super) fn save(path: &Path, plan: &Plan, options: &Options) -> Result<(), Diagnostic> {
    let there = file::read(path).unwrap_or_default();
    if !there.is_empty() && serde_json::from_slice::<Document>(&there).is_err() {
        let shown = path.display();
        return Err(
            Diagnostic::error(format!("{shown} is there already and is no saved plan"))
                .detail("it would be lost; nothing was written")
                .hint("name another file with --out, or move that one away"),
        );
    }
    let text = saved_plan_json(plan, &options.to_json(), &lines(plan));
    file::replace(path, text.as_bytes(), None).map_err(|error| file_error("written", path, &error))
}

/// A plan as people read it, but for what may differ between two looks.
fn lines(plan: &Plan) -> Vec<String> {
    let plan = Plan {
        estimate: None,
        ..plan.clone()
    };
    let style = PlanStyle {
        color: false,
        verbose: false,
        header: None,
    };
    let text = plan_text(&plan, &style);
    text.lines().map(ToOwned::to_owned).collect()
}

/// The plan that was approved.
pub(super) struct Approved {
    checksum: Checksum,
    /// Of one that was saved: its file, its options and its lines.
    saved: Option<(PathBuf, Saved)>,
}

impl Approved {
    /// One of which only the checksum is known.
    pub(super) fn by_checksum(checksum: Checksum) -> Self {
        Self {
            checksum,
            saved: None,
        }
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// If it cannot be read, is none, or is about another environment, or the other one of practice
    /// and the real thing.
    pub(super) fn read(path: &Path, global: &Global) -> Result<Self, Failure> {
        let bytes = file::read(path).map_err(|error| file_error("read", path, &error))?;
        let shown = path.display();
        let refused = |why: String| {
            let problem = Diagnostic::error(format!("{shown} is no saved plan"));
            let hint = "make one with `cloudbuilder plan --out FILE`";
            Failure::from(problem.detail(why).hint(hint))
        };
        let document: Document =
            serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
        let checksum: Result<Checksum, _> = document.checksum.parse();
        let checksum = checksum.map_err(|error| refused(error.to_string()))?;
        let saved = document.saved;
        let other = |option: &str, made: bool| {
            let (made, hint) = match made {
                true => ("with", "add"),
                false => ("without", "leave out"),
            };
            Failure::error(format!("{shown} was made {made} {option}"))
                .hint(format!("{hint} {option}, or make another plan"))
        };
        if saved.options.sandbox != global.sandbox {
            return Err(other("--sandbox", saved.options.sandbox).into());
        }
        match (&saved.options.env, &global.env) {
            (made, given) if made == given => {}
            (Some(made), _) => return Err(other(&format!("--env {made}"), true).into()),
            (None, given) => {
                let given = given.as_deref().unwrap_or_default();
                return Err(other(&format!("--env {given}"), false).into());
            }
        }
        Ok(Self {
            checksum,
            saved: Some((path.to_owned(), saved)),
        })
    }

    /// The options that it was made with; as given, for one of which only the checksum is known.
    ///
    /// # Errors
    /// If they cannot be what anybody gave.
    pub(super) fn options(
        &self,
        planning: &Planning,
        destroy: bool,
    ) -> Result<(Planning, bool), Failure> {
        let Some((path, saved)) = &self.saved else {
            return Ok((planning.clone(), destroy));
        };
        match saved.options.planning(planning) {
            Some(planning) => Ok((planning, saved.options.destroy)),
            None => Err(Failure::error(format!("{} is damaged", path.display()))
                .detail("it names addresses in a way that nobody can")
                .hint("make the plan again")
                .into()),
        }
    }

    /// Refuses any other plan, and shows how it differs.
    ///
    /// # Errors
    /// If it is another one.
    pub(super) fn check(&self, plan: &Plan, terminal: Terminal) -> Result<(), Failure> {
        let Some(checksum) = &plan.checksum else {
            return Err(Failure::error("the plan has no checksum").into());
        };
        if *checksum == self.checksum {
            return Ok(());
        }
        let now = lines(plan).join("\n") + "\n";
        match &self.saved {
            Some((path, saved)) => {
                let approved = saved.lines.join("\n") + "\n";
                let file = path.display().to_string();
                let diff = text_diff(&file, &approved, &now, terminal.color_err);
                terminal.complain(&match diff.trim_end() {
                    "" => "The plan has the same lines as the one that was approved.\n".to_owned(),
                    diff => format!("From what was approved to what it would be now:\n\n{diff}\n"),
                });
            }
            None => terminal.complain(&format!("The plan would be now:\n\n{now}")),
        }
        Err(self.refusal(&self.checksum.differing(checksum)).into())
    }

    fn refusal(&self, moved: &[Moved]) -> Diagnostic {
        let words = |part: &Moved| match part {
            Moved::Options => "the options",
            Moved::Configuration => "cloud.json, a file that it names, or the SSH key",
            Moved::State => "the state",
            Moved::Answers => "what the accounts hold",
        };
        let moved_words: Vec<&str> = moved.iter().map(words).collect();
        let detail = match moved_words.as_slice() {
            // Prices and catalogs, or another version of this program.
            [] => "what follows from the same files, state and answers is another".to_owned(),
            moved => format!("not as it was then: {}", moved.join("; ")),
        };
        let hint = if self.saved.is_none() && moved.contains(&Moved::Options) {
            "give the same options as for the plan: --target, --exclude, --replace, --max-destroy, \
             --allow-wipe, --no-write-back, --no-drain, --destroy, --sandbox, --env, --var"
        } else {
            "nothing was done; make the plan again, look at it, and approve that one"
        };
        Diagnostic::error("this is not the plan that was approved")
            .detail(detail)
            .hint(hint)
    }
}
