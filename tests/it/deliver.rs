//! Step 6 against scripted relays: what came over the wire is compared with what the rows say, never with our own
//! counts alone. Each message that a relay took goes through the checker.

mod claims;
mod ending;
mod house;
mod limits;
mod outcomes;
mod postfix;
mod relays;
mod sender;
mod store_trouble;
mod urgent;
