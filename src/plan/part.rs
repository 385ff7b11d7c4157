//! A part of a plan: some addresses and what they depend on, or everything but some.
//!
//! What is planned never needs what is left out. What shall be needs what it refers to; what is to
//! go needs all that still holds on to it to be changed or to go as well, because an address that is
//! given back must not be led to.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use crate::model::{Address, Attributes, Desired, Diagnostic, nearest};
use crate::resource::{OnChange, kind, texts_of};

use super::bind::{Bindings, observed};
use super::decide::Decision;
use super::{Absence, Index, Input, Reason, Verb};

/// Which part of the whole is planned; the default is all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Only these addresses and what they depend on; all, if there are none.
    pub targets: Vec<Pattern>,
    /// Not these, nor what depends on them.
    pub excluded: Vec<Pattern>,
}

impl Part {
    /// Whether it is all there is.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.targets.is_empty() && self.excluded.is_empty()
    }
}

/// An address, or several at once: `server.web*`.
///
/// ```
/// use cloudbuilder::plan::Pattern;
///
/// let pattern: Pattern = "server.web*".parse()?;
/// assert!(pattern.matches(&"server.web1".parse()?));
/// assert!(!pattern.matches(&"server.db1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(glob::Pattern);

impl Pattern {
    /// As it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it means this address.
    #[must_use]
    pub fn matches(&self, address: &Address) -> bool {
        let text = address.to_string();
        self.0.matches(&text) || self.0.matches(without_id(&text))
    }

    /// Whether it is this address to the letter.
    pub(super) fn is(&self, address: &Address) -> bool {
        let text = address.to_string();
        self.as_str() == text || self.as_str() == without_id(&text)
    }
}

/// One that was replaced is called as before until it goes, with its id behind: `server.web@4711`.
fn without_id(address: &str) -> &str {
    address.split_once('@').map_or(address, |(name, _)| name)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pattern = glob::Pattern::new(text).map_err(|error| error.msg.to_owned())?;
        Ok(Self(pattern))
    }
}

/// What is left out of a plan.
#[derive(Debug, Default)]
pub(super) struct LeftOut<'a> {
    pub(super) addresses: HashSet<&'a Address>,
    /// What is left out for the sake of an excluded address, by that.
    for_sake_of: BTreeMap<&'a Address, Vec<(&'a Address, Why)>>,
}

/// Why something is left out that nobody excluded by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// It depends on what is.
    Depends,
    /// It would have to go, and what is still depends on it.
    DependedOn,
}

/// What a plan leaves out. A pattern that means nothing is an error.
pub(super) fn left_out<'a>(
    input: &Input<'a>,
    index: &Index<'a>,
    bindings: &Bindings<'a>,
    (unmet, replaced): (&HashSet<&'a Address>, &HashSet<&'a Address>),
    notes: &mut Vec<Diagnostic>,
) -> LeftOut<'a> {
    let Part { targets, excluded } = input.part;
    if input.part.is_whole() {
        return LeftOut::default();
    }
    let wanted = input.desired.iter().map(|desired| &desired.address);
    let all: BTreeSet<&Address> = wanted.chain(input.recorded.keys()).collect();
    let web = Web::of(input, index, bindings, (unmet, replaced));
    let targeted = meant(targets, "--target", &all, notes);
    let excluded = meant(excluded, "--exclude", &all, notes);
    let mut left_out: HashSet<&Address> = HashSet::new();
    if !targets.is_empty() {
        let planned = reach(targeted.iter().map(|target| (*target, *target)), |at| {
            web.needs.get(at)
        });
        let others = all.iter().filter(|address| !planned.contains_key(*address));
        left_out.extend(others);
    }
    let depending = reach(excluded.iter().map(|one| (*one, *one)), |at| {
        web.dependents.get(at)
    });
    let with_them = reach(depending.iter().map(|(at, root)| (*at, *root)), |at| {
        web.needed_by.get(at)
    });
    let mut for_sake_of: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (address, root) in &with_them {
        let why = match depending.contains_key(address) {
            true => Why::Depends,
            false => Why::DependedOn,
        };
        if !excluded.contains(address) && !left_out.contains(address) {
            let others = for_sake_of.entry(*root).or_default();
            others.push((*address, why));
        }
    }
    left_out.extend(with_them.keys());
    LeftOut {
        addresses: left_out,
        for_sake_of,
    }
}

