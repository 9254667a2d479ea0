//! `[api]`: how fast programs may ask.

use super::section::{Section, Value};
use crate::domain::rate::Rate;

/// `[api]`: what programs may ask of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// How many requests of one token are answered, by each machine.
    pub rate: Rate,
}

impl Default for Api {
    fn default() -> Self {
        Self { rate: Rate::parse("600/m").expect("it is a rate") }
    }
}

/// Reads `[api]`.
pub(super) fn api(top: &mut Section<'_, '_>) -> Api {
    let mut section = top.section("api");
    let rate = section.or("rate", Api::default().rate, Value::rate);
    section.finish();
    Api { rate }
}
