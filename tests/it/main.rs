//! The one integration test binary. Each module is a story; names are claims.

mod alarms;
mod bad_input;
mod cli;
mod collect;
mod config;
mod connections;
mod crash;
mod csv;
mod deliver;
mod demo;
mod dkim;
mod hooks;
mod inbox;
mod join;
mod leave;
mod newsroom;
mod publish;
mod render;
mod schedule;
mod serve;
mod session;
mod splice;
mod store;
mod strangers;
mod tidy;
mod world;