/// The addresses that the patterns mean.
pub(super) fn meant<'a>(
    patterns: &[Pattern],
    option: &str,
    all: &BTreeSet<&'a Address>,
    notes: &mut Vec<Diagnostic>,
) -> BTreeSet<&'a Address> {
    let mut meant = BTreeSet::new();
    for pattern in patterns {
        // A name may have a `*` in it and mean no other.
        let mut these: Vec<&Address> = all.iter().copied().filter(|one| pattern.is(one)).collect();
        if these.is_empty() {
            these = all.iter().copied().filter(|a| pattern.matches(a)).collect();
        }
        if these.is_empty() {
            notes.push(nothing_meant(pattern, option, all));
        }
        meant.extend(these);
    }
    meant
}

fn nothing_meant(pattern: &Pattern, option: &str, all: &BTreeSet<&Address>) -> Diagnostic {
    let text = pattern.as_str();
    let problem = Diagnostic::error(format!("{option} {text} means nothing here"))
        .detail("neither cloud.json nor the state has such an address");
    let named = all.iter().find(|address| address.name() == text);
    let known: Vec<String> = all.iter().map(ToString::to_string).collect();
    let near = named.map(ToString::to_string).or_else(|| {
        let near = nearest(text, known.iter().map(String::as_str));
        near.map(ToOwned::to_owned)
    });
    problem.hint(match near {
        Some(near) => format!("did you mean {near}?"),
        None => "an address is KIND.NAME, such as server.web1; `*` stands for any text".to_owned(),
    })
}

/// What depends on what.
#[derive(Default)]
struct Web<'a> {
    /// What has to be in a plan with each.
    needs: HashMap<&'a Address, Vec<&'a Address>>,
    /// The same from the other side.
    needed_by: HashMap<&'a Address, Vec<&'a Address>>,
    /// What refers to each, whether it shall be or is to go.
    dependents: HashMap<&'a Address, Vec<&'a Address>>,
}

impl<'a> Web<'a> {
    fn of(
        input: &Input<'a>,
        index: &Index<'a>,
        bindings: &Bindings<'a>,
        (unmet, replaced): (&HashSet<&'a Address>, &HashSet<&'a Address>),
    ) -> Self {
        let mut web = Self::default();
        for desired in input.desired {
            if unmet.contains(&desired.address) {
                continue;
            }
            for target in desired.needs() {
                web.add_need(&desired.address, target);
                web.dependents
                    .entry(target)
                    .or_default()
                    .push(&desired.address);
            }
        }
        let goes = |address: &Address| {
            let wanted = index.wanted.contains_key(address) && !unmet.contains(address);
            !wanted && input.recorded.contains_key(address)
        };
        // What another is made for goes as well, and what leads to it has to be led on first.
        let is_let_go = |address: &Address| goes(address) || replaced.contains(address);
        let mut given_back: HashMap<&str, &Address> = HashMap::new();
        for (address, recorded) in input.recorded {
            let had = address.had();
            let serves = had.and_then(|(had, _)| index.wanted.get_key_value(&had));
            if let Some((serves, _)) = serves {
                web.add_need(address, serves);
            }
            for target in &recorded.refers_to {
                if is_let_go(target) {
                    web.add_need(target, address);
                }
                if goes(address) {
                    web.dependents.entry(target).or_default().push(address);
                }
            }
            if is_let_go(address) {
                let is = seen(input, bindings, address).unwrap_or(&recorded.attributes);
                let texts = texts_of(address.kind(), is, OnChange::Computed);
                given_back.extend(texts.map(|text| (text, address)));
            }
        }
        // So does what is taken from where it is attached.
        let moving = input.desired.iter();
        for desired in moving.filter(|desired| moves(desired, input, bindings, replaced)) {
            let address = &desired.address;
            if let Some(is) = seen(input, bindings, address) {
                let texts = texts_of(address.kind(), is, OnChange::Computed);
                given_back.extend(texts.map(|text| (text, address)));
            }
        }
        for &address in bindings.at.keys() {
            let Some(is) = seen(input, bindings, address) else {
                continue;
            };
            for text in texts_of(address.kind(), is, OnChange::Update) {
                if let Some(&holder) = given_back.get(text) {
                    web.add_need(holder, address);
                }
            }
        }
        web
    }

    fn add_need(&mut self, one: &'a Address, needed: &'a Address) {
        if one != needed {
            self.needs.entry(one).or_default().push(needed);
            self.needed_by.entry(needed).or_default().push(one);
        }
    }
}

/// Whether something is attached to something else than it is to be.
fn moves(
    desired: &Desired,
    input: &Input<'_>,
    bindings: &Bindings<'_>,
    replaced: &HashSet<&Address>,
) -> bool {
    let by = kind(desired.address.kind()).and_then(|(_, kind)| kind.attached_by);
    let wanted = by.and_then(|by| desired.attributes.get(by));
    let seen_of = |address: &Address| seen(input, bindings, address);
    let is = seen_of(&desired.address).and_then(|is| is.get(by?));
    let (Some(wanted), Some(is)) = (wanted, is) else {
        return false;
    };
    let wanted = wanted.resolve(|to| {
        let stays = !replaced.contains(&to.address);
        seen_of(&to.address).filter(|_| stays)?.get(&to.attribute)
    });
    wanted.as_deref() != Some(is)
}

