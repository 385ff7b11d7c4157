//! Data to text: plans, reports, progress and tables for people; JSON for programs; Markdown for
//! pull requests.
//!
//! Nothing here decides anything, asks anyone or writes to a stream that it was not handed, and
//! nothing here knows a kind of resource or a provider by name. Text that was not written in this
//! program goes through [`crate::model::escape`] before it is printed.

mod diagnostic;
mod drift;
mod escape;
mod json;
mod json_stream;
mod listing;
mod markdown;
mod orphans;
mod paint;
mod phrase;
mod progress;
mod report;
mod rows;
mod state_json;
mod table;
mod text_diff;

pub use diagnostic::{Sources, diagnostics};
pub use drift::drift_text;
pub use json::{plan_json, saved_plan_json};
pub use json_stream::JsonStream;
pub use listing::{
    ListStyle, ShowStyle, images, regions, show, sizes, state_list, state_show, unfinished,
};
pub use markdown::{MARKDOWN_LIMIT, plan_markdown};
pub use orphans::{Leftovers, orphans_json, orphans_text};
pub use progress::Progress;
pub use report::{ReportStyle, report_text};
pub use state_json::{json_line, state_json};
pub use table::{Header, PlanStyle, plan_text};
pub use text_diff::text_diff;
