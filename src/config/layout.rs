//! How the user lays out an object, and where in it a member goes and comes out again, so that
//! putting one in and taking it out leaves every byte as it was.

use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp};
use serde_json::Value as Json;

use super::networks::Shape;
use super::syntax::range;
use super::trivia::{
    Kind, Piece, around_comma, has_break, last_comment, line_prefix, pieces, spacing,
};

/// One replacement in the text.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Edit {
    fn insert(at: usize, text: String) -> Self {
        Self {
            range: at..at,
            text,
        }
    }

    fn delete(range: Range<usize>) -> Self {
        Self {
            range,
            text: String::new(),
        }
    }
}

/// An object whose members are objects, such as that of the servers, and lend their style to each
/// other.
pub(super) struct Section<'v, 't> {
    pub(super) text: &'t str,
    pub(super) object: &'v Object<'t>,
}

/// An object that is edited, and the member whose value it is; the whole of a file is nobody's.
#[derive(Clone, Copy)]
pub(super) struct Owned<'v, 't> {
    pub(super) owner: Option<&'v ObjectProp<'t>>,
    pub(super) object: &'v Object<'t>,
}

impl Owned<'_, '_> {
    fn start(&self) -> usize {
        self.owner
            .map_or_else(|| range(self.object).start, |owner| range(owner).start)
    }
}

/// What stands between two members.
struct Separator {
    before_comma: String,
    after_comma: String,
}

impl Separator {
    fn comma_leads(&self) -> bool {
        has_break(&self.before_comma)
    }

    fn breaks(&self) -> bool {
        has_break(&self.before_comma) || has_break(&self.after_comma)
    }
}