fn seen<'a>(
    input: &Input<'a>,
    bindings: &Bindings<'a>,
    address: &Address,
) -> Option<&'a Attributes> {
    observed(input, bindings.at.get(address)).map(|observed| &observed.attributes)
}

/// All that is reached, each with the beginning that it was reached from.
fn reach<'a, 'w>(
    begin: impl IntoIterator<Item = (&'a Address, &'a Address)>,
    next: impl Fn(&Address) -> Option<&'w Vec<&'a Address>>,
) -> BTreeMap<&'a Address, &'a Address>
where
    'a: 'w,
{
    let mut reached: BTreeMap<_, _> = begin.into_iter().collect();
    let mut open: Vec<&Address> = reached.keys().copied().collect();
    while let Some(at) = open.pop() {
        let Some(&root) = reached.get(at) else {
            continue;
        };
        for &other in next(at).into_iter().flatten() {
            reached.entry(other).or_insert_with(|| {
                open.push(other);
                root
            });
        }
    }
    reached
}

impl<'a> LeftOut<'a> {
    /// Takes out of the decisions what is left out, and gives it as what nothing is done about. Says
    /// how many changes that leaves to another plan.
    pub(super) fn take<'d>(
        &self,
        input: &Input<'a>,
        decisions: &mut Vec<Decision<'d>>,
        notes: &mut Vec<Diagnostic>,
    ) -> (usize, Vec<Decision<'d>>) {
        if self.addresses.is_empty() {
            return (0, Vec::new());
        }
        let (left_out, planned) = std::mem::take(decisions)
            .into_iter()
            .partition(|decision| self.addresses.contains(&decision.action.address));
        *decisions = planned;
        let left_out: Vec<Decision<'d>> = left_out;
        let is_idle = |one: &&Decision<'_>| one.action.verb == Verb::NoOp && !one.awaited;
        let to_do = left_out.iter().filter(|decision| !is_idle(decision));
        let to_do: HashSet<&Address> = to_do.map(|decision| &decision.action.address).collect();
        let changes = to_do.len();
        // What is wrong comes first, and the part may be another one then.
        if !notes.iter().any(Diagnostic::is_error) {
            self.tell(&to_do, notes);
        }
        let is_there = |decision: &Decision<'_>| {
            let address = &decision.action.address;
            let gone = input.absent.get(address) == Some(&Absence::Gone);
            input.recorded.contains_key(address) && !gone
        };
        let standing = left_out.into_iter().filter(is_there).map(Decision::stand);
        (changes, standing.collect())
    }

    fn tell(&self, to_do: &HashSet<&Address>, notes: &mut Vec<Diagnostic>) {
        for (root, others) in &self.for_sake_of {
            for why in [Why::Depends, Why::DependedOn] {
                let others = others.iter().filter(|(_, because)| *because == why);
                let others: Vec<String> = others
                    .filter(|(address, _)| to_do.contains(address))
                    .map(|(address, _)| address.to_string())
                    .collect();
                let (is, it_depends, on_it) = match others.len() {
                    0 => continue,
                    1 => ("is", "it depends", "it"),
                    _ => ("are", "they depend", "them"),
                };
                let others = listed(&others);
                let which = match why {
                    Why::Depends => format!("which {it_depends} on"),
                    Why::DependedOn => format!("which still depends on {on_it}"),
                };
                notes.push(Diagnostic::note(format!(
                    "{others} {is} left out with {root}, {which}"
                )));
            }
        }
        let changes = match to_do.len() {
            0 => return,
            1 => "1 other change is".to_owned(),
            changes => format!("{changes} other changes are"),
        };
        notes.push(
            Diagnostic::warning(format!("this plan is only a part: {changes} left out"))
                .detail("a plan without --target and --exclude has them all"),
        );
    }
}

impl Decision<'_> {
    /// What is decided about something that is left as it is.
    fn stand(mut self) -> Self {
        let action = &mut self.action;
        action.verb = Verb::NoOp;
        action.reason = Reason::LeftOut;
        action.after = None;
        action.changes = Vec::new();
        action.monthly_after = action.monthly_before;
        self
    }
}

/// All of them, `a, b and c`: what nobody named is not to be guessed.
pub(super) fn listed(addresses: &[String]) -> String {
    match addresses.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => addresses.concat(),
    }
}
