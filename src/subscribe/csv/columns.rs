//! Which column of a file holds what. Nothing is guessed from the cells of other lines than the first.

use crate::domain::subscription::clean_name;

/// Where to look in a record.
pub(super) struct Columns {
    address: usize,
    /// The columns that together make the name, in their order.
    name: Vec<usize>,
    state: Option<usize>,
}

/// Without a header: the address, then the name.
impl Default for Columns {
    fn default() -> Self {
        Self { address: 0, name: vec![1], state: None }
    }
}

impl Columns {
    /// The columns that a first record names; `None` when it names no address, and so is no header. A column called
    /// `email` goes before one called `address`, which may well be a street.
    pub(super) fn of_header(fields: &[String]) -> Option<Self> {
        let titles: Vec<String> = fields
            .iter()
            .map(|field| field.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect())
            .collect();
        let find = |names: &[&str]| titles.iter().position(|title| names.contains(&title.as_str()));
        let address = find(&["email", "emailaddress", "mail"]).or_else(|| find(&["address"]))?;
        let whole = find(&["name", "fullname"]);
        let parts = [find(&["firstname", "givenname"]), find(&["lastname", "surname", "familyname"])];
        let name = whole.map_or_else(|| parts.into_iter().flatten().collect(), |whole| vec![whole]);
        Some(Self { address, name, state: find(&["state"]) })
    }

    /// True when the address, or a name, holds a line break and an `@`: whole lines were taken for one field.
    pub(super) fn hold_lines(&self, fields: &[String]) -> bool {
        let mut ours = self.name.iter().chain([&self.address]).filter_map(|column| fields.get(*column));
        ours.any(|field| field.contains('\n') && field.contains('@'))
    }

    /// The address as typed, when there is one.
    pub(super) fn address(&self, fields: &[String]) -> Option<String> {
        Some(bare(fields.get(self.address)?)).filter(|address| !address.is_empty())
    }

    /// The name, fit for a greeting; empty when it is unknown or garbled.
    pub(super) fn name(&self, fields: &[String]) -> String {
        let parts: Vec<String> =
            self.name.iter().filter_map(|column| fields.get(*column)).map(|part| bare(part)).collect();
        let name = parts.join(" ");
        if is_garbled(&name) { String::new() } else { clean_name(&name) }
    }

    /// False when the file says that the subscription is pending or ended, as an export of ours does. Any other word
    /// may be the state of a postal address.
    pub(super) fn is_active(&self, fields: &[String]) -> bool {
        let state = self.state.and_then(|column| fields.get(column)).map_or("", |state| state.trim());
        !["pending", "ended"].contains(&state.to_lowercase().as_str())
    }
}

/// True when a text holds what was not text: a NUL, or the mark of bytes that could not be decoded.
pub(super) fn is_garbled(text: &str) -> bool {
    text.contains(['\0', char::REPLACEMENT_CHARACTER])
}

/// A cell for a spreadsheet: one that would be taken for a formula gets an apostrophe before it. So does one that
/// already has apostrophes before such a start, so that [`bare`] gives back exactly what was. Some spreadsheets take
/// semicolons for the ends of cells, whatever stands around them: what is behind one is a cell to them.
pub(super) fn shielded(cell: &str) -> String {
    let shield = |part: &str| if is_formula(part) { format!("'{part}") } else { part.to_owned() };
    cell.split(';').map(shield).collect::<Vec<_>>().join(";")
}

/// A cell without spaces around it and without the apostrophes of [`shielded`].
fn bare(cell: &str) -> String {
    let bare = |part| str::strip_prefix(part, '\'').filter(|rest| is_formula(rest)).unwrap_or(part);
    cell.trim().split(';').map(bare).collect::<Vec<_>>().join(";")
}

fn is_formula(part: &str) -> bool {
    part.trim_start_matches(['\'', ' ']).starts_with(['=', '+', '-', '@', '\t', '\r'])
}

#[cfg(test)]
mod tests {
    use super::{Columns, bare, shielded};

    fn columns(header: &[&str]) -> Option<(usize, Vec<usize>)> {
        let header: Vec<String> = header.iter().map(|&title| title.to_owned()).collect();
        Columns::of_header(&header).map(|columns| (columns.address, columns.name))
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        assert_eq!(columns(&["Name", "E-Mail"]), Some((1, vec![0])));
        assert_eq!(columns(&["last_name", "First Name", "email address"]), Some((2, vec![1, 0])));
        assert_eq!(columns(&["Address", "Email", "City"]), Some((1, vec![])));
        assert_eq!(columns(&["address"]), Some((0, vec![])));
        assert_eq!(columns(&["ana@example.org", "Ana"]), None);
    }

    #[test]
    fn a_formula_is_shielded_and_comes_back_bare() {
        for (cell, shield) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("'-1", "''-1"),
            ("Ana", "Ana"),
            ("'Ana", "'Ana"),
            ("Ana;=1+1", "Ana;'=1+1"),
            ("Ana; +1;'-2", "Ana;' +1;''-2"),
            ("Ana;'b;", "Ana;'b;"),
        ] {
            assert_eq!(shielded(cell), shield);
            assert_eq!(bare(shield), cell);
        }
    }
}
