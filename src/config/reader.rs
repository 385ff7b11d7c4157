use std::collections::HashMap;
use std::ops::Range;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use serde_json::Value as Json;

use super::Spanned;
use super::source::Source;
use super::syntax::range;
use crate::model::{Diagnostic, Place, has_references};

/// Takes values out of a parsed file and collects every complaint, so that one run reports all.
///
/// No message repeats a value: security.json is read with it too.
pub(super) struct Reader<'s, 't> {
    source: &'s Source<'t>,
    /// What is laid over it. Its bytes are counted on from those of the first one.
    overlay: Option<&'s Source<'t>>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'s, 't> Reader<'s, 't> {
    pub(super) fn new(source: &'s Source<'t>) -> Self {
        Self::of_two(source, None)
    }

    pub(super) fn of_two(source: &'s Source<'t>, overlay: Option<&'s Source<'t>>) -> Self {
        Self {
            source,
            overlay,
            diagnostics: Vec::new(),
        }
    }

    /// The number of the overlay's first byte. The end of the first text is a place in that.
    pub(super) fn overlay_start(&self) -> usize {
        self.source.text.len() + 1
    }

    pub(super) fn place(&self, range: Range<usize>) -> Place {
        let start = self.overlay_start();
        match self.overlay {
            Some(overlay) if range.start >= start => {
                overlay.place(range.start - start..range.end - start)
            }
            _ => self.source.place(range),
        }
    }

    pub(super) fn name_place(&self, member: &ObjectProp<'_>) -> Place {
        self.place(range(&member.name))
    }

    /// Whether a string is another one in the file, where a variable stands in it.
    fn is_from_variable(&self, value: &Value<'_>) -> bool {
        let range = range(value);
        let start = self.overlay_start();
        let written = match self.overlay {
            Some(overlay) if range.start >= start => {
                overlay.text.get(range.start - start..range.end - start)
            }
            _ => self.source.text.get(range),
        };
        value.as_string_lit().is_some() && written.is_some_and(|text| text.contains("${"))
    }

    /// Where a value stands; of an object or a list only the bracket that opens it.
    pub(super) fn value_place(&self, value: &Value<'_>) -> Place {
        let range = range(value);
        match value {
            Value::Object(_) | Value::Array(_) => self.place(range.start..range.start + 1),
            _ => self.place(range),
        }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports every key that an object holds more than once. `named` makes the message out of a
    /// key.
    pub(super) fn report_duplicates(
        &mut self,
        object: &Object<'_>,
        named: impl Fn(&str) -> (String, &'static str),
    ) {
        let mut seen = HashMap::new();
        for member in &object.properties {
            let key = member.name.as_str();
            match seen.get(key) {
                None => {
                    seen.insert(key, range(&member.name));
                }
                Some(first) => {
                    let (summary, hint) = named(key);
                    let diagnostic = Diagnostic::error(summary)
                        .hint(hint)
                        .at(self.name_place(member))
                        .related(self.place(first.clone()), "first here");
                    self.report(diagnostic);
                }
            }
        }
    }

    /// The object a value is, or a complaint.
    pub(super) fn object<'v, 'a>(
        &mut self,
        what: &str,
        value: &'v Value<'a>,
    ) -> Option<&'v Object<'a>> {
        let object = value.as_object();
        if object.is_none() {
            self.report_type(what, "an object", value, None);
        }
        object
    }

    /// The string a value is, whatever is in it, or a complaint. References to other resources are
    /// one too.
    pub(super) fn string<'v>(&mut self, what: &str, value: &'v Value<'_>) -> Option<&'v str> {
        let text = self.template(what, value)?;
        if has_references(text) {
            let diagnostic = Diagnostic::error(format!("{what} cannot refer to another resource"))
                .detail("it has to be known before anything is made")
                .hint("write the value itself, or a variable such as ${NAME}")
                .at(self.value_place(value));
            self.report(diagnostic);
            return None;
        }
        Some(text)
    }

    /// The string a value is, in which references to other resources may stand, marked as
    /// [`marked`](crate::model::marked) does it; or a complaint.
    pub(super) fn template<'v>(&mut self, what: &str, value: &'v Value<'_>) -> Option<&'v str> {
        if let Some(literal) = value.as_string_lit() {
            return Some(literal.value.as_ref());
        }
        let hint = matches!(value, Value::NumberLit(_)).then_some("put it in double quotes");
        self.report_type(what, "a string", value, hint);
        None
    }

    /// The text a value is, or a complaint. Text that is empty, holds control characters or is
    /// padded with spaces is one too.
    pub(super) fn text(&mut self, what: &str, value: &Value<'_>) -> Option<Spanned<String>> {
        let text = self.string(what, value)?;
        let complaint = if text.is_empty() {
            Some(("is empty", "write a value between the quotes"))
        } else if text.chars().any(char::is_control) {
            Some((
                "holds a control character, such as a line break",
                "remove it",
            ))
        } else if text.trim() != text {
            Some((
                "begins or ends with a space",
                "remove the space: it would be part of the value",
            ))
        } else {
            None
        };
        if let Some((problem, hint)) = complaint {
            let diagnostic = Diagnostic::error(format!("{what} {problem}"))
                .hint(hint)
                .at(self.value_place(value));
            self.report(diagnostic);
            return None;
        }
        Some(Spanned::new(text.to_owned(), self.value_place(value)))
    }

    /// The truth value, or a complaint.
    pub(super) fn boolean(&mut self, what: &str, value: &Value<'_>) -> Option<Spanned<bool>> {
        if let Some(literal) = value.as_boolean_lit() {
            return Some(Spanned::new(literal.value, self.value_place(value)));
        }
        let quoted = value
            .as_string_lit()
            .is_some_and(|text| matches!(text.value.as_ref(), "true" | "false"));
        let hint = match (quoted, self.is_from_variable(value)) {
            (_, true) => Some("a variable is always text; write `true` or `false` here"),
            (true, false) => Some("write it without quotes"),
            (false, false) => None,
        };
        self.report_type(what, "`true` or `false`", value, hint);
        None
    }

    pub(super) fn report_type(
        &mut self,
        what: &str,
        wanted: &str,
        value: &Value<'_>,
        hint: Option<&str>,
    ) {
        let mut diagnostic =
            Diagnostic::error(format!("{what} must be {wanted}, not {}", type_name(value)))
                .at(self.value_place(value));
        diagnostic.hint = hint.map(str::to_owned);
        self.report(diagnostic);
    }
}

/// A value's type, for people.
pub(super) fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a string",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(literal) if literal.value => "`true`",
        Value::BooleanLit(_) => "`false`",
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        Value::NullKeyword(_) => "`null`",
    }
}

/// A value as plain JSON. Of members with the same key the last one counts; a number that no
/// machine number holds becomes text.
pub(super) fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::StringLit(literal) => Json::String(literal.value.clone().into_owned()),
        Value::NumberLit(literal) => serde_json::from_str(literal.value)
            .unwrap_or_else(|_| Json::String(literal.value.to_owned())),
        Value::BooleanLit(literal) => Json::Bool(literal.value),
        Value::NullKeyword(_) => Json::Null,
        Value::Array(array) => array.elements.iter().map(to_json).collect(),
        Value::Object(object) => object
            .properties
            .iter()
            .map(|member| (member.name.as_str().to_owned(), to_json(&member.value)))
            .collect(),
    }
}