impl<'t> Section<'_, 't> {
    /// Puts members at the end of an object. `value` writes one's value in the given shape.
    pub(super) fn insert<T>(
        &self,
        into: Owned<'_, '_>,
        members: &[(&str, T)],
        value: impl Fn(&T, &Shape) -> String,
    ) -> Vec<Edit> {
        let object = into.object;
        let colon = self.colon(into);
        let written = |shape: &Shape, separator: &str| {
            let members = members.iter().map(|(key, of)| {
                let key = Json::from(*key);
                format!("{key}{}{}", shape.colon, value(of, shape))
            });
            members.collect::<Vec<_>>().join(separator)
        };
        let Some(last) = object.properties.last() else {
            let (at, lead) = self.inside_empty(object);
            let prefix = has_break(&lead).then(|| lead.clone());
            let next = match prefix {
                Some(_) => format!(",{lead}"),
                None if colon == ":" => ",".to_owned(),
                None => ", ".to_owned(),
            };
            let shape = self.shape(into, prefix.as_deref(), colon);
            let members = format!("{lead}{}", written(&shape, &next));
            return vec![Edit::insert(at, members)];
        };
        let separator = self.separator(object, &colon);
        let (before, after) = (&separator.before_comma, &separator.after_comma);
        let prefix = if has_break(after) {
            Some(after.clone())
        } else {
            has_break(before).then(|| format!("{before},{after}"))
        };
        let shape = self.shape(into, prefix.as_deref(), colon);
        let member = written(&shape, &format!("{before},{after}"));

        let end = range(last).end;
        let tail = pieces(self.text, end);
        let (_, trailing_comma, after_it) = around_comma(&tail);
        let (start, rest) = match trailing_comma {
            Some(end) => (end, after_it),
            None => (end, tail.as_slice()),
        };
        // A comment at the end of the last member's line belongs to that member.
        let end_of_line = if separator.breaks() {
            self.past_comments(start, rest)
        } else {
            start
        };
        if trailing_comma.is_some() {
            let lead = if separator.breaks() && !has_break(after) {
                before
            } else {
                after
            };
            let before = if has_break(before) { "" } else { before };
            return vec![Edit::insert(
                end_of_line,
                format!("{lead}{member}{before},"),
            )];
        }
        if has_break(before) || !has_break(after) {
            let text = format!("{before},{after}{member}");
            return vec![Edit::insert(end_of_line, text)];
        }
        vec![
            Edit::insert(end, format!("{before},")),
            Edit::insert(end_of_line, format!("{after}{member}")),
        ]
    }

    /// The shape in which to rewrite the value of a member that is there.
    pub(super) fn shape_of(&self, server: Owned<'_, '_>, member: &ObjectProp<'_>) -> Shape {
        let prefix = line_prefix(self.text, range(member).start);
        self.shape(server, prefix, self.colon(server))
    }

    fn past_comments(&self, start: usize, rest: &[Piece]) -> usize {
        let on_line = rest.iter().take_while(|piece| match piece.kind {
            Kind::Space => {
                let space = self.text.get(piece.range.clone());
                !has_break(space.unwrap_or_default())
            }
            Kind::LineComment | Kind::BlockComment => true,
            Kind::Comma => false,
        });
        let last = on_line.filter(|piece| piece.is_comment()).last();
        last.map_or(start, |piece| piece.range.end)
    }

    /// Where the only member of an empty object goes, and the space before it. The space that is
    /// there stays behind it.
    fn inside_empty(&self, object: &Object<'_>) -> (usize, String) {
        let start = range(object).start + 1;
        let inside = pieces(self.text, start);
        let at = last_comment(&inside).map_or(start, |comment| comment.range.end);
        let space = spacing(self.text, &inside);
        if !has_break(space) {
            return (at, space.to_owned());
        }
        let sibling = self.siblings().find_map(|sibling| {
            let lead = self.lead(sibling);
            has_break(lead).then_some(lead)
        });
        let deeper = if space.contains('\t') { "\t" } else { "    " };
        let lead = sibling.map_or_else(|| format!("{space}{deeper}"), str::to_owned);
        (at, lead)
    }

    fn siblings(&self) -> impl Iterator<Item = &Object<'_>> {
        let servers = self.object.properties.iter();
        // The first few show the style; to ask all of them for each of them would take long.
        let servers = servers.take(50);
        servers.filter_map(|server| server.value.as_object())
    }

    /// The space before the first member.
    fn lead(&self, object: &Object<'_>) -> &'t str {
        spacing(self.text, &pieces(self.text, range(object).start + 1))
    }

    /// What separates the last two members of an object.
    fn own_separator(&self, object: &Object<'_>) -> Option<Separator> {
        let [.., before, _] = object.properties.as_slice() else {
            return None;
        };
        let between = pieces(self.text, range(before).end);
        let (before, _, after) = around_comma(&between);
        Some(Separator {
            before_comma: spacing(self.text, before).to_owned(),
            after_comma: spacing(self.text, after).to_owned(),
        })
    }

    /// What separates the members of an object, or would, going by the other servers.
    fn separator(&self, object: &Object<'_>, colon: &str) -> Separator {
        if let Some(separator) = self.own_separator(object) {
            return separator;
        }
        let lead = self.lead(object);
        let mut siblings = self
            .siblings()
            .filter_map(|sibling| self.own_separator(sibling));
        if has_break(lead) {
            let leading = siblings.find(Separator::comma_leads);
            return leading.unwrap_or_else(|| Separator {
                before_comma: String::new(),
                after_comma: lead.to_owned(),
            });
        }
        let one_line = siblings.find(|separator| !separator.breaks());
        one_line.unwrap_or_else(|| Separator {
            before_comma: String::new(),
            after_comma: if colon == ":" { "" } else { " " }.to_owned(),
        })
    }

    /// How most members of the object spell the colon; one without members goes by its own.
    fn colon(&self, Owned { owner, object }: Owned<'_, '_>) -> String {
        let spelled = |member: &ObjectProp<'_>| {
            let between = range(&member.name).end..range(&member.value).start;
            let between = self.text.get(between).unwrap_or_default();
            let space = |side: &str| if side.is_empty() { "" } else { " " };
            // A colon in a comment spoils only the looks.
            let (before, after) = between.split_once(':').unwrap_or_default();
            format!("{}:{}", space(before), space(after))
        };
        let mut counted: Vec<(usize, String)> = Vec::new();
        for member in &object.properties {
            let colon = spelled(member);
            match counted.iter_mut().find(|(_, known)| *known == colon) {
                Some((count, _)) => *count += 1,
                None => counted.push((1, colon)),
            }
        }
        let most = counted.into_iter().max_by_key(|(count, _)| *count);
        most.map(|(_, colon)| colon)
            .or_else(|| owner.map(spelled))
            .unwrap_or_else(|| ": ".to_owned())
    }

    /// `prefix` is what stands before the member from the line break on; none if it does not begin
    /// a line.
    fn shape(&self, of: Owned<'_, '_>, prefix: Option<&str>, colon: String) -> Shape {
        let comma_leads = prefix.is_some_and(|prefix| prefix.contains(','));
        let line = prefix.map(|prefix| prefix.replace(',', " "));
        let step = line.as_deref().map(|line| {
            let outer = line_prefix(self.text, of.start()).unwrap_or_default();
            let outer = outer.trim_start_matches(['\r', '\n']);
            let inner = line.trim_start_matches(['\r', '\n']);
            match inner.strip_prefix(outer) {
                Some(deeper) if !deeper.is_empty() && !comma_leads => deeper.to_owned(),
                _ if inner.contains('\t') && !comma_leads => "\t".to_owned(),
                _ => "    ".to_owned(),
            }
        });
        Shape {
            line,
            step: step.unwrap_or_default(),
            comma_leads,
            tight: colon == ":",
            colon,
        }
    }

    /// Takes members that follow each other out, with the commas and the space that came with them.
    /// Comments before and behind them stay.
    pub(super) fn remove(&self, object: &Object<'_>, run: Range<usize>) -> Vec<Edit> {
        let members = &object.properties;
        let gone = members.get(run.clone()).unwrap_or_default();
        let Some((first, last)) = gone.first().zip(gone.last()) else {
            return Vec::new();
        };
        let (start, end) = (range(first).start, range(last).end);
        let tail = pieces(self.text, end);
        let (before_next, next_comma, after_next) = around_comma(&tail);
        // The comma behind it, with the space before that.
        let following = next_comma.map(|comma| {
            let from = if last_comment(before_next).is_some() {
                comma - 1
            } else {
                end
            };
            from..comma
        });
        let after_both = match &following {
            Some(comma) if comma.start == end => comma.end,
            _ => end,
        };
        let previous = run
            .start
            .checked_sub(1)
            .and_then(|index| members.get(index));
        let Some(previous) = previous else {
            if members.len() > run.len() {
                let mut edits = vec![Edit::delete(start..end)];
                edits.extend(following.map(Edit::delete));
                if let ([space], Some(_)) = (after_next, next_comma)
                    && space.kind == Kind::Space
                {
                    edits.push(Edit::delete(space.range.clone()));
                }
                return edits;
            }
            let opening = range(object).start + 1;
            let lead = pieces(self.text, opening);
            let from = self.space_from(opening, &lead, start, after_both);
            let mut edits = vec![Edit::delete(from..end)];
            edits.extend(following.map(Edit::delete));
            return edits;
        };
        let previous_end = range(previous).end;
        let gap = pieces(self.text, previous_end);
        let (before, comma, after) = around_comma(&gap);
        let comma = comma.unwrap_or(previous_end);
        if run.end == members.len()
            && let Some(following) = following
        {
            let from = self.space_from(comma, after, start, after_both);
            return vec![Edit::delete(from..end), Edit::delete(following)];
        }
        let from = self.space_from(comma, after, start, end);
        let mut edits = vec![Edit::delete(from..end)];
        let follows = if from == comma { end } else { comma };
        let from = self.space_from(previous_end, before, comma.saturating_sub(1), follows);
        edits.insert(0, Edit::delete(from..comma));
        edits
    }

    /// Where the space before `start` begins that goes when what stands there goes, too: all back
    /// to `opening` or the last comment. A line comment needs its line break, unless what follows
    /// begins with one.
    fn space_from(&self, opening: usize, between: &[Piece], start: usize, follows: usize) -> usize {
        match last_comment(between) {
            None => opening,
            Some(comment) if comment.kind == Kind::LineComment => {
                let rest = self.text.get(follows..).unwrap_or_default();
                let rest = rest.trim_start_matches([' ', '\t']);
                if rest.starts_with(['\n', '\r']) {
                    comment.range.end
                } else {
                    start
                }
            }
            Some(comment) => comment.range.end,
        }
    }
}
