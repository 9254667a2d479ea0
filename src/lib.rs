//! Tidings mails a site's news to the people who asked for it. This file is the map: one line for each room, in
//! floor order. Imports go down only; `tests/it/tidy.rs` holds that.

// Floor 0: plain values, pure rules, the time.
pub mod clock;
pub mod config;
pub mod domain;
pub mod server;
pub mod stop;
pub mod tls;

// Floor 1: the rows.
pub mod store;

// Floor 2: the steps, each knowing nothing of the others.
pub mod collect;
pub mod compose;
pub mod deliver;
pub mod judge;
pub mod queue;
pub mod render;

// Floor 3: the flows, which join the steps.
pub mod access;
pub mod app;
pub mod archive;
pub mod daemon;
pub mod explain;
pub mod inbox;
pub mod intake;
pub mod newsroom;
pub mod publish;
pub mod staff;
pub mod subscribe;
pub mod webhooks;

// Floor 4: the shells.
pub mod cli;
pub mod web;
