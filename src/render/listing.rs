use std::collections::{BTreeMap, BTreeSet};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Row, Table};

use super::phrase::listed;
use super::rows::{pad, width};
use super::table::shown;
use crate::model::{Address, Catalog, Image, Origin, Recorded, Size, escape};
use crate::state::State;

/// How a list is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListStyle {
    /// With colours.
    pub color: bool,
    /// How wide the terminal is. `None` where there is none: then no line is wrapped, because who
    /// reads it is a program.
    pub width: Option<u16>,
}

/// The regions, those that take new servers first.
#[must_use]
pub fn regions(catalog: &Catalog, style: ListStyle) -> String {
    let mut regions: Vec<_> = catalog.regions.iter().collect();
    regions.sort_by_key(|region| (!region.available, &region.slug));
    let rows = regions.into_iter().map(|region| {
        let note = if region.available {
            ""
        } else {
            "takes no new servers"
        };
        vec![
            region.slug.clone(),
            region.name.clone(),
            joined(&region.features),
            note.to_owned(),
        ]
    });
    table(&["REGION", "NAME", "FEATURES", ""], &[], rows, style)
}

/// The sizes, the cheapest first, those without a price last.
#[must_use]
pub fn sizes(catalog: &Catalog, style: ListStyle) -> String {
    let mut sizes: Vec<&Size> = catalog.sizes.iter().collect();
    sizes.sort_by_key(|size| {
        let price = size.monthly.map_or((1, None), |monthly| (0, Some(monthly)));
        (price, size.vcpus, size.memory_mib, &size.slug)
    });
    let everywhere = catalog
        .regions
        .iter()
        .filter(|region| region.available)
        .count();
    let rows = sizes.into_iter().map(|size| {
        let mut notes = Vec::new();
        if !size.available {
            notes.push("not available");
        }
        if size.unusable.is_some() {
            notes.push("not supported");
        }
        if size.sandbox_only {
            notes.push("sandbox only");
        }
        vec![
            size.slug.clone(),
            size.description.clone(),
            size.vcpus.to_string(),
            memory(size.memory_mib),
            format!("{} GB", size.disk_gb),
            format!("{} TB", size.transfer_tb),
            size.monthly
                .map_or_else(|| "unknown".to_owned(), |price| price.to_string()),
            some_of(&size.regions, everywhere),
            notes.join(", "),
        ]
    });
    let headings = [
        "SIZE", "CLASS", "VCPUS", "MEMORY", "DISK", "TRANSFER", "PRICE/MO", "REGIONS", "",
    ];
    table(&headings, &[2, 3, 4, 5, 6], rows, style)
}

/// The images by distribution, the account's own last.
#[must_use]
pub fn images(catalog: &Catalog, style: ListStyle) -> String {
    let mut images: Vec<&Image> = catalog.images.iter().collect();
    images.sort_by_key(|image| {
        let private = image.slug.is_none();
        (
            private,
            &image.distribution,
            &image.slug,
            &image.name,
            &image.id,
        )
    });
    let everywhere = catalog
        .regions
        .iter()
        .filter(|region| region.available)
        .count();
    let rows = images.into_iter().map(|image| {
        let disk = match image.min_disk_gb {
            0 => String::new(),
            disk => format!("{disk} GB"),
        };
        let note = if image.sandbox_only {
            "sandbox only"
        } else {
            ""
        };
        vec![
            image.slug.clone().unwrap_or_else(|| image.id.clone()),
            image.distribution.clone(),
            image.name.clone(),
            disk,
            some_of(&image.regions, everywhere),
            note.to_owned(),
        ]
    });
    let headings = ["IMAGE", "DISTRIBUTION", "NAME", "MIN DISK", "REGIONS", ""];
    table(&headings, &[3], rows, style)
}

/// The addresses in the state, one a line, as scripts want them; with ids and origins if `verbose`.
#[must_use]
pub fn state_list(state: &State, verbose: bool, style: ListStyle) -> String {
    if !verbose {
        let lines = state.resources.keys();
        return lines
            .map(|address| format!("{}\n", escape(&address.to_string())))
            .collect();
    }
    let rows = state.resources.values().map(|recorded| {
        vec![
            recorded.address.to_string(),
            recorded.id.clone(),
            recorded.account.clone(),
            origin(recorded.origin).to_owned(),
            ready(recorded).to_owned(),
        ]
    });
    table(
        &["ADDRESS", "ID", "ACCOUNT", "ORIGIN", "READY"],
        &[],
        rows,
        style,
    )
}

/// How far a run came that did not come to its end, and what may be there although it is not
/// listed; `None` if there was no such run.
#[must_use]
pub fn unfinished(state: &State) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(progress) = state.progress {
        parts.push(format!(
            "{} of {} steps done",
            progress.done, progress.steps
        ));
    }
    if !state.unsettled.is_empty() {
        let addresses: BTreeSet<&Address> = state.unsettled.values().map(|i| &i.address).collect();
        parts.push(format!(
            "{} in flight ({})",
            state.unsettled.len(),
            listed(addresses.into_iter().map(Address::to_string))
        ));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Everything the state says of one resource.
#[must_use]
pub fn state_show(recorded: &Recorded) -> String {
    let refers_to: Vec<String> = recorded.refers_to.iter().map(Address::to_string).collect();
    let mut about = vec![
        ("id", recorded.id.clone()),
        ("account", recorded.account.clone()),
        ("origin", origin(recorded.origin).to_owned()),
        ("ready", ready(recorded).to_owned()),
        ("recorded", format!("{:.0}", recorded.recorded_at)),
    ];
    if !refers_to.is_empty() {
        about.push(("refers to", refers_to.join(", ")));
    }
    let about = about
        .iter()
        .map(|(name, value)| (*name, escape(value).into_owned()));
    let attributes = recorded
        .attributes
        .iter()
        .map(|(name, value)| (name, shown(value)));
    format!(
        "{}\n{}\n{}",
        escape(&recorded.address.to_string()),
        pairs(about.collect()),
        pairs(attributes.collect())
    )
}

/// What [`show`] puts at the head of each block, and what it tells of it.
#[derive(Clone, Copy, Debug)]
pub struct ShowStyle<'a> {
    /// The kind that the others hang on.
    pub kind: &'a str,
    /// Which of its attributes are shown, each in a column.
    pub attributes: &'a [&'a str],
    /// How the list is shown.
    pub list: ListStyle,
}

/// The resources of one kind, each with what refers to it below, and then the rest.
#[must_use]
pub fn show(state: &State, style: &ShowStyle<'_>) -> String {
    let mut hanging: BTreeMap<&Address, Vec<&Recorded>> = BTreeMap::new();
    for recorded in state.resources.values() {
        for target in &recorded.refers_to {
            if target.kind() == style.kind && recorded.address.kind() != style.kind {
                hanging.entry(target).or_default().push(recorded);
            }
        }
    }
    let line = |recorded: &Recorded, indent: &str| {
        let mut cells = vec![format!("{indent}{}", recorded.address), recorded.id.clone()];
        cells.extend(style.attributes.iter().map(|attribute| {
            recorded
                .attributes
                .get(attribute)
                .map(|value| value.as_str().map_or_else(|| shown(value), str::to_owned))
                .unwrap_or_default()
        }));
        if !recorded.ready {
            cells.push("not ready".to_owned());
        }
        cells
    };
    let mut rows = Vec::new();
    let mut told: BTreeSet<&Address> = BTreeSet::new();
    let (heads, others): (Vec<&Recorded>, Vec<&Recorded>) = state
        .resources
        .values()
        .partition(|recorded| recorded.address.kind() == style.kind);
    for head in heads {
        rows.push(line(head, ""));
        for below in hanging.get(&head.address).into_iter().flatten() {
            rows.push(line(below, "  "));
            told.insert(&below.address);
        }
    }
    for other in others {
        if !told.contains(&other.address) {
            rows.push(line(other, ""));
        }
    }
    let mut headings = vec!["ADDRESS".to_owned(), "ID".to_owned()];
    headings.extend(style.attributes.iter().map(|name| name.to_uppercase()));
    headings.push(String::new());
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    table(&headings, &[], rows.into_iter(), style.list)
}

/// A table without lines: headings, then rows, two spaces between the columns.
pub(super) fn table(
    headings: &[&str],
    right: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
    style: ListStyle,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    match style.width {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    // The library would decide about colours for itself, and differently from the rest.
    table.force_no_tty();
    if style.color {
        table.enforce_styling();
    }
    let heading = |name: &&str| match style.color {
        true => Cell::new(name).add_attribute(Attribute::Bold),
        false => Cell::new(name),
    };
    table.set_header(headings.iter().map(heading).collect::<Vec<_>>());
    for row in rows {
        let cells: Vec<Cell> = row.iter().map(|text| Cell::new(escape(text))).collect();
        table.add_row(Row::from(cells));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// Names and values below one another.
fn pairs(pairs: Vec<(&str, String)>) -> String {
    let escaped: Vec<_> = pairs
        .into_iter()
        .map(|(name, value)| (escape(name), value))
        .collect();
    let widest = escaped.iter().map(|(name, _)| width(name)).max();
    escaped
        .iter()
        .map(|(name, value)| format!("  {}  {value}\n", pad(name, widest.unwrap_or(0))))
        .collect()
}

pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Created => "created",
        Origin::Found => "found",
    }
}

fn ready(recorded: &Recorded) -> &'static str {
    if recorded.ready { "yes" } else { "not yet" }
}

fn joined(words: &BTreeSet<String>) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    words.join(" ")
}

/// The regions by name, unless they are all.
fn some_of(regions: &BTreeSet<String>, everywhere: usize) -> String {
    if regions.len() >= everywhere && everywhere > 0 {
        "all".to_owned()
    } else if regions.is_empty() {
        "none".to_owned()
    } else {
        joined(regions)
    }
}

/// `512 MB`, `1 GB`, `1.5 GB`.
fn memory(mib: u64) -> String {
    let gib = mib / 1024;
    match (gib, mib % 1024) {
        (0, _) => format!("{mib} MB"),
        (_, 0) => format!("{gib} GB"),
        (_, rest) => format!("{gib}.{} GB", rest * 10 / 1024),
    }
}
